"""Reading a partition up to an end that was fixed before, in chunks, as far as it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from pipeline.errors import Halted, OpenTransaction
from pipeline.kafka import partition_consumer, reading, stop_consumer

_POLL_MS = 50
_STALL_S = 30.0


class PartitionReader:
    """The committed records of one partition, from its beginning to a fixed end."""

    def __init__(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, *, begin: int, end: int
    ) -> None:
        self._consumer = consumer
        self._partition = partition
        self._waiting: deque[ConsumerRecord] = deque()
        self.begin = begin
        self._fetched = begin  # everything below was fetched
        self._end = end

    async def chunks(self, *, below: int | None = None) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Yield what is left below an offset (exclusive; None: below the end), a chunk a time."""
        limit = self._end if below is None else min(below, self._end)
        while True:
            chunk = self._take(limit)
            if chunk:
                yield chunk
            elif self._fetched >= limit:
                return
            else:
                await self._fetch()

    def _take(self, limit: int) -> Sequence[ConsumerRecord]:
        waiting = self._waiting
        if not waiting or waiting[0].offset >= limit:
            return ()
        if waiting[-1].offset < limit:
            self._waiting = deque()
            return waiting
        taken = []
        while waiting[0].offset < limit:
            taken.append(waiting.popleft())
        return taken

    async def _fetch(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _STALL_S
        before = self._fetched
        while self._fetched == before:
            answer = await self._consumer.getmany(self._partition, timeout_ms=_POLL_MS)
            self._waiting.extend(answer.get(self._partition, ()))
            # The position also moves over what is no record: markers, aborted ones.
            self._fetched = await self._consumer.position(self._partition)
            if loop.time() > deadline:
                raise Halted(
                    f"{self._partition.topic}/{self._partition.partition}: nothing came past offset "
                    f"{before} for {_STALL_S:.0f} s. Operator action: check the broker, then run "
                    "`ratemill verify` again."
                )


@contextlib.asynccontextmanager
async def partition_reader(
    bootstrap: str, partition: TopicPartition, *, end: int
) -> AsyncIterator[PartitionReader]:
    """Yield a reader that stands at the beginning of a partition."""
    async with reading(bootstrap, partition, client_id="ratemill.verify") as consumer:
        begin = int((await consumer.beginning_offsets([partition]))[partition])
        consumer.seek(partition, begin)
        yield PartitionReader(consumer, partition, begin=begin, end=end)


async def settled_ends(
    bootstrap: str, partitions: Sequence[TopicPartition], *, wait_s: float
) -> Mapping[TopicPartition, int]:
    """Return the present ends, once everything below them is committed or aborted.

    A commit is answered before its markers are written: without the wait a proof could be read
    and the records that it speaks of could not.
    """
    committed = partition_consumer(bootstrap, client_id="ratemill.verify")
    everything = partition_consumer(bootstrap, client_id="ratemill.verify", committed=False)
    try:
        for consumer in (committed, everything):
            await consumer.start()
        ends: Mapping[TopicPartition, int] = await everything.end_offsets(list(partitions))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            stable = await committed.end_offsets(list(partitions))
            open_ones = [each for each in partitions if stable[each] < ends[each]]
            if not open_ones:
                return ends
            if loop.time() > deadline:
                first = open_ones[0]
                raise OpenTransaction(
                    f"{first.topic}/{first.partition}: a transaction is open at offset "
                    f"{stable[first]} for more than {wait_s:.0f} s. Operator action: start the "
                    "worker that owns it, or wait for its time-out; then run `ratemill verify` "
                    "again."
                )
            await asyncio.sleep(0.02)
    finally:
        await asyncio.gather(stop_consumer(committed), stop_consumer(everything))
