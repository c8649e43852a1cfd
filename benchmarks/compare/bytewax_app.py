"""The same rating in Bytewax, at least once: state in memory, snapshots of it in SQLite.

    python -m benchmarks.compare.bytewax_app TASK.json

It is run by `benchmarks.compare`, in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from benchmarks.compare.pricing import Pricing
from benchmarks.compare.task import Meter, Task, read_task

Counters = dict[str, str]


def main() -> None:
    """Rate what lies in the topic, keep the last snapshot, write the figures."""
    task = read_task()
    pricing = Pricing(Path(task.catalogue))
    snapshots = Path(task.scratch)
    init_db_dir(snapshots, 1)
    meter = Meter(task)
    run_main(_flow(task, pricing, meter), recovery_config=RecoveryConfig(snapshots))
    meter.write()


def _flow(task: Task, pricing: Pricing, meter: Meter) -> Dataflow:
    def keyed(record: KafkaSourceMessage) -> tuple[str, bytes]:
        meter.count()
        return record.key.decode(), record.value

    def rate(state: Counters | None, value: bytes) -> tuple[Counters, bytes | None]:
        counters = {} if state is None else state
        return counters, pricing.rate(value, counters.get, counters.__setitem__)

    def message(rated: tuple[str, bytes]) -> KafkaSinkMessage:
        key, value = rated
        return KafkaSinkMessage(key.encode(), value)

    flow = Dataflow("rating")
    read = kafka.input(
        "events", flow, brokers=[task.bootstrap], topics=[task.events_topic], tail=False
    )
    by_key = op.map("keyed", read.oks, keyed)
    rated = op.stateful_map("rate", by_key, rate)
    charges = op.map(
        "message", op.filter("charged", rated, lambda pair: pair[1] is not None), message
    )
    kafka.output("charges", charges, brokers=[task.bootstrap], topic=task.charges_topic)
    return flow


if __name__ == "__main__":
    main()
