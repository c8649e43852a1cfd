"""What prices still ask for when a month of an account is closed: a least, a fee without usage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from counters.count import adjust_running, bill_period, count_running, product_counter
from counters.running import RunningHead
from counters.state import bucket_key
from pipeline.rate_running import RunningState
from pipeline.rate_terms import PeriodCounter, holder_at
from rating.catalogue import Catalogue, Offer
from rating.catalogue.compiled import Rule
from rating.closing import Closed, close_month, looked_at
from rating.closing_days import Days, rules_at_close
from rating.closing_samples import (
    Counted,
    Month,
    Sample,
    close_samples,
    intervals_of,
    is_priced,
    samples_of,
)
from rating.conditions.condition import Condition
from rating.conditions.subscription_month import month_of_subscription
from rating.counting import CounterKind
from rating.local_time import local_time
from schemas import ledger
from schemas.correction import CORRECTIONS
from schemas.decimals import ZERO, to_text
from schemas.flow import SourceRecord
from schemas.ids import closing_id
from schemas.ledger import Charge, CounterAfter
from schemas.period import day_of, month_of
from schemas.reference import Account, Subscription
from schemas.refusal import RefusalReason, Refused
from schemas.usage import PeriodClose

MOST_SAMPLES = 3_000_000
"""Of one close. Reading one takes about two microseconds, in which a worker does nothing else, and after
ten seconds of silence the broker takes it for dead: then nobody would ever come to the end of it."""

TOO_MANY_SAMPLES = Refused(
    RefusalReason.TOO_LARGE,
    f"the account has more than {MOST_SAMPLES:,} samples that are to be priced, and a close reads no more. "
    "Operator action: divide its subscriptions among accounts, or have longer intervals from the "
    "next month on.",
)

_MOST_MONTHS = (
    13  # before the end of a close: who closes less often than once a year closes by month
)


class Closable(msgspec.Struct, frozen=True, gc=False):
    """One price of one subscription that asks for something at the close of one month."""

    offer: Offer
    rule: Rule
    subscription_id: str
    month_start_ms: int
    month_end_ms: int
    days: int  # on which the subscription had the price
    days_of_month: int
    product: PeriodCounter
    counters: Mapping[CounterKind, PeriodCounter]
    intervals: int = 0  # of those days, where the month is priced by its samples
    corrections: PeriodCounter | None = None  # of the month, where it is priced by its samples

    @property
    def keys(self) -> Iterator[bytes]:
        """Yield the keys of the counters that it looks at."""
        yield self.product.key
        yield from (counter.key for counter in self.counters.values())
        if self.corrections is not None:
            yield self.corrections.key


def closables(
    close: PeriodClose, account: Account | None, catalogue: Catalogue
) -> tuple[Closable, ...]:
    """Return what the months of a close may ask for, the earlier months first.

    Those before the period of the command are among them: a close ends every month before it.
    """
    if account is None or not any(_closing_rules(catalogue, account)):
        return ()
    found = []
    by_plan, began = _by_plan(account), _began(account)
    for start_ms, end_ms in _months(close.period_end_ms, account.zone):
        month = _Month(account, start_ms, end_ms)
        for (subscription_id, plan_code), entries in by_plan.items():
            plan = catalogue.plans.get(plan_code)
            on_plan = month.days_of(entries)
            if not on_plan or plan is None or plan.currency != account.currency:
                continue
            held = month.held_by(entries, began[subscription_id])
            for offer in plan.offers.values():
                for rule, days, on_days in rules_at_close(offer, on_plan, held):
                    found.append(
                        Closable(
                            *(offer, rule, subscription_id, start_ms, end_ms),
                            *(days, month.length),
                            *_counters(close.rating_key, offer, rule, subscription_id, start_ms),
                            month.intervals(rule, on_days),
                            _corrections(close.rating_key, rule, start_ms),
                        )
                    )
    return tuple(found)


def _closing_rules(catalogue: Catalogue, account: Account) -> Iterator[Rule]:
    for plan_code in {entry.plan for entry in account.subscriptions}:
        plan = catalogue.plans.get(plan_code)
        for offer in plan.offers.values() if plan else ():
            for entry in offer.entries:
                yield from (rule for rule in entry.rules if rule.asks_at_close)


def _months(end_ms: int, zone: str) -> list[tuple[int, int]]:
    """Return the last months that are over at an instant, in order."""
    months: list[tuple[int, int]] = []
    at_ms = end_ms
    while len(months) < _MOST_MONTHS:
        start_ms, month_end_ms = month_of(at_ms - 1, zone=zone)
        if month_end_ms <= end_ms:
            months.append((start_ms, month_end_ms))
        at_ms = start_ms
    return months[::-1]


def _by_plan(account: Account) -> dict[tuple[str, str], list[Subscription]]:
    found: dict[tuple[str, str], list[Subscription]] = {}
    for entry in account.subscriptions:
        found.setdefault((entry.subscription_id, entry.plan), []).append(entry)
    return found


def _began(account: Account) -> dict[str, int]:
    """Return when each subscription began."""
    found: dict[str, int] = {}
    for entry in account.subscriptions:
        name, from_ms = entry.subscription_id, entry.valid_from_ms
        found[name] = min(from_ms, found.get(name, from_ms))
    return found


class _Month:
    """A month of an account: its local days, and on which of them subscriptions had what."""

    def __init__(self, account: Account, start_ms: int, end_ms: int) -> None:
        self._account = account
        self._start_ms, self._end_ms = start_ms, end_ms
        self._days: list[tuple[int, int, int]] = []  # from, to, and the day's number
        self._known: dict[tuple[int, int], Days] = {}  # by validity; most have the same
        # By how many minutes each has: an account may have a hundred thousand subscriptions.
        self._intervals: dict[tuple[int, Days], int] = {}
        at_ms = start_ms
        while at_ms < end_ms:
            _, next_ms = day_of(at_ms, zone=account.zone)
            self._days.append((at_ms, next_ms, local_time(at_ms, zone=account.zone)[0]))
            at_ms = next_ms

    @property
    def length(self) -> int:
        """Return how many days it has."""
        return len(self._days)

    def intervals(self, rule: Rule, days: Days) -> int:
        """Return how many intervals of samples some of its days have; 0 of a price without."""
        if rule.sampling is None:
            return 0
        key = (rule.sampling.interval_minutes, days)
        found = self._intervals.get(key)
        if found is None:
            start_ms, end_ms, zone = self._start_ms, self._end_ms, self._account.zone
            found = self._intervals[key] = intervals_of(
                rule.sampling, days, start_ms=start_ms, end_ms=end_ms, zone=zone
            )
        return found

    def days_of(self, entries: list[Subscription]) -> Days:
        """Return the days on which one of the entries was valid."""
        if len(entries) == 1:
            return self._valid(entries[0])
        return tuple(sorted({day for entry in entries for day in self._valid(entry)}))

    def held_by(self, entries: list[Subscription], began_ms: int) -> Callable[[Condition], Days]:
        """Return what tells on which of these days a condition held: at the beginning of the day, or of
        the entry where that is later. ``began_ms``: of the subscription."""

        def held(condition: Condition) -> Days:
            month = None
            if condition.asks_month:  # the same on all days of it
                zone = self._account.zone
                month = month_of_subscription(began_ms, self._end_ms - 1, zone=zone)
            days = {day for each in entries for day in self._held(each, condition, month)}
            return tuple(sorted(days))

        return held

    def _valid(self, entry: Subscription) -> Days:
        from_ms = max(entry.valid_from_ms, self._start_ms)
        to_ms = self._end_ms if entry.valid_to_ms is None else min(entry.valid_to_ms, self._end_ms)
        days = self._known.get((from_ms, to_ms))
        if days is None:
            days = tuple(
                [day for at_ms, next_ms, day in self._days if from_ms < next_ms and to_ms > at_ms]
            )
            self._known[from_ms, to_ms] = days
        return days

    def _held(self, entry: Subscription, condition: Condition, month: int | None) -> Days:
        days = self._valid(entry)
        if not days:
            return days
        account = self._account
        first_ms = max(self._start_ms, entry.valid_from_ms)
        same_to_ms = account.attributes_at(first_ms).to_ms
        if same_to_ms is None or same_to_ms >= self._end_ms:  # all month long, as nearly always
            holder = holder_at(account, entry, first_ms, month=month)
            return days if condition.holds_of(holder) else ()
        wanted = set(days)
        return tuple(
            [
                day
                for at_ms, _, day in self._days
                if day in wanted
                and condition.holds_of(
                    holder_at(account, entry, max(at_ms, entry.valid_from_ms), month=month)
                )
            ]
        )


def _counters(
    rating_key: str, offer: Offer, rule: Rule, subscription_id: str, start_ms: int
) -> tuple[PeriodCounter, Mapping[CounterKind, PeriodCounter]]:
    """Return the product's counter, and those of the price that its close looks at."""

    def counter(name: str) -> PeriodCounter:
        return PeriodCounter(name, bucket_key(rating_key, name, start_ms), start_ms)

    product = counter(product_counter(offer.product, unit=offer.unit, currency=offer.currency))
    asked = {
        each.kind: counter(each.name(subscription_id=subscription_id, unit=offer.unit))
        for each in looked_at(rule)
    }
    return product, asked


def _corrections(rating_key: str, rule: Rule, start_ms: int) -> PeriodCounter | None:
    if rule.sampling is None:
        return None
    return PeriodCounter(CORRECTIONS, bucket_key(rating_key, CORRECTIONS, start_ms), start_ms)


def is_late(state: RunningState, closable: Closable) -> bool:
    """Return whether a month that is closed has records of samples that no close has priced: those
    that came late, or before the account was ever closed."""
    if closable.rule.sampling is None:
        return False
    return not is_priced(state.bucket(closable.counters[CounterKind.SAMPLED].key))


def most_samples(state: RunningState, closable: Closable) -> int:
    """Return how many samples a month has at most, which are no more than its records; 0 where it is
    not priced by them."""
    sampling = closable.rule.sampling
    if sampling is None:
        return 0
    counters = closable.counters[CounterKind.SAMPLED]
    length_ms = closable.month_end_ms - closable.month_start_ms
    intervals = -(-length_ms // (sampling.interval_minutes * 60_000))
    lines = 2 if sampling.direction_by else 1
    return min(state.bucket(counters.key).records, intervals * lines)


def _samples(state: RunningState, rating_key: str, closable: Closable) -> Counted:
    """Return the counters of the samples of a closable month, read one by one: of each direction at
    most as many as it has intervals."""
    begins = samples_of(closable.rule, subscription_id=closable.subscription_id)
    start_ms = closable.month_start_ms
    return {
        direction: _read(state, bucket_key(rating_key, name, start_ms))
        for direction, name in begins.items()
    }


def _read(state: RunningState, prefix: bytes) -> Iterator[Sample]:
    begins = len(prefix)
    for key, records, quantity in state.counted_from(prefix):
        yield key[begins:].decode(), records, quantity


def closing_charge(
    state: RunningState,
    head: RunningHead,
    close: PeriodClose,
    closable: Closable,
    *,
    catalogue_version: int,
    record: SourceRecord,
) -> tuple[RunningHead, Charge] | Refused | None:
    """Return the head after what a price asks for, and its record; None where it asks for nothing.

    The counters are changed in ``state``.
    """
    offer, rule, counters = closable.offer, closable.rule, closable.counters
    so_far = {kind: state.bucket(counter.key) for kind, counter in counters.items()}
    due: Closed | Refused | None
    if rule.sampling is None:
        due = close_month(rule, so_far, days=closable.days, days_of_month=closable.days_of_month)
    else:
        due = close_samples(
            *(rule, offer.unit, so_far[CounterKind.TIER], so_far[CounterKind.SAMPLED]),
            _samples(state, close.rating_key, closable),
            Month(closable.days, closable.days_of_month, closable.intervals),
        )
        if isinstance(due, Refused):
            return due
    # What is unbilled in another currency, from before a move of the account, is billed by the close
    # itself: it is not held up, and asks for nothing that could not stand beside it.
    if due is None or (head.unbilled and head.unbilled[0].currency != offer.currency):
        return None
    bill_period_ms = bill_period(head, closable.month_start_ms)
    counted = count_running(
        *(head, offer.product, offer.product_type, due.amount, offer.currency),
        bill_period_ms,
        records=0,
    )
    if isinstance(counted, Refused):
        return counted
    after = []
    changes = [
        (closable.product, due.amount, ZERO),
        *((counters[each.kind], each.amount, each.quantity) for each in due.changes),
    ]
    for counter, amount, quantity in changes:
        bucket = adjust_running(state.bucket(counter.key), amount, quantity=quantity)
        state.buckets[counter.key] = bucket
        after.append(
            CounterAfter(
                counter.name,
                counter.start_ms,
                bucket.records,
                bucket.quantity_text,
                bucket.amount_text,
            )
        )
    provenance = close.provenance
    corrections = closable.corrections
    identifier = closing_id(
        rating_key=close.rating_key,
        subscription_id=closable.subscription_id,
        price_id=rule.price_id,
        month_start_ms=closable.month_start_ms,
        again=due.again,
        corrections=0 if corrections is None else state.bucket(corrections.key).records,
    )
    return counted, Charge(
        tenant=close.tenant,
        rating_key=close.rating_key,
        sequence=counted.sequence,
        charge_id=identifier,
        run=close.run,
        identity=close.identity.hex(),
        account_id=close.account_id,
        subscription_id=closable.subscription_id,
        product=offer.product,
        product_type=offer.product_type,
        usage_kind=ledger.CLOSING,
        source="",
        record_id=identifier,
        started_at_ms=closable.month_end_ms - 1,
        origin=None,
        destination=None,
        used="0",
        billed=to_text(due.billed),
        free="0",
        unit=offer.unit,
        amount=to_text(due.amount),
        currency=offer.currency,
        usage_period_ms=closable.month_start_ms,
        bill_period_ms=bill_period_ms,
        catalogue_version=catalogue_version,
        price_id=rule.price_id,
        explanation=due.explanation,
        counters_after=tuple(after),
        source_partition=record.partition,
        source_offset=record.offset,
        raw=(provenance.partition, provenance.offset, provenance.index),
        first_open_period_ms=counted.first_open_period_ms,
        unbilled=counted.unbilled,
        tax_code=offer.tax_code,
    )
