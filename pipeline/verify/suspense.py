"""The suspense topic against the proofs of both stages, and the tables against the topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from pipeline.verify.context import Context, partitions_of
from pipeline.verify.index import NOTHING, StageProofs, Sum
from pipeline.verify.report import Check, Finding, Findings
from pipeline.verify.trimmed import require_loaded
from schemas import sethash
from sinks.reconcile import SuspenseRow

ProofsOf = Mapping[str, Sequence[StageProofs]]
"""The proofs of each stage by source partition."""

_Owner = tuple[str, int]  # stage and source partition


class _Suspended(msgspec.Struct, frozen=True, gc=False):
    """`schemas.suspense.Suspended`, read no further than is needed here."""

    suspense_id: str
    stage: str
    partition: int
    offset: int


_decode = msgspec.msgpack.Decoder(_Suspended).decode


async def check_suspense(context: Context) -> None:
    """Check the suspense topic against the proofs of both stages, and the tables against it."""
    topic = context.topics.suspense
    suspense = Suspense(context.findings, context.proofs, topic=topic.name)
    for place in partitions_of(topic):
        async with context.open(place) as reader:
            if reader.begin:
                suspense.trimmed.add(place.partition)
                how = ""
                if context.tables is not None:
                    require_loaded(context, place, reader.begin)
                    how = "; the rows of Postgres were held to the proofs"
                context.not_checked.append(
                    f"{topic.name}/{place.partition} below {reader.begin}: trimmed{how}"
                )
            async for chunk in reader.chunks():
                suspense.take(chunk, place, context)
                context.progressed(topic.name, len(chunk))
    suspense.compare_with_proofs()
    context.tally.suspense_lag = suspense.not_loaded
    if context.tables is None:
        return
    for stage, partitions in context.proofs.items():
        for proofs in partitions:
            sums: dict[int, Sum] = {}
            rows = context.tables.suspense(
                stage=stage, source_topic=proofs.topic, source_partition=proofs.partition
            )
            async for few in rows:
                suspense.count_rows(proofs, few, sums)
            suspense.compare_with_rows(stage, proofs, sums)


class Suspense:
    """What both stages put into suspense, summed by batch from the topic."""

    def __init__(self, findings: Findings, proofs: ProofsOf, *, topic: str) -> None:
        self._findings = findings
        self._proofs = proofs
        self._topic = topic
        self._sums: dict[tuple[_Owner, int], Sum] = {}
        self._offsets: dict[tuple[_Owner, int], tuple[int, int]] = {}  # in the topic
        self._loaded: dict[tuple[_Owner, int], Sum] = {}
        self._not_loaded: dict[tuple[_Owner, int], Sum] = {}
        self._first: dict[_Owner, int] = {}  # the batch of the first record that is there
        self.not_loaded = 0
        self.trimmed: set[int] = set()  # partitions of which the sums are not whole

    def take(
        self, records: Sequence[ConsumerRecord], place: TopicPartition, context: Context
    ) -> None:
        """Count the records of one partition in."""
        for record in records:
            said = _decode(record.value)
            owner = (said.stage, said.partition)
            batch = self._batch_of(owner, said.offset, place=place, at=record.offset)
            if batch is None:
                continue
            key = (owner, batch)
            self._first.setdefault(owner, batch)
            member = sethash.member(bytes.fromhex(said.suspense_id))
            self._sums[key] = self._sums.get(key, NOTHING).plus(member)
            first, _ = self._offsets.get(key, (record.offset, 0))
            self._offsets[key] = first, record.offset + 1
            if context.is_loaded(place, record.offset):
                self._loaded[key] = self._loaded.get(key, NOTHING).plus(member)
            elif context.tables is not None:
                self._not_loaded[key] = self._not_loaded.get(key, NOTHING).plus(member)
                self.not_loaded += 1

    def compare_with_proofs(self) -> None:
        """Check each batch against its proof."""
        for stage, partitions in self._proofs.items():
            for proofs in partitions:
                owner = (stage, proofs.partition)
                batches = {batch for other, batch in self._sums if other == owner}
                for batch in sorted({*batches, *proofs.suspending()}):
                    if batch > proofs.settled or self._is_trimmed(owner, batch):
                        continue
                    expected = proofs.suspense(batch)
                    found = self._sums.get((owner, batch), NOTHING)
                    if found != expected:
                        self._add(owner, batch, f"{expected} of {stage}", str(found))

    def count_rows(
        self, proofs: StageProofs, rows: Sequence[SuspenseRow], sums: dict[int, Sum]
    ) -> None:
        """Count rows of one source partition in ``sums``, by batch."""
        for row in rows:
            batch = proofs.batch_of(row.offset)
            key = -1 if batch is None else batch
            sums[key] = sums.get(key, NOTHING).plus(sethash.member(row.suspense_id))

    def compare_with_rows(self, stage: str, proofs: StageProofs, sums: dict[int, Sum]) -> None:
        """Check the rows of one source partition against what the topic gave the load."""
        owner = (stage, proofs.partition)
        loaded = {batch: sum_ for (other, batch), sum_ in self._loaded.items() if other == owner}
        for batch in proofs.suspending():
            if self._is_trimmed(owner, batch):
                # All of it was loaded, but for what the topic still has and load has not.
                waiting = self._not_loaded.get((owner, batch), NOTHING)
                loaded[batch] = proofs.suspense(batch).minus(waiting)
        for batch in sorted({*loaded, *sums}):
            expected, found = loaded.get(batch, NOTHING), sums.get(batch, NOTHING)
            if expected != found:
                self._findings.add(
                    Finding(
                        check=Check.POSTGRES_SUSPENSE,
                        topic=proofs.topic,
                        partition=proofs.partition,
                        batches=(batch, batch),
                        offsets=None if batch < 0 else proofs.source_range(batch),
                        expected=f"{expected} of {stage}",
                        found=str(found),
                    )
                )

    def _is_trimmed(self, owner: _Owner, batch: int) -> bool:
        """Return whether records of a batch may be gone from the topic: of all that precede the
        first batch that is there, and of that one."""
        if owner[1] not in self.trimmed:
            return False
        first = self._first.get(owner)
        return first is None or batch <= first

    def _batch_of(
        self, owner: _Owner, position: int, *, place: TopicPartition, at: int
    ) -> int | None:
        stage, number = owner
        partitions = self._proofs.get(stage, ())
        batch = partitions[number].batch_of(position) if number < len(partitions) else None
        if batch is None:
            self._findings.add(
                Finding(
                    check=Check.SUSPENSE_TOPIC,
                    topic=place.topic,
                    partition=place.partition,
                    offsets=(at, at + 1),
                    expected="a record that a proof covers",
                    found=f"one of {stage} at position {position} of its partition {number}",
                )
            )
        return batch

    def _add(self, owner: _Owner, batch: int, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=Check.SUSPENSE_TOPIC,
                topic=self._topic,
                partition=owner[1],
                batches=(batch, batch),
                offsets=self._offsets.get((owner, batch)),
                expected=expected,
                found=found,
            )
        )
