"""Reading a topic to look at it: the newest records, those from a place on, or what comes."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from pipeline.errors import Halted

_FIRST_LOOK_BACK = 64
_POLL_MS = 200
_STALL_S = 30.0

T = TypeVar("T")

Look = Callable[[ConsumerRecord], T | None]
"""What a record becomes; None where it is not wanted."""


async def newest(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], look: Look[T], *, most: int
) -> list[T]:
    """Return the newest wanted records, at most so many, the oldest of them first.

    Reads each partition backwards in growing steps, so a large topic is read no further than needed.
    The consumer stands at the ends afterwards.
    """
    begins = await consumer.beginning_offsets(list(partitions))
    ends = await consumer.end_offsets(list(partitions))
    found: list[tuple[tuple[int, int, int], T]] = []
    for partition in partitions:
        of_it: list[tuple[tuple[int, int, int], T]] = []
        until, step = ends[partition], _FIRST_LOOK_BACK
        while until > begins[partition] and len(of_it) < most:
            start = max(begins[partition], until - step)
            window = [
                ((record.timestamp, record.partition, record.offset), seen)
                async for record in _window(consumer, partition, start, until)
                if (seen := look(record)) is not None
            ]
            of_it = window + of_it
            until, step = start, step * 4
        found += of_it[-most:]
    for partition in partitions:
        consumer.resume(partition)
        consumer.seek(partition, ends[partition])
    return [seen for _, seen in sorted(found, key=lambda each: each[0])[-most:]]


async def _window(
    consumer: AIOKafkaConsumer, partition: TopicPartition, start: int, until: int
) -> AsyncIterator[ConsumerRecord]:
    """Yield the committed records of a partition in [start, until)."""
    loop = asyncio.get_running_loop()
    consumer.pause(*(each for each in consumer.assignment() if each != partition))
    consumer.resume(partition)
    consumer.seek(partition, start)
    deadline = loop.time() + _STALL_S
    at = start
    while at < until:
        for record in (await consumer.getmany(partition, timeout_ms=_POLL_MS)).get(partition, ()):
            if record.offset < until:
                yield record
        # The position also moves over what is no record: markers, aborted ones.
        position = await consumer.position(partition)
        if position > at:
            at, deadline = position, loop.time() + _STALL_S
        elif loop.time() > deadline:
            raise Halted(
                f"{partition.topic}/{partition.partition}: nothing came past offset {at} for "
                f"{_STALL_S:.0f} s. Operator action: check the broker, then look again."
            )


async def onwards(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    look: Look[T],
    *,
    follow: bool,
) -> AsyncIterator[T]:
    """Yield the wanted records from these positions on: to the ends as they are now, or for ever."""
    ends = await consumer.end_offsets(list(starts))
    for partition, start in starts.items():
        consumer.seek(partition, start)
    behind = {partition for partition, start in starts.items() if start < ends[partition]}
    while follow or behind:
        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in records:
                place = TopicPartition(record.topic, record.partition)
                if (follow or record.offset < ends[place]) and (seen := look(record)) is not None:
                    yield seen
        for partition in list(behind):
            if await consumer.position(partition) >= ends[partition]:
                behind.discard(partition)


async def positions_at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], at: dt.datetime | None
) -> dict[TopicPartition, int]:
    """Return where each partition begins, or its first record that the broker took at or after an
    instant; its end where there is none."""
    begins = await consumer.beginning_offsets(list(partitions))
    if at is None:
        return {partition: int(begins[partition]) for partition in partitions}
    ends = await consumer.end_offsets(list(partitions))
    ms = int(at.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, ms))
    return {
        partition: int(found[partition].offset if found.get(partition) else ends[partition])
        for partition in partitions
    }
