"""The same rating in Quix Streams, exactly once, with its state in RocksDB and in changelog topics.

    python -m benchmarks.compare.quix_app TASK.json

It is run by `benchmarks.compare`, in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path

from quixstreams import Application, State

from benchmarks.compare.pricing import Pricing
from benchmarks.compare.task import Meter, read_task


def main() -> None:
    """Rate what lies in the topic, commit, write the figures."""
    task = read_task()
    pricing = Pricing(Path(task.catalogue))
    meter = Meter(task)
    left = task.events

    def processed(topic: str, partition: int, offset: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            app.stop()

    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=task.scratch,
        loglevel="WARNING",
        on_message_processed=processed,
    )
    events = app.topic(task.events_topic, key_deserializer="str", value_deserializer="bytes")
    charges = app.topic(task.charges_topic, key_serializer="str", value_serializer="bytes")

    def rate(value: bytes, state: State) -> bytes | None:
        meter.count()
        return pricing.rate(value, state.get, state.set)

    rated = app.dataframe(events).apply(rate, stateful=True)
    rated = rated.filter(lambda value: value is not None)
    rated.to_topic(charges)
    app.run()  # ends with a commit
    meter.write()


if __name__ == "__main__":
    main()
