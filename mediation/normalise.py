"""Normalise: raw records become usage events, each item with exactly one outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mediation.changes import state_changes, unpack
from mediation.decision import Decision
from mediation.decode.item import Decoder, content_of
from mediation.dedup import Window
from mediation.intake import Intake, in_full
from mediation.ordinary import OrdinaryUsage
from mediation.outcomes import state_keys, take
from mediation.owners import Owners
from mediation.received import Ready, Received, ReceivedItem
from schemas.flow import Decided, PartitionOf, SourceRecord, StateChange
from schemas.proof import NORMALISE, Proof, Versions, proof_from_msgpack
from schemas.reference import ReferenceData

_REMEMBERED_KEYS = 100_000  # rating keys whose partition is remembered, 12 MB


class PreparedBatch:
    """Raw records, read; it knows the keys of the marks and files that decide about them."""

    def __init__(
        self,
        records: Sequence[SourceRecord],
        received: list[Received],
        *,
        internal_errors: frozenset[int],
        reference: int,
    ) -> None:
        self.records = records
        self.internal_errors = internal_errors
        self.received = received
        self.reference = reference  # version under which owners were looked up
        self._state_keys = state_keys(received)

    @property
    def state_keys(self) -> Sequence[bytes]:
        """Return the keys, each once."""
        return self._state_keys


class NormaliseStep:
    """The pure step of normalise, `schemas.flow.Step`."""

    stage = NORMALISE

    def __init__(
        self,
        *,
        mappings: Mapping[str, Decoder],
        reference: ReferenceData,
        partition_of: PartitionOf,
        raw_partition_of: Callable[[bytes], int],
        horizon_ms: int,
        future_ms: int,
    ) -> None:
        """Build the step. ``mappings`` are by name; ``partition_of`` tells the normalised
        partition of a rating key, ``raw_partition_of`` the raw one of a stream."""
        self.window = Window(horizon_ms=horizon_ms, future_ms=future_ms)
        self.reference = reference
        self._intake = Intake(mappings, raw_partition_of=raw_partition_of)
        self._owners = Owners(reference, self.partition_of)
        self._ordinary = OrdinaryUsage(self._owners, self.window)
        self._partition_of = partition_of
        self._partitions: dict[str, int] = {}
        self._mappings = {decoder.name: content_of(decoder) for decoder in mappings.values()}

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> PreparedBatch:
        """Return the decoded batch; records at ``internal_errors`` are refused unread."""
        self._owners.refresh()
        intake, make = self._intake, self._ordinary.items
        received = [
            intake.unread(record) if record.offset in internal_errors else intake.read(record, make)
            for record in records
        ]
        return PreparedBatch(
            records,
            received,
            internal_errors=internal_errors,
            reference=self.reference.version,
        )

    def decide(
        self, batch: PreparedBatch, state: Mapping[bytes, bytes], *, previous: Proof
    ) -> Decided:
        """Return the events and refusals of a batch, its proof, and the marks it makes.

        Items are decided in their order, each with the marks of those before it, so that where a
        batch ends changes nothing but batch numbers.
        """
        if batch.reference != self.reference.version:
            # Owners were looked up in another version than the one that the proof names.
            batch = self.prepare(batch.records, internal_errors=batch.internal_errors)
        decision = Decision(
            state,
            previous,
            window=self.window,
            reference=self.reference,
            partition_of=self.partition_of,
            in_full=self.in_full,
        )
        for received in batch.received:
            take(decision, received)
        return decision.decided(batch.received, versions=self.versions())

    def fold(self, value: bytes) -> Iterable[StateChange]:
        """Return the changes of state that one proof tells."""
        proof = proof_from_msgpack(value)
        return state_changes(unpack(proof.changes), batch=proof.batch)

    def in_full(self, record: SourceRecord) -> Sequence[ReceivedItem | Ready]:
        """Return items as they were decoded: for the few that were ready and are no event."""
        return self._intake.read(record, in_full).items

    def partition_of(self, rating_key: str) -> int:
        """Return the normalised partition of a rating key, remembered."""
        partition = self._partitions.get(rating_key)
        if partition is None:
            if len(self._partitions) >= _REMEMBERED_KEYS:
                self._partitions.clear()
            partition = self._partitions[rating_key] = self._partition_of(rating_key)
        return partition

    def versions(self) -> Versions:
        """Return the versions that this step decides under now."""
        return Versions(reference=self.reference.version, mappings=self._mappings)
