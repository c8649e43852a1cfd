"""Reading a partition up to an end that was fixed before, in chunks, as far as it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from pipeline.errors import Halted, MissingGenesis, OpenTransaction, SettingsError
from pipeline.kafka import admin_client, partition_consumer, reading, stop_consumer
from pipeline.topics import Topic

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


async def check_topics(bootstrap: str, topics: Sequence[Topic]) -> None:
    """Return where every topic is there as it is declared; else the error says what is not."""
    async with admin_client(bootstrap) as admin:
        described = await admin.describe_topics([topic.name for topic in topics])
    found = {each["topic"]: len(each["partitions"]) for each in described}
    for topic in topics:
        if not found.get(topic.name):
            raise MissingGenesis(
                f"There is no topic {topic.name}. Operator action: check RATEMILL_INSTALLATION and "
                "RATEMILL_KAFKA_BOOTSTRAP; if the installation is new, run `ratemill topics "
                "apply`; if it is not, restore the topic."
            )
        if found[topic.name] != topic.partitions:
            raise SettingsError(
                f"{topic.name} has {found[topic.name]} partitions, the settings say "
                f"{topic.partitions}. Operator action: set RATEMILL_RAW_PARTITIONS and "
                "RATEMILL_RATING_PARTITIONS to what is there."
            )


class Ends:
    """Tells where partitions end now. A context manager."""

    def __init__(self, bootstrap: str, *, wait_s: float) -> None:
        self._committed = partition_consumer(bootstrap, client_id="ratemill.verify")
        self._everything = partition_consumer(
            bootstrap, client_id="ratemill.verify", committed=False
        )
        self._wait_s = wait_s

    async def __aenter__(self) -> Self:
        try:
            for consumer in (self._committed, self._everything):
                await consumer.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await asyncio.gather(stop_consumer(self._committed), stop_consumer(self._everything))

    async def settled(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the present ends, once everything below them is committed or aborted.

        A commit is answered before its markers are written: without the wait a proof could be read
        and the records that it speaks of could not.
        """
        asked = list(partitions)
        ends: Mapping[TopicPartition, int] = await self._everything.end_offsets(asked)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_s
        while True:
            stable = await self._committed.end_offsets(asked)
            open_ones = [each for each in asked if stable[each] < ends[each]]
            if not open_ones:
                return ends
            if loop.time() > deadline:
                first = open_ones[0]
                raise OpenTransaction(
                    f"{first.topic}/{first.partition}: a transaction is open at offset "
                    f"{stable[first]} for more than {self._wait_s:.0f} s. Operator action: start "
                    "the worker that owns it, or wait for its time-out; then run `ratemill "
                    "verify` again."
                )
            await asyncio.sleep(0.02)
