"""The clients of Kafka that the pipeline makes, over the broker in memory.

As far as the pipeline uses aiokafka's, with their habits: a commit goes through although an append
was refused, an empty poll says nothing, `stop` may wait for ever, what was sent may arrive after
its sender was told that it failed. `tests/contract/` holds both to the same suite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RequestTimedOutError,
)

from schemas.flow import SourceRecord
from tests.simulation.broker import Broker, Headers, Log, Stored
from tests.simulation.process import Process, current
from tests.simulation.world import World, world_of

_RETRY_S = 0.05
_ANSWER_S = 10.0  # a request that nobody answers fails after so long


class Fetched(NamedTuple):
    """A consumer record, as far as the pipeline looks at it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Metadata(NamedTuple):
    """The answer to an append."""

    offset: int


class _Client:
    """What every client has: a process, a world, and the broker behind a network."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self.world: World = world_of(bootstrap)
        self.process: Process = current()
        self.client_id = client_id

    @property
    def broker(self) -> Broker:
        return self.world.broker

    async def call(self, point: str) -> None:
        """Pass a point and reach the broker; one that is down answers nobody."""
        await self.process.at(point)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self.broker.answering.wait()
        except TimeoutError:
            raise KafkaConnectionError("simulated: no broker") from None
        self.process.check()


class MemoryBatch:
    """aiokafka's batch builder: full when the next record would make it too large."""

    def __init__(self, most_bytes: int) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Headers]] = []
        self._most_bytes = most_bytes
        self._bytes = 0

    def append(
        self,
        *,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> object | None:
        size = len(key or b"") + len(value or b"") + 40
        size += sum(len(name) + len(text) + 4 for name, text in headers)
        if self.records and self._bytes + size > self._most_bytes:
            return None
        self._bytes += size
        self.records.append((key, value, tuple(headers)))
        return self

    def close(self) -> None:
        pass


class MemoryProducer(_Client):
    """A transactional producer."""

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        client_id: str,
        transactional_id: str,
        transaction_timeout_ms: int,
        max_batch_size: int,
        max_request_size: int,
        request_timeout_ms: int,
    ) -> None:
        super().__init__(bootstrap_servers, client_id)
        self._name = transactional_id
        self._timeout_s = transaction_timeout_ms / 1000
        self._most_bytes = max_batch_size
        self._epoch = -1
        self._fenced = False
        self._number = 0  # of the transaction that is open here; 0: none
        self._begun = 0
        self._answers: list[asyncio.Future[Metadata]] = []
        self._lanes: dict[TopicPartition, asyncio.Task[None]] = {}
        self._sender = self
        self.sender_task: asyncio.Task[None] | None = None
        self.client = self

    async def start(self) -> None:
        await self.call("fence.before")
        while True:
            epoch = self.broker.init_producer(self._name, timeout_s=self._timeout_s)
            if epoch is not None:
                break
            await asyncio.sleep(_RETRY_S)
            self.process.check()
        self._epoch = epoch
        await self.process.at("fence.after")

    async def begin_transaction(self) -> None:
        self.process.check()
        if self._fenced:
            raise ProducerFenced(self._name)
        if self._number:
            raise IllegalOperation("a transaction is open already")
        self._begun += 1
        self._number = self._begun

    async def add_partitions(self, places: Collection[TopicPartition]) -> None:
        """Reach the broker, which knows of a transaction by its appends."""
        if self._fenced:
            raise ProducerFenced(self._name)
        if not self._number:
            raise IllegalOperation("no transaction is open")
        await self.call("add.before")
        await asyncio.sleep(self.world.schedule.network_s())

    def create_batch(self) -> MemoryBatch:
        return MemoryBatch(self._most_bytes)

    async def send_batch(
        self, batch: MemoryBatch, topic: str, *, partition: int
    ) -> asyncio.Future[Metadata]:
        await self.process.at("append.before")
        if self._fenced:
            raise ProducerFenced(self._name)
        if not self._number:
            raise IllegalOperation("no transaction is open")
        place = TopicPartition(topic, partition)
        answer: asyncio.Future[Metadata] = asyncio.get_running_loop().create_future()
        before = self._lanes.get(place)
        task = asyncio.create_task(self._deliver(place, batch, answer, self._number, before))
        self._lanes[place] = task
        self._answers.append(answer)
        await self.process.at("append.after")
        return answer

    async def _deliver(
        self,
        place: TopicPartition,
        batch: MemoryBatch,
        answer: asyncio.Future[Metadata],
        number: int,
        before: asyncio.Task[None] | None,
    ) -> None:
        """Bring one batch to the broker, after the one before it for the same partition."""
        if before is not None:
            await asyncio.wait({before})
        schedule = self.world.schedule
        await asyncio.sleep(schedule.network_s())
        fate = schedule.fate_of_append(self.process)
        if fate == "refused":
            _fail(answer, MessageSizeTooLargeError("simulated"))
            return
        if fate == "late":
            # Its sender is told that nobody answered; the bytes are on their way all the same.
            _fail(answer, RequestTimedOutError("simulated"))
            await asyncio.sleep(schedule.late_s())
        if self.process.dead and not schedule.lands():
            return
        await self.broker.answering.wait()
        try:
            base = await self._append(place, batch, number)
        except KafkaError as error:
            if isinstance(error, ProducerFenced):
                self._fenced = True
            _fail(answer, error)
            return
        await asyncio.sleep(schedule.network_s())
        if not answer.done():
            answer.set_result(Metadata(base))

    async def _append(self, place: TopicPartition, batch: MemoryBatch, number: int) -> int:
        while True:
            begins = number == self._number
            base = self.broker.append(
                self._name, self._epoch, place, batch.records, may_begin=begins
            )
            if base is not None:
                return base
            await asyncio.sleep(_RETRY_S)

    async def commit_transaction(self) -> None:
        await self._end(commit=True)

    async def abort_transaction(self) -> None:
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        self.process.check()
        if self._fenced:
            raise ProducerFenced(self._name)
        if not self._number:
            raise IllegalOperation("no transaction is open")
        # As aiokafka does: what was sent is waited for, and what was refused stops nothing.
        if commit:
            await asyncio.gather(*self._answers, return_exceptions=True)
        what = "commit" if commit else "abort"
        await self.call(f"{what}.before")
        self._answers.clear()
        fate = self.world.schedule.fate_of_commit(self.process) if commit else "done"
        if fate == "lost request":
            self._fenced = True
            raise RequestTimedOutError("simulated: the request never arrived")
        self._number = 0
        try:
            self.broker.end(self._name, self._epoch, commit=commit)
        except Exception:
            self._fenced = True
            raise
        if fate == "lost answer":
            self._fenced = True
            raise RequestTimedOutError("simulated: the answer was lost")
        await self.process.at(f"{what}.after")

    async def stop(self) -> None:
        self.process.check()
        if self.world.schedule.stop_hangs(self.process):
            await asyncio.get_running_loop().create_future()  # for ever, as aiokafka's may
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Close the connections, which the client behind a producer does."""


def _fail(answer: asyncio.Future[Metadata], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # looked at, whoever awaits it: a future nobody asks is not an error


_POINTS = {"proofs": "proof_read", "restore": "fold", "source": "fetch", "feed": "feed"}


class MemoryConsumer(_Client):
    """A consumer that is assigned its partitions."""

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        client_id: str,
        isolation_level: str = "read_uncommitted",
        **others: object,
    ) -> None:
        super().__init__(bootstrap_servers, client_id)
        self._committed = isolation_level == "read_committed"
        self._positions: dict[TopicPartition, int] = {}
        self._known_ends: dict[TopicPartition, int] = {}
        self._known_stable: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        kind = client_id.rpartition(".")[2]
        self._point = _POINTS.get(kind, "load_fetch" if ".load." in client_id else "other")

    async def start(self) -> None:
        await self.call(f"{self._point}.before")

    async def stop(self) -> None:
        await asyncio.sleep(0)

    def assign(self, places: Sequence[TopicPartition]) -> None:
        self._positions = dict.fromkeys(places, -1)

    def seek(self, place: TopicPartition, offset: int) -> None:
        assert place in self._positions
        self._positions[place] = offset

    async def position(self, place: TopicPartition) -> int:
        return self._positions[place]

    def highwater(self, place: TopicPartition) -> int | None:
        return self._known_ends.get(place)

    def last_stable_offset(self, place: TopicPartition) -> int | None:
        return self._known_stable.get(place)

    def pause(self, *places: TopicPartition) -> None:
        self._paused.update(places)

    def resume(self, *places: TopicPartition) -> None:
        self._paused.difference_update(places)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await self.call(f"{self._point}.ends")
        logs = {place: self.broker.log(place) for place in places}
        return {
            place: log.last_stable if self._committed else log.end for place, log in logs.items()
        }

    async def beginning_offsets(
        self, places: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        await self.call(f"{self._point}.begin")
        return {place: self.broker.log(place).begin for place in places}

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Fetched | SourceRecord]]:
        asked = places or tuple(self._positions)
        schedule = self.world.schedule
        if self._paused.issuperset(asked) or schedule.poll_is_empty(self.process):
            await asyncio.sleep(timeout_ms / 1000)
            await self.call(f"{self._point}.after")
            return {}
        for place in asked:
            self.broker.log(place).check_range(self._positions[place])
        if all(self._readable(place) <= self._positions[place] for place in asked):
            logs = [self.broker.log(place) for place in asked]
            await _something_new(logs, schedule.patience_s(timeout_ms))
        await self.call(f"{self._point}.after")
        fetched = {}
        for place in asked:
            if place in self._paused:
                continue
            self.broker.log(place).check_range(self._positions[place])
            found = self._take(place, schedule.most_of(max_records))
            self._known_ends[place] = self.broker.log(place).end
            self._known_stable[place] = self.broker.log(place).last_stable
            if found:
                fetched[place] = found
        return fetched

    def _readable(self, place: TopicPartition) -> int:
        log = self.broker.log(place)
        return log.last_stable if self._committed else log.end

    def _take(self, place: TopicPartition, most: int) -> list[Fetched | SourceRecord]:
        log = self.broker.log(place)
        found: list[Fetched | SourceRecord] = []
        offset, limit = self._positions[place], self._readable(place)
        while offset < limit and len(found) < most:
            stored = log.at(offset)
            if not stored.is_marker and (stored.committed or not self._committed):
                found.append(self._record(place, stored))
            offset += 1
        self._positions[place] = offset
        return found

    def _record(self, place: TopicPartition, stored: Stored) -> Fetched | SourceRecord:
        return Fetched(stored.offset, stored.timestamp, stored.key, stored.value, stored.headers)


class MemorySourceConsumer(MemoryConsumer):
    """A consumer that gives `SourceRecord`s, as the pipeline's own does."""

    def _record(self, place: TopicPartition, stored: Stored) -> SourceRecord:
        return SourceRecord(
            place.partition,
            stored.offset,
            stored.timestamp,
            stored.key,
            stored.value or b"",
            stored.headers,
        )


async def _something_new(logs: Sequence[Log], within_s: float) -> None:
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    for log in logs:
        log.waiters.append(waiter)
    handle = loop.call_later(within_s, _wake, waiter)
    try:
        await waiter
    finally:
        handle.cancel()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
