"""A step for tests of the stage itself: it copies every record and remembers how many there were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from schemas.flow import Append, Channel, Decided, SourceRecord, StateChange
from schemas.proof import Proof, proof_from_msgpack, sealed

COUNT = b"count"
BOOM = b"boom"


class CopyBatch(NamedTuple):
    records: Sequence[SourceRecord]
    refused: frozenset[int]

    @property
    def state_keys(self) -> Sequence[bytes]:
        return [COUNT]


class CopyStep:
    """Numbers the records of a partition in its state; a record that says boom breaks it."""

    stage = "normalise"
    boom = BOOM

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> CopyBatch:
        return CopyBatch(records, internal_errors)

    def decide(self, batch: CopyBatch, state: Mapping[bytes, bytes], *, previous: Proof) -> Decided:
        count = int(state.get(COUNT, b"0"))
        appends = []
        outcomes = {"normalised": 0, "suspended": 0}
        for record in batch.records:
            if record.offset in batch.refused:
                outcomes["suspended"] += 1
                channel = Channel.SUSPENSE
            else:
                if record.value == self.boom:
                    raise ValueError("boom")
                outcomes["normalised"] += 1
                channel = Channel.NORMALISED
            count += 1
            value = b"%d %d %s" % (record.offset, count, record.value)
            appends.append(Append(channel, record.partition, record.key, value, ()))
        proof = sealed(
            msgspec.structs.replace(
                previous,
                batch=previous.batch + 1,
                first=previous.next,
                next=batch.records[-1].offset + 1,
                records=len(batch.records),
                items=len(batch.records),
                outcomes=outcomes,
                changes=b"%d" % count,
                previous=previous.chain,
            )
        )
        return Decided(appends, proof, [(COUNT, b"%d" % count)])

    def fold(self, value: bytes) -> Iterable[StateChange]:
        changes = proof_from_msgpack(value).changes
        return [(COUNT, changes)] if changes else []
