"""The floor: the normalised events through aiokafka into another topic, with nothing done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.clock import SystemClock, process_cpu_ns
from pipeline.kafka import idempotent_producer, reading
from pipeline.proofs import end_of
from pipeline.settings import Settings
from pipeline.topics import topics_of

_POLL_MS = 200
_POLL_RECORDS = 2_000


def out_topic(settings: Settings) -> str:
    """Return the name of the topic that the records go to; it has as many partitions."""
    return f"{settings.installation}.passthrough.v1"


async def pass_through(task: Task, settings: Settings) -> Figures:
    """Return what a consumer and a producer take for records as they are, in the client's best way.

    Fetched by the thousand, appended by the batch, idempotent, without a transaction.
    """
    bootstrap = settings.kafka_bootstrap
    assert bootstrap is not None
    source, clock = topics_of(settings).normalised, SystemClock()
    producer = idempotent_producer(bootstrap, client_id="ratemill.bench.passthrough")
    await producer.start()
    try:
        count = 0
        started_ns, cpu_ns = clock.monotonic_ns(), process_cpu_ns()
        for number in range(source.partitions):
            partition = TopicPartition(source.name, number)
            count += await _pass(
                bootstrap, producer, partition, out_topic(settings), most=task.most_events // 4
            )
        took_s = (clock.monotonic_ns() - started_ns) / 1e9
        cpu_s = (process_cpu_ns() - cpu_ns) / 1e9
    finally:
        await producer.stop()
    return {
        "pass_through_events": count,
        "pass_through_us_per_event": cpu_s * 1e6 / count,
        "pass_through_events_per_s": count / took_s,
    }


async def _pass(
    bootstrap: str,
    producer: AIOKafkaProducer,
    partition: TopicPartition,
    out: str,
    *,
    most: int,
) -> int:
    count = 0
    async with reading(bootstrap, partition, client_id="ratemill.bench") as consumer:
        end = await end_of(consumer, partition)
        consumer.seek(partition, 0)
        while count < most and await consumer.position(partition) < end:
            fetched = await consumer.getmany(
                partition, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS
            )
            records = fetched.get(partition, [])
            await _append(producer, records, out, partition.partition)
            count += len(records)
    return count


async def _append(
    producer: AIOKafkaProducer, records: Sequence[ConsumerRecord], out: str, number: int
) -> None:
    sent = []
    left = list(records)
    while left:
        batch = producer.create_batch()
        kept = 0
        for record in left:
            headers = list(record.headers)
            if (
                batch.append(key=record.key, value=record.value, timestamp=None, headers=headers)
                is None
            ):
                break
            kept += 1
        batch.close()
        sent.append(await producer.send_batch(batch, out, partition=number))
        del left[:kept]
    await asyncio.gather(*sent)
