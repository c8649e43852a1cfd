"""How far each stage is: the last committed proofs and progress rows against the ends of topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import Halted
from pipeline.kafka import partition_consumer, stop_consumer
from pipeline.settings import Settings
from pipeline.topics import Topic, topics_of
from schemas.proof import Proof, proof_from_json, proof_from_msgpack

_POLL_MS = 100
_STALL_S = 30.0
_FIRST_LOOK_BACK = 8
_LOOK_BACK_GROWTH = 8


@dataclass(frozen=True, slots=True)
class LastRecord:
    """The newest committed record of a partition."""

    offset: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """The ends of many partitions, as one look found them."""

    last: Mapping[TopicPartition, LastRecord]  # of those that hold a record
    unsettled: frozenset[TopicPartition]  # something was appended that cannot be read yet


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far a stage is in one of its source partitions."""

    stage: str
    topic: str
    partition: int
    position: int  # the next record that it will read
    end: int  # behind the last record; transaction markers after it do not count

    @property
    def behind(self) -> int:
        """Return offsets still to come; holes of transaction markers are among them."""
        return max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class Positions:
    """Where every stage of an installation stands."""

    partitions: tuple[PartitionStatus, ...]
    proofs: Mapping[str, tuple[Proof, ...]] = field(default_factory=dict)  # the last ones, by stage
    unsettled: int = 0  # partitions with appends whose transaction is open, or just ended

    def behind(self, stage: str) -> int:
        """Return how far a stage is behind, over all its partitions."""
        return sum(one.behind for one in self.partitions if one.stage == stage)

    @property
    def through(self) -> bool:
        """Return whether every stage has read all that is there, and nothing more can come.

        A commit is answered before its markers are written: for a moment a proof can be read and
        the records of its batch in another topic cannot. Such partitions count as unsettled.
        """
        return not self.unsettled and not any(one.behind for one in self.partitions)


class Tails:
    """Reads the last committed record of many partitions with one consumer; only what changed.

    A context manager. Asked again and again, it costs two requests while nothing moves.
    """

    def __init__(self, bootstrap: str, partitions: Sequence[TopicPartition]) -> None:
        self._partitions = list(partitions)
        self._consumer: AIOKafkaConsumer = partition_consumer(
            bootstrap, client_id="ratemill.status"
        )
        self._uncommitted: AIOKafkaConsumer = partition_consumer(
            bootstrap, client_id="ratemill.status", committed=False
        )
        self._ends: dict[TopicPartition, int] = {}
        self._last: dict[TopicPartition, LastRecord] = {}

    async def __aenter__(self) -> Self:
        try:
            for consumer in (self._consumer, self._uncommitted):
                await consumer.start()
            self._consumer.assign(self._partitions)
            self._consumer.pause(*self._partitions)
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
        await asyncio.gather(stop_consumer(self._consumer), stop_consumer(self._uncommitted))

    async def read(self) -> Seen:
        """Return the last record of every partition, and where more was appended already."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(self._partitions)
        changed = [one for one in self._partitions if ends[one] != self._ends.get(one, 0)]
        if changed:
            begins = await self._consumer.beginning_offsets(changed)
            await self._find(changed, begins, ends)
            self._ends.update({one: ends[one] for one in changed})
        # Asked last: what a proof that was read above speaks of was appended before that.
        highs = await self._uncommitted.end_offsets(self._partitions)
        unsettled = frozenset(one for one in self._partitions if highs[one] > ends[one])
        return Seen(dict(self._last), unsettled)

    async def _find(
        self,
        wanted: Sequence[TopicPartition],
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> None:
        """Read back ever further until each partition has shown a record, or has none."""
        look_back = _FIRST_LOOK_BACK
        left = [one for one in wanted if begins[one] < ends[one]]
        while left:
            starts = {one: max(begins[one], ends[one] - look_back) for one in left}
            found = await self._read(starts, ends)
            self._last.update(found)
            left = [one for one in left if one not in found and starts[one] > begins[one]]
            look_back *= _LOOK_BACK_GROWTH

    async def _read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, LastRecord]:
        consumer, found = self._consumer, {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _STALL_S
        for partition, start in starts.items():
            consumer.seek(partition, start)
        left = list(starts)
        consumer.resume(*left)
        try:
            while left:
                fetched = await consumer.getmany(*left, timeout_ms=_POLL_MS)
                for partition, records in fetched.items():
                    for record in records:
                        if record.offset < ends[partition]:
                            found[partition] = LastRecord(record.offset, record.value or b"")
                left = [one for one in left if await consumer.position(one) < ends[one]]
                if loop.time() > deadline:
                    raise Halted(
                        f"{left[0].topic}/{left[0].partition}: its last records did not come "
                        f"within {_STALL_S:.0f} s. Operator action: check the broker, then ask "
                        "again."
                    )
        finally:
            consumer.pause(*starts)
        return found


def partitions_of(topic: Topic) -> list[TopicPartition]:
    """Return the partitions of a topic as it is declared."""
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


def status_tails(settings: Settings, *, bootstrap: str) -> Tails:
    """Return the tails that `positions_of` needs."""
    topics = topics_of(settings)
    followed = (topics.raw, topics.normalised, topics.ledger, topics.suspense, topics.proofs)
    return Tails(bootstrap, [one for topic in followed for one in partitions_of(topic)])


def positions_of(
    settings: Settings,
    seen: Seen,
    *,
    loaded: Mapping[tuple[str, int], int],
) -> Positions:
    """Return where each stage stands, from the last records and load's progress rows.

    ``loaded`` is the next position of load, by topic and partition.
    """
    topics = topics_of(settings)
    last = seen.last

    def end(topic: Topic, number: int) -> int:
        record = last.get(TopicPartition(topic.name, number))
        return 0 if record is None else record.offset + 1

    proofs = {
        "normalise": [
            proof_from_msgpack(last[one].value)
            for one in partitions_of(topics.proofs)
            if one in last
        ],
        "rate": [
            proof_from_json(last[one].value) for one in partitions_of(topics.ledger) if one in last
        ],
    }
    sources = {"normalise": topics.raw, "rate": topics.normalised}
    found = []
    for stage, source in sources.items():
        for proof in proofs[stage]:
            number = proof.source_partition
            found.append(
                PartitionStatus(stage, source.name, number, proof.next, end(source, number))
            )
    for topic in (topics.ledger, topics.suspense, topics.proofs):
        for number in range(topic.partitions):
            position = loaded.get((topic.name, number), 0)
            found.append(PartitionStatus("load", topic.name, number, position, end(topic, number)))
    return Positions(
        partitions=tuple(found),
        proofs={stage: tuple(few) for stage, few in proofs.items()},
        unsettled=len(seen.unsettled),
    )
