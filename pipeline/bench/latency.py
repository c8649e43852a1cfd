"""Latency: from when a record should have been sent to its commit in Postgres, open loop."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from pipeline.app import run_folder
from pipeline.bench.live import Live
from pipeline.bench.processes import spent, used_by
from pipeline.cli.workers import announced_workers, numbers_of
from pipeline.demo.through import until_loaded
from pipeline.kafka import idempotent_producer, reading
from pipeline.proofs import end_of
from pipeline.topics import partition_of, topics_of
from schemas.ledger import KIND_USAGE
from sinks.progress import Progress, all_progress
from sources.records import RawRecord

OFFERED_PER_S = 2_000
LOW_PER_S = 50

_POLL_S = 0.01  # how often Postgres is asked how far it is: half of it is added on average
_SEND_EVERY_S = 0.005
_READ_MS = 200


class _Charge(msgspec.Struct, frozen=True, gc=False):
    """Of a ledger record, what says which raw record it is of."""

    kind: str = ""
    raw: tuple[int, int, int] = (-1, -1, -1)


Raw = tuple[int, int]
"""Partition and offset of a raw record."""


class Sent(msgspec.Struct):
    """When the records of each batch should have been sent, and where the batch went."""

    batches: list[tuple[list[float], asyncio.Future[object]]]

    def due(self) -> dict[Raw, float]:
        """Return when the raw record at each place should have been sent."""
        found = {}
        for due_s, future in self.batches:
            answer = future.result()
            partition, base = int(getattr(answer, "partition")), int(getattr(answer, "offset"))  # noqa: B009
            found.update({(partition, base + index): s for index, s in enumerate(due_s)})
        return found


async def latency(live: Live, messages: Iterator[RawRecord], *, seconds: int) -> None:
    """Note the latency at the offered rate of the target and at low load."""
    for name, rate in (("low", LOW_PER_S), ("offered", OFFERED_PER_S)):
        live.ground.tell(f"Latency at {rate:,} records/s for {seconds} s")
        await _one_rate(live, name, list(islice(messages, rate * seconds)), rate=rate)


async def _one_rate(live: Live, name: str, records: Sequence[RawRecord], *, rate: int) -> None:
    ledger = topics_of(live.settings).ledger
    first = {row.partition: row.next_position for row in await _ledger_rows(live, ledger.name)}
    before = {**live.used(), "feeder": used_by(os.getpid())}
    batches, started_s = await _batches(live), live.ground.now_s()
    seen: dict[int, list[tuple[int, float]]] = {number: [] for number in first}
    watching = asyncio.create_task(_watch(live, ledger.name, seen))
    try:
        sent = await _send(live, records, rate=rate)
        await until_loaded(live.settings, bootstrap=live.bootstrap, pool=live.pool)
        await asyncio.sleep(2 * _POLL_S)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    used = spent(before, {**live.used(), "feeder": used_by(os.getpid())})
    for stage, count in (await _batches(live)).items():
        per_s = (count - batches[stage]) / (live.ground.now_s() - started_s)
        live.ground.findings.note(**{f"latency_{name}_transactions_{stage}_per_s": per_s})
    due = sent.due()
    took_ms = sorted(
        [
            (committed_s - due[place]) * 1e3
            async for place, committed_s in _committed(live, ledger.name, first, seen)
            if place in due
        ]
    )
    note = live.ground.findings.note
    note(
        **{f"latency_{name}_p{share}_ms": percentile(took_ms, share) for share in (50, 95, 99)},
        **{
            f"latency_{name}_max_ms": took_ms[-1],
            f"latency_{name}_records": len(took_ms),
            f"latency_{name}_rate_per_s": rate,
        },
    )
    if name == "offered":
        for process, one in used.items():
            cpu_us = one.cpu_s * 1e6 / len(records)
            note(**{f"latency_offered_cpu_{process}_us_per_event": cpu_us})


async def _batches(live: Live) -> dict[str, int]:
    """Return how many transactions each stage has committed."""
    numbers = await numbers_of(announced_workers(run_folder(live.settings)))
    return {stage: one.batches for stage, one in numbers.items()}


def percentile(ascending: Sequence[float], share: int) -> float:
    """Return the value that so many of a hundred are at or below."""
    assert ascending, "none of the records that were sent is in the ledger"
    place = -(-len(ascending) * share // 100) - 1  # rounded up: the nearest-rank percentile
    return ascending[max(0, place)]


async def _send(live: Live, records: Sequence[RawRecord], *, rate: int) -> Sent:
    """Send each record when it is due, whatever became of those before; a partition's next batch
    waits for the answer to the one before it, and counts from when it was due.

    What is due within one tick goes in one batch for each partition, as a producer's linger does
    it, without the producer's work for each record: the machine is to be busy with ours.
    """
    topic = topics_of(live.settings).raw
    producer = idempotent_producer(live.bootstrap, client_id="ratemill.bench.latency")
    sent = Sent(batches=[])
    await producer.start()
    try:
        started_s = live.ground.now_s() + 0.5
        due = [(started_s + number / rate, record) for number, record in enumerate(records)]
        number = 0
        while number < len(due):
            await asyncio.sleep(max(due[number][0] - live.ground.now_s(), _SEND_EVERY_S))
            now_s, first = live.ground.now_s(), number
            while number < len(due) and due[number][0] <= now_s:
                number += 1
            for partition, due_s, batch in _batched(producer, due[first:number], topic.partitions):
                place = await producer.send_batch(batch, topic.name, partition=partition)
                sent.batches.append((due_s, place))
        await producer.flush()
        await asyncio.gather(*(place for _, place in sent.batches))
    finally:
        await producer.stop()
    return sent


def _batched(
    producer: AIOKafkaProducer, due: Sequence[tuple[float, RawRecord]], partitions: int
) -> list[tuple[int, list[float], BatchBuilder]]:
    """Return the records in batches, closed: of which partition, and when each of it was due."""
    batches: list[tuple[int, list[float], BatchBuilder]] = []
    open_ones: dict[int, tuple[list[float], BatchBuilder]] = {}
    for due_s, record in due:
        partition = partition_of(record.key, partitions)
        one = open_ones.get(partition)
        if one is None or not _added(one[1], record):
            one = open_ones[partition] = ([], producer.create_batch())
            batches.append((partition, *one))
            assert _added(one[1], record), "an empty batch takes any record"
        one[0].append(due_s)
    for _, _, batch in batches:
        batch.close()
    return batches


def _added(batch: BatchBuilder, record: RawRecord) -> bool:
    kept = batch.append(
        key=record.key, value=record.value, timestamp=None, headers=list(record.headers)
    )
    return kept is not None


async def _watch(live: Live, topic: str, seen: Mapping[int, list[tuple[int, float]]]) -> None:
    """Note when Postgres first said that it is so far, for each partition of the ledger."""
    while True:
        rows = await _ledger_rows(live, topic)
        now_s = live.ground.now_s()
        for row in rows:
            positions = seen[row.partition]
            if not positions or positions[-1][0] < row.next_position:
                positions.append((row.next_position, now_s))
        await asyncio.sleep(_POLL_S)


async def _ledger_rows(live: Live, topic: str) -> list[Progress]:
    return [row for row in await all_progress(live.pool) if row.topic == topic]


async def _committed(
    live: Live,
    topic: str,
    first: Mapping[int, int],
    seen: Mapping[int, list[tuple[int, float]]],
) -> AsyncIterator[tuple[Raw, float]]:
    """Yield the raw record of each charge since ``first``, and when Postgres had it."""
    decoder = msgspec.json.Decoder(_Charge)
    for number, begin in first.items():
        partition = TopicPartition(topic, number)
        positions = seen[number]
        offsets = [position for position, _ in positions]
        async with reading(live.bootstrap, partition, client_id="ratemill.bench") as consumer:
            end = await end_of(consumer, partition)
            consumer.seek(partition, begin)
            while await consumer.position(partition) < end:
                fetched = await consumer.getmany(partition, timeout_ms=_READ_MS)
                for record in fetched.get(partition, ()):
                    charge = decoder.decode(record.value)
                    if charge.kind == KIND_USAGE.decode():
                        place = bisect_right(offsets, record.offset)
                        yield (charge.raw[0], charge.raw[1]), positions[place][1]
