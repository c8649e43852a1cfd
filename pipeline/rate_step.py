"""The pure step of rate: prices each event, counts it, looks at the limits, in order.

It composes `rating` and `counters`, which do not know each other, and decides nothing about
money itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from counters.count import add, count
from counters.limits import check
from counters.period import close
from counters.state import (
    Bucket,
    Head,
    bucket_from_state,
    bucket_to_state,
    changes_of,
    head_from_state,
    head_key,
    head_to_state,
)
from pipeline.rate_prepare import Item, PeriodCounter, Priceable, RateBatch, prepare
from pipeline.rate_records import charge_record, source_of, suspended_record
from pipeline.rate_tally import RateTally
from rating.catalogue import Catalogue
from rating.rate import Filtered, RatedUsage, charge
from schemas import ledger, suspense
from schemas.decimals import to_text
from schemas.flow import Append, Channel, Decided, Headers, SourceRecord, StateChange
from schemas.ledger import Charge, CounterAfter, LimitReached, PeriodClosed, StateRecord
from schemas.proof import RATE, Proof, Versions
from schemas.raw import MAX_LEDGER_RECORD_BYTES
from schemas.reference import ReferenceData
from schemas.refusal import RefusalReason, Refused
from schemas.usage import NormalisedRecord, PeriodClose

_HEADERS: Mapping[type[StateRecord], Headers] = {
    Charge: ((ledger.KIND_HEADER, ledger.KIND_USAGE),),
    LimitReached: ((ledger.KIND_HEADER, ledger.KIND_LIMIT_REACHED),),
    PeriodClosed: ((ledger.KIND_HEADER, ledger.KIND_PERIOD_CLOSED),),
}
_FRAMING_BYTES = 64  # more than the kind header and the record's own lengths take


class RateStep:
    """The step of rate. Catalogue and reference data are replaced between batches only."""

    stage = RATE

    def __init__(self, *, catalogue: Catalogue, reference: ReferenceData) -> None:
        self.catalogue = catalogue
        self.reference = reference

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> RateBatch:
        """Return the batch decoded, with its prices selected and the keys of its counters."""
        return prepare(
            records,
            catalogue=self.catalogue,
            reference=self.reference,
            internal_errors=internal_errors,
        )

    def decide(self, batch: RateBatch, state: Mapping[bytes, bytes], *, previous: Proof) -> Decided:
        """Return the ledger records of a batch, what goes to suspense, the proof, the new state."""
        work = _Work(state, previous, batch.versions)
        for item in batch.items:
            work.decide(item)
        proof = work.tally.proof(
            records=len(batch.items),
            next_offset=batch.items[-1].record.offset + 1,
            versions=batch.versions,
        )
        return Decided(work.appends, proof, work.changes())

    def fold(self, value: bytes) -> Iterable[StateChange]:
        """Return the changes of state that one record of the ledger tells; none for a proof."""
        return changes_of(value)


class _Work:
    """One batch being decided. It is thrown away after it, so an abort leaves nothing behind."""

    def __init__(self, state: Mapping[bytes, bytes], previous: Proof, versions: Versions) -> None:
        self._state = state
        self._topic = previous.source_topic
        self._partition = previous.source_partition
        self._catalogue_version = versions.catalogue
        self._heads: dict[str, Head] = {}  # those that changed, as they are now
        self._buckets: dict[bytes, Bucket] = {}
        self.appends: list[Append] = []
        self.tally = RateTally(previous)

    def changes(self) -> list[StateChange]:
        """Return the state after the batch, where it changed."""
        heads = [(head_key(key), head_to_state(head)) for key, head in self._heads.items()]
        buckets = [(key, bucket_to_state(bucket)) for key, bucket in self._buckets.items()]
        return [*heads, *buckets]

    def decide(self, item: Item) -> None:
        """Give one record its one outcome."""
        record, event, verdict = item.record, item.event, item.verdict
        assert record.partition == self._partition
        if event is not None:
            self.tally.read(event)
        refused: Refused | None = None
        match verdict:
            case Priceable():
                refused = self._charge(record, verdict)
            case PeriodClose():
                refused = self._close(record, verdict)
            case Filtered():
                self.tally.filtered(source_of(event))
            case Refused():
                refused = verdict
        if refused is not None:
            self._suspend(record, event, refused)

    def _charge(self, record: SourceRecord, priceable: Priceable) -> Refused | None:
        """Price and count one event; where it is refused, nothing of it has been counted."""
        event, counters = priceable.event, priceable.counters
        usage_period_ms = priceable.usage_period_ms
        before = [self._bucket(counter) for counter in counters]
        quantities = {
            counter.name: Decimal(bucket.quantity)
            for counter, bucket in zip(counters, before, strict=True)
        }
        rated = charge(priceable.selected, quantities)
        counted = count(
            self._head(event.rating_key),
            product=rated.product,
            product_type=rated.product_type,
            amount=rated.amount,
            currency=rated.currency,
            usage_period_ms=usage_period_ms,
        )
        if isinstance(counted, Refused):
            return counted
        after = _added(counters, before, rated)
        charged = charge_record(
            record,
            event,
            rated,
            amount=to_text(rated.amount),
            head=counted.head,
            usage_period_ms=usage_period_ms,
            bill_period_ms=counted.bill_period_ms,
            catalogue_version=self._catalogue_version,
            counters_after=_counters_after(after, usage_period_ms),
        )
        head, reached = check(counted.head, charged, priceable.limits)
        refused = self._append(charged) if reached is None else self._append(charged, reached)
        if refused is not None:
            return refused
        self._heads[event.rating_key] = head
        for counter, bucket in after:
            self._buckets[counter.key] = bucket
        self.tally.rated(charged, amount=rated.amount, billed=rated.billed)
        return None

    def _close(self, record: SourceRecord, command: PeriodClose) -> Refused | None:
        head, closed = close(
            self._head(command.rating_key),
            command,
            source_partition=record.partition,
            source_offset=record.offset,
        )
        if closed is not None:
            refused = self._append(closed)
            if refused is not None:
                return refused
            self._heads[command.rating_key] = head
        self.tally.command()
        return None

    def _append(self, *records: StateRecord) -> Refused | None:
        """Append all of ``records`` to the ledger, or none where one is too large for it."""
        appends = []
        for record in records:
            key, value = record.rating_key.encode(), ledger.to_wire(record)
            if len(key) + len(value) + _FRAMING_BYTES > MAX_LEDGER_RECORD_BYTES:
                return Refused(
                    RefusalReason.TOO_LARGE,
                    f"its ledger record would have {len(value)} bytes; {MAX_LEDGER_RECORD_BYTES} "
                    "fit. Operator action: have the source send less with one record, or close "
                    "the account's open periods.",
                )
            headers = _HEADERS[type(record)]
            appends.append(Append(Channel.LEDGER, self._partition, key, value, headers))
        self.appends += appends
        self.tally.ledger_records += len(appends)
        return None

    def _suspend(
        self, record: SourceRecord, event: NormalisedRecord | None, refused: Refused
    ) -> None:
        suspended = suspended_record(record, event, refused, topic=self._topic)
        value = suspense.to_wire(suspended)
        key = suspended.suspense_id.encode()
        headers = suspense.error_headers(suspended)
        self.appends.append(Append(Channel.SUSPENSE, self._partition, key, value, headers))
        self.tally.suspended(suspended)

    def _head(self, rating_key: str) -> Head:
        head = self._heads.get(rating_key)
        return head_from_state(self._state.get(head_key(rating_key))) if head is None else head

    def _bucket(self, counter: PeriodCounter) -> Bucket:
        bucket = self._buckets.get(counter.key)
        return bucket_from_state(self._state.get(counter.key)) if bucket is None else bucket


def _added(
    counters: Sequence[PeriodCounter], before: Sequence[Bucket], rated: RatedUsage
) -> list[tuple[PeriodCounter, Bucket]]:
    """Return the counters that the charge changes, with their buckets after it."""
    after = [(counters[0], add(before[0], quantity=rated.used, amount=rated.amount))]
    if rated.counted:
        quantities = dict(rated.counted)
        for counter, bucket in zip(counters[1:], before[1:], strict=True):
            if counter.name in quantities:
                after.append((counter, add(bucket, quantity=quantities.pop(counter.name))))
        assert not quantities, f"rating counted what it did not ask for: {sorted(quantities)}"
    return after


def _counters_after(
    buckets: Sequence[tuple[PeriodCounter, Bucket]], period_start_ms: int
) -> tuple[CounterAfter, ...]:
    return tuple(
        [
            CounterAfter(counter.name, period_start_ms, after.records, after.quantity, after.amount)
            for counter, after in buckets
        ]
    )
