"""The pure step of rate: prices each event, counts it, looks at the limits, in order.

It composes `rating` and `counters`, which do not know each other, and decides nothing about
money itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from counters.count import add_running, bill_period, count_running
from counters.limits import invoice, reached
from counters.period import close
from counters.running import RunningBucket, RunningHead, running_head
from counters.state import changes_of, head_key, rating_key_of
from pipeline.rate_adjust import adjustment
from pipeline.rate_closing import (
    MOST_SAMPLES,
    TOO_MANY_SAMPLES,
    closing_charge,
    is_late,
    most_samples,
)
from pipeline.rate_correcting import Correctable, correct
from pipeline.rate_ordinary import FRAMING_BYTES, USAGE, ordinary_charges
from pipeline.rate_prepare import Closing, Item, Priceable, RateBatch, prepare
from pipeline.rate_records import (
    Charged,
    charged_of,
    is_recycled,
    source_of,
    suspended_record,
)
from pipeline.rate_running import RunningState
from pipeline.rate_tally import RateTally
from pipeline.rate_terms import PeriodCounter, PeriodCounters, TermsInForce
from rating.catalogue import Catalogue
from rating.rate import Filtered, Selected, charge_after
from schemas import ledger, suspense, usage
from schemas.flow import Append, Channel, Decided, Headers, SourceRecord, StateChange
from schemas.ledger import Charge, CounterAfter
from schemas.ledger_parts import CountedPart, charge_json, fields_json
from schemas.proof import RATE, Proof, Versions
from schemas.raw import MAX_LEDGER_RECORD_BYTES
from schemas.reference import ReferenceData
from schemas.refusal import RefusalReason, Refused
from schemas.usage import NormalisedRecord

_LIMIT_REACHED: Headers = ((ledger.KIND_HEADER, ledger.KIND_LIMIT_REACHED),)
_PERIOD_CLOSED: Headers = ((ledger.KIND_HEADER, ledger.KIND_PERIOD_CLOSED),)
_ZONES_APART_MS = 26 * 3_600_000  # the most
_LEDGER = Channel.LEDGER


class RateStep:
    """The step of rate. Catalogue and reference data are replaced between batches only."""

    stage = RATE

    def __init__(self, *, catalogue: Catalogue, reference: ReferenceData) -> None:
        self.catalogue = catalogue
        self.reference = reference
        self._terms: TermsInForce | None = None  # found at the first batch

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> RateBatch:
        """Return the batch decoded, with its prices selected and the keys of its counters."""
        terms = self._terms
        if terms is None or not terms.are_of(self.catalogue, self.reference):
            terms = self._terms = TermsInForce(self.catalogue, self.reference)
        return prepare(records, terms=terms, internal_errors=internal_errors)

    def decide(self, batch: RateBatch, state: Mapping[bytes, bytes], *, previous: Proof) -> Decided:
        """Return the ledger records of a batch, what goes to suspense, the proof, the new state."""
        work = _Work(RunningState(state), previous, batch.versions)
        ordinary = ordinary_charges(
            work.state,
            work.appends,
            work.tally,
            partition=previous.source_partition,
            catalogue_version=batch.versions.catalogue,
        )
        if ordinary is None:
            return self.decide_in_python(batch, state, previous=previous)
        ordinary.decide(batch.items, work.decide)
        work.tally.counted_elsewhere(
            ledger_records=ordinary.ledger_records, member_sum=ordinary.member_sum
        )
        return work.decided(batch)

    def decide_in_python(
        self, batch: RateBatch, state: Mapping[bytes, bytes], *, previous: Proof
    ) -> Decided:
        """Return what `decide` returns, by nothing that is compiled."""
        work = _Work(RunningState(state), previous, batch.versions)
        for item in batch.items:
            work.decide(item)
        return work.decided(batch)

    def fold(self, value: bytes) -> Iterable[StateChange]:
        """Return the changes of state that one record of the ledger tells; none for a proof."""
        return changes_of(value)


class _Work:
    """One batch being decided. It is thrown away after it, so an abort leaves nothing behind."""

    def __init__(self, state: RunningState, previous: Proof, versions: Versions) -> None:
        self.state = state
        self._topic = previous.source_topic
        self._partition = previous.source_partition
        self._catalogue_version = versions.catalogue
        self.appends: list[Append] = []
        self.tally = RateTally(previous)

    def decided(self, batch: RateBatch) -> Decided:
        """Return what the batch came to, all of its records being decided."""
        proof = self.tally.proof(
            records=len(batch.items),
            next_offset=batch.items[-1].record.offset + 1,
            versions=batch.versions,
            read=batch.read,
        )
        return Decided(self.appends, proof, self.state.changes())

    def decide(self, item: Item) -> None:
        """Give one record its one outcome."""
        record, event, verdict = item.record, item.event, item.verdict
        assert record.partition == self._partition
        refused: Refused | None = None
        if isinstance(verdict, Priceable):
            refused = self._charge(record, verdict)
            if refused is not None:
                event = usage.from_wire(record.value)
        else:
            match verdict:
                case Closing():
                    refused = self._close(record, verdict)
                case Correctable():
                    refused = self._correct(record, verdict)
                case Filtered():
                    self.tally.filtered(source_of(event))
                    if is_recycled(event):
                        self.tally.came_back("filtered")
                case Refused():
                    refused = verdict
        if refused is not None:
            self._suspend(record, event, refused)

    def _charge(self, record: SourceRecord, priceable: Priceable) -> Refused | None:
        """Price and count one event; where it is refused, nothing of it has been counted."""
        selected, terms, counters = priceable.selected, priceable.terms, priceable.counters
        offer, usage_period_ms = selected.offer, priceable.usage_period_ms
        before = [self.state.bucket(counter.key) for counter in counters]
        charged = priceable.charged
        if charged is None:
            priced = charge_after(selected, before[1:])
            charged = charged_of(selected, priced, usage_period_ms)
        amount = charged.amount
        head = self.state.head(terms.head_key)
        bill_period_ms = bill_period(head, usage_period_ms)
        records: list[tuple[Headers, bytes]] = []
        adjusted: Charge | None = None
        if charged.restated:
            after_it = adjustment(
                head,
                priceable,
                charged.restated,
                earlier=charged.earlier,
                causes=charged.causes,
                product_bucket=before[0],
                bill_period_ms=bill_period_ms,
                catalogue_version=self._catalogue_version,
                record=record,
            )
            if isinstance(after_it, Refused):
                return after_it
            head, before[0], adjusted = after_it
            records.append((USAGE, ledger.to_wire(adjusted)))
        counted = count_running(
            head, offer.product, offer.product_type, amount, offer.currency, bill_period_ms
        )
        if isinstance(counted, Refused):
            return counted
        after = _added(selected, counters, before, charged)
        value = charge_json(
            terms.ledger_head,
            counted.sequence,
            priceable.usage_json,
            charged.price_json,
            fields_json(
                CountedPart(
                    bill_period_ms,
                    self._catalogue_version,
                    selected.rule.price_id,
                    charged.explanation,
                    [
                        CounterAfter(
                            counter.name,
                            counter.start_ms,
                            bucket.records,
                            bucket.quantity_text,
                            bucket.amount_text,
                        )
                        for counter, bucket in after
                    ],
                    record.partition,
                    record.offset,
                    priceable.raw,
                    counted.first_open_period_ms,
                    counted.unbilled,
                )
            ),
            priceable.rest_json,
        )
        record_key = rating_key_of(terms.head_key)
        hits = reached(counted, terms.limits, amount, offer.currency)
        records.append((USAGE, value))
        if not hits:
            head = counted
        else:
            charge = ledger.from_wire(value)
            assert isinstance(charge, Charge)
            head, asks = invoice(counted, charge, hits)
            records.append((_LIMIT_REACHED, ledger.to_wire(asks)))
        refused = self._append(record_key, *records)
        if refused is not None:
            return refused
        self.state.heads[terms.head_key] = head
        for counter, bucket in after:
            self.state.buckets[counter.key] = bucket
        if adjusted is not None:
            self.tally.without_record(adjusted)
        self.tally.rated(priceable.source, offer, priceable.charge_id, charged)
        if priceable.is_recycled:
            self.tally.came_back("rated")
        return None

    def _close(self, record: SourceRecord, closing: Closing) -> Refused | None:
        command = closing.command
        key = head_key(command.rating_key)
        before = self.state.head(key)
        # What is charged is known once all of it can be: a refusal leaves nothing behind.
        state = RunningState(self.state)
        found = self._closing_charges(state, before, closing, record)
        if isinstance(found, Refused):
            return found
        running, charges = found
        head, closed = close(
            running.stored(),
            command,
            source_partition=record.partition,
            source_offset=record.offset,
        )
        if closed is not None:
            refused = self._append(
                command.rating_key.encode(),
                *[(USAGE, ledger.to_wire(charge)) for charge in charges],
                (_PERIOD_CLOSED, ledger.to_wire(closed)),
            )
            if refused is not None:
                return refused
            for charge in charges:
                self.tally.without_record(charge)
            self.state.buckets.update(state.buckets)
            self.state.heads[key] = running_head(head)
        self.tally.command()
        return None

    def _correct(self, record: SourceRecord, asked: Correctable) -> Refused | None:
        key = head_key(asked.command.rating_key)
        state = RunningState(self.state)  # a draft, thrown away where it is refused
        found = correct(state, self.state.head(key), asked, record=record)
        if isinstance(found, Refused):
            return found
        head, charges = found
        refused = self._append(
            asked.command.rating_key.encode(),
            *[(USAGE, ledger.to_wire(charge)) for charge in charges],
        )
        if refused is not None:
            return refused
        for charge in charges:
            self.tally.without_record(charge)
        self.state.buckets.update(state.buckets)
        self.state.heads[key] = head
        self.tally.command()
        return None

    def _closing_charges(
        self, state: RunningState, head: RunningHead, closing: Closing, record: SourceRecord
    ) -> tuple[RunningHead, list[Charge]] | Refused:
        """Return the head after what prices ask for at a close, and the charges; the months of the
        account that were closed before, and those before the first one ever closed, ask for none but the
        samples that no close has priced. A month of which a part was closed is not over by that."""
        command = closing.command
        first_ms = head.first_open_period_ms or command.period_start_ms
        # A month that was closed in another zone ended some hours before or after it does here.
        margin_ms = _ZONES_APART_MS if head.first_open_period_ms else 0
        charges: list[Charge] = []
        asked = [
            each
            for each in closing.closables
            if each.month_end_ms > first_ms + margin_ms or is_late(state, each)
        ]
        if sum(most_samples(state, each) for each in asked) > MOST_SAMPLES:
            return TOO_MANY_SAMPLES
        for closable in asked:
            found = closing_charge(
                *(state, head, command, closable),
                catalogue_version=self._catalogue_version,
                record=record,
            )
            if isinstance(found, Refused):
                return found
            if found is not None:
                head, charge = found
                charges.append(charge)
        return head, charges

    def _append(self, key: bytes, *records: tuple[Headers, bytes]) -> Refused | None:
        """Append all of ``records`` to the ledger, or none where one is too large for it."""
        for _, value in records:
            if len(key) + len(value) + FRAMING_BYTES > MAX_LEDGER_RECORD_BYTES:
                return Refused(
                    RefusalReason.TOO_LARGE,
                    f"its ledger record would have {len(value)} bytes; {MAX_LEDGER_RECORD_BYTES} "
                    "fit. Operator action: have the source send less with one record, or close "
                    "the account's open periods.",
                )
        for headers, value in records:
            self.appends.append(Append(_LEDGER, self._partition, key, value, headers))
        self.tally.ledger_records += len(records)
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
        if is_recycled(event):
            self.tally.came_back("suspended")


def _added(
    selected: Selected,
    counters: PeriodCounters,
    before: Sequence[RunningBucket],
    charged: Charged,
) -> list[tuple[PeriodCounter, RunningBucket]]:
    """Return the counters that the charge changes, with their buckets after it."""
    after = [(counters[0], add_running(before[0], selected.used, charged.amount))]
    for place, count in enumerate(charged.counts, 1):
        if count is not None:
            after.append((counters[place], add_running(before[place], *count)))
    return after
