"""The normalised topic against what normalise handed on, and against what rate says it read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Raw

from pipeline.verify.index import NOTHING, HandedOn, Sum
from pipeline.verify.report import Check, Finding, Findings
from schemas import sethash
from schemas.proof import Proof, ReadSoFar


class _Provenance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    partition: int


class _Usage(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="usage", gc=False):
    """`schemas.usage.UsageEvent`, read no further than is needed here; `Raw` is passed over."""

    tenant: Raw
    identity: bytes
    content_hash: bytes
    run: str
    rating_key: str
    source: Raw
    record_id: Raw
    account_id: Raw
    subscription_id: Raw
    product: Raw
    usage_kind: Raw
    started_at_ms: Raw
    ended_at_ms: Raw
    zone: Raw
    quantities: Raw
    origin: Raw
    destination: Raw
    service_class: Raw
    attributes: Raw
    provenance: _Provenance
    batch: int


class _Close(
    msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="period_close", gc=False
):
    """`schemas.usage.PeriodClose`, read no further than is needed here."""

    tenant: Raw
    identity: bytes
    content_hash: bytes
    run: str
    rating_key: str
    account_id: Raw
    period_start_ms: Raw
    period_end_ms: Raw
    provenance: _Provenance
    batch: int


class _Correction(
    msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="month_correction", gc=False
):
    """`schemas.usage.MonthCorrection`, read no further than is needed here."""

    tenant: Raw
    identity: bytes
    content_hash: bytes
    run: str
    rating_key: str
    account_id: Raw
    correction: Raw
    provenance: _Provenance
    batch: int


_decode = msgspec.msgpack.Decoder(_Usage | _Close | _Correction).decode


@dataclass(slots=True)
class _FromRaw:
    """What one normalised partition has had so far from one raw partition."""

    batch: int = 0
    first: int = 0  # offsets of that batch here
    next: int = 0
    count: int = 0
    total: int = sethash.EMPTY

    def sum(self) -> Sum:
        return Sum(self.count, self.total)


class Events:
    """One normalised partition, read in step with the ledger partition behind it."""

    def __init__(
        self,
        findings: Findings,
        handed_on: HandedOn,
        *,
        topic: str,
        partition: int,
        begin: int,
    ) -> None:
        self._findings = findings
        self._handed_on = handed_on
        self._topic = topic
        self._partition = partition
        self._so_far: dict[int, _FromRaw] = {}
        self._skip_below = begin  # trimmed: the sums start from what rate says it had read
        self.read = 0  # records since the last comparison

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Count records in, checking each batch of normalise as soon as the next one begins."""
        for record in records:
            offset = record.offset
            if offset < self._skip_below:
                continue
            event = _decode(record.value)
            self.read += 1
            raw = event.provenance.partition
            so_far = self._so_far.get(raw)
            if so_far is None:
                so_far = self._so_far[raw] = _FromRaw(batch=event.batch, first=offset)
                self._check_start(raw, so_far)
            elif event.batch != so_far.batch:
                self._next_batch(raw, so_far, event.batch, offset)
            so_far.next = offset + 1
            so_far.count += 1
            so_far.total = sethash.add(
                so_far.total,
                sethash.event_member(
                    event.identity, event.run, event.rating_key, event.content_hash
                ),
            )

    def trust(self, proof: Proof) -> None:
        """Start from what a proof of rate says it had read, where the records are deleted."""
        self._skip_below = max(self._skip_below, proof.next)
        self.read = 0
        for raw, read in proof.read.items():
            self._compare_closed(proof, int(raw), read)
            self._so_far[int(raw)] = _FromRaw(
                batch=read.batch,
                first=self._skip_below,
                next=self._skip_below,
                count=read.so_far.count,
                total=sethash.from_hex(read.so_far.set_hash),
            )

    def compare(self, proof: Proof) -> None:
        """Check what a proof of rate says it read; every record below its end was taken."""
        if self.read != proof.records:
            self._rate_read(proof, f"{self.read:,} records", f"{proof.records:,} read by rate")
        self.read = 0
        for raw in sorted({*self._so_far, *map(int, proof.read)}):
            so_far = self._so_far.get(raw, _FromRaw())
            read = proof.read.get(str(raw))
            had = NOTHING if read is None else _sum(read.so_far.count, read.so_far.set_hash)
            if had != so_far.sum():
                self._rate_read(
                    proof,
                    f"{so_far.sum()} from raw partition {raw} up to here",
                    f"rate read {had}",
                )
            elif read is not None:
                self._compare_closed(proof, raw, read)

    def _compare_closed(self, proof: Proof, raw: int, read: ReadSoFar) -> None:
        """Check what rate read of whole batches of normalise; this needs proofs alone."""
        if not read.closed_batch:
            return
        closed = self._handed_on.at(raw=raw, partition=self._partition, batch=read.closed_batch)
        said = _sum(read.closed.count, read.closed.set_hash)
        if said != closed:
            self._rate_read(
                proof,
                f"{closed} handed on from raw partition {raw} up to batch "
                f"{read.closed_batch} of normalise",
                f"rate read {said}",
            )

    def end(self) -> int:
        """Check the newest batches; return how many records came after the last compared one."""
        for raw, settled in sorted(self._handed_on.settled.items()):
            so_far = self._so_far.get(raw)
            if so_far is None:
                so_far = _FromRaw(batch=0, first=self._skip_below, next=self._skip_below)
            if so_far.batch > self._handed_on.newest.get(raw, 0):
                self._add(
                    (so_far.batch, so_far.batch),
                    so_far,
                    f"a proof of batch {so_far.batch} of raw partition {raw}",
                    "none",
                )
            if so_far.batch <= settled:
                self._check(raw, so_far, upto=settled)
        return self.read

    def _check_start(self, raw: int, so_far: _FromRaw) -> None:
        missed = self._handed_on.first_change(raw=raw, partition=self._partition, after=0)
        if missed is not None and missed < so_far.batch:
            self._missing(raw, _FromRaw(first=so_far.first, next=so_far.first), missed)

    def _next_batch(self, raw: int, so_far: _FromRaw, batch: int, offset: int) -> None:
        if batch < so_far.batch:
            self._add(
                (batch, batch),
                _FromRaw(first=offset, next=offset + 1),
                f"events of batch {so_far.batch} of raw partition {raw}, or of a later one",
                f"one of batch {batch} again",
            )
            return
        self._check(raw, so_far, upto=batch - 1)
        so_far.batch, so_far.first = batch, offset

    def _check(self, raw: int, so_far: _FromRaw, *, upto: int) -> None:
        expected = self._handed_on.at(raw=raw, partition=self._partition, batch=so_far.batch)
        if so_far.sum() != expected:
            self._add(
                (so_far.batch, so_far.batch),
                so_far,
                f"{expected} from raw partition {raw} up to batch {so_far.batch}",
                str(so_far.sum()),
            )
            return
        missed = self._handed_on.first_change(
            raw=raw, partition=self._partition, after=so_far.batch
        )
        if missed is not None and missed <= upto:
            self._missing(raw, so_far, missed)

    def _missing(self, raw: int, so_far: _FromRaw, batch: int) -> None:
        expected = self._handed_on.at(raw=raw, partition=self._partition, batch=batch)
        self._add(
            (batch, batch),
            _FromRaw(first=so_far.next, next=so_far.next),
            f"{expected} from raw partition {raw} up to batch {batch}",
            f"{so_far.sum()}, and no event of batch {batch}",
        )

    def _add(self, batches: tuple[int, int], where: _FromRaw, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=Check.NORMALISED_EVENTS,
                topic=self._topic,
                partition=self._partition,
                batches=batches,
                offsets=(where.first, where.next),
                expected=expected,
                found=found,
            )
        )

    def _rate_read(self, proof: Proof, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=Check.RATE_READ,
                topic=self._topic,
                partition=self._partition,
                batches=(proof.batch, proof.batch),
                offsets=(proof.first, proof.next),
                expected=expected,
                found=found,
            )
        )


def _sum(count: int, set_hash: str) -> Sum:
    return Sum(count, sethash.from_hex(set_hash))
