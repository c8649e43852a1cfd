"""What is the same for all events of one subscription and one product, found once and kept.

Most of what rating an event needs does not depend on the event: whose it is, what the plan has for
the product, which limits count it, how its counters and their keys are called. It is kept from batch
to batch for as long as catalogue and reference data are the ones that it was found in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from counters.count import product_counter
from counters.limits import LimitInForce, in_force, that_count
from counters.state import bucket_key, head_key
from pipeline.generations import Generations
from rating.catalogue import Catalogue, Offer
from rating.catalogue.compiled import Rule
from rating.conditions.subscription_month import month_of_subscription
from rating.counting import EVER_MS, Counter, CounterPeriod, Counting
from rating.days_of_month import days_of_month
from rating.earlier_months import EarlierMonth, Span, months_before, months_had
from rating.fitting import fitted, members_in
from rating.rate import Holder, Selected, counter_names, find_offer
from rating.roll_over import NO_EARLIER, EarlierMonths
from schemas.event_digests import EventDigests
from schemas.ledger_parts import head_json
from schemas.period import day_of, month_of
from schemas.reference import Account, ReferenceData, Subscription
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

# In each of two generations, about 1 kB each. A process that serves more subscriptions than that
# looks them up again, at a few microseconds.
MOST_KEPT = 20_000
NEVER_MS = 1 << 62

_UNKNOWN_SUBSCRIPTION = Refused(
    RefusalReason.UNKNOWN_SUBSCRIPTION,
    "the account has no such subscription at the time of the usage. Operator action: load the "
    f"reference data that has it; {STAYS}",
)


class PeriodCounter(msgspec.Struct, frozen=True, gc=False):
    """A usage counter in the usage's own period, and where the state has it."""

    name: str
    key: bytes
    start_ms: int  # of its period


PeriodCounters = tuple[PeriodCounter, ...]
"""The product's, then those that the price asks for, in their order."""


class Terms(msgspec.Struct, gc=False):
    """What an event of one subscription and product meets. The last eight fields change: they are
    the month that was asked for last, and its counters with the instants between which they are
    the right ones."""

    tenant: str
    rating_key: str
    run: str
    zone: str
    subscription_id: str
    from_ms: int  # the subscription's entry, and what conditions ask of it, hold in [from, to)
    to_ms: int
    plan: str
    offer: Offer | Refused
    holder: Holder | None  # None: nothing that the plan has for the product asks for one
    limits: tuple[LimitInForce, ...]  # those that the product counts towards
    digests: EventDigests
    ledger_head: bytes  # `ledger_parts.head_json`
    head_key: bytes
    month_start_ms: int
    month_end_ms: int
    counting: Counting | None = None
    named: PeriodCounters = ()
    named_from_ms: int = 0
    named_to_ms: int = 0
    earlier: EarlierMonths = NO_EARLIER  # before that of `month_start_ms`; see `earlier_for`
    earlier_for: tuple[int, int, bool] = (0, 0, False)  # the month, how many, of the account too

    def fits(self, event: UsageEvent) -> bool:
        """Return whether these are the terms of an event of the same account, subscription and
        product: nothing else of it may differ from what was looked at."""
        return (
            self.from_ms <= event.started_at_ms < self.to_ms
            and event.tenant == self.tenant
            and event.rating_key == self.rating_key
            and event.run == self.run
            and event.zone == self.zone
        )

    def counters(self, at_ms: int, counting: Counting) -> PeriodCounters:
        """Return the counters in the periods that an instant lies in. `month_start_ms` is the start
        of its month from then on."""
        if counting is self.counting and self.named_from_ms <= at_ms < self.named_to_ms:
            return self.named
        self.counting = None  # what an error leaves half done is asked for again
        if not self.month_start_ms <= at_ms < self.month_end_ms:
            self.month_start_ms, self.month_end_ms = month_of(at_ms, zone=self.zone)
        self.named_from_ms, self.named_to_ms = self.month_start_ms, self.month_end_ms
        if any(counter.period is CounterPeriod.DAY for counter in counting):
            self.named_from_ms, self.named_to_ms = day_of(at_ms, zone=self.zone)
        self.named = self._named(counting)
        self.counting = counting
        return self.named

    def _named(self, counting: Counting) -> PeriodCounters:
        offer = self.offer
        assert isinstance(offer, Offer), "an event without a price has no counters"
        product = product_counter(offer.product, unit=offer.unit, currency=offer.currency)
        names = counter_names(counting, subscription_id=self.subscription_id, unit=offer.unit)
        starts_ms = [
            self._day_ms(counter)
            if counter.period is CounterPeriod.DAY
            else self._month_ms(counter)
            for counter in counting
        ]
        return tuple(
            [
                PeriodCounter(name, bucket_key(self.rating_key, name, start_ms), start_ms)
                for name, start_ms in zip(
                    (product, *names), (self.month_start_ms, *starts_ms), strict=True
                )
            ]
        )

    def _day_ms(self, counter: Counter) -> int:
        """Return the start of the day of a counter."""
        if not counter.month_day:
            return self.named_from_ms
        return days_of_month(self.month_start_ms, zone=self.zone)[counter.month_day - 1]

    def _month_ms(self, counter: Counter) -> int:
        """Return the start of the month of a counter; of one that never begins anew that of all."""
        if counter.period is CounterPeriod.ONCE:
            return EVER_MS
        back = counter.months_back
        if not back:
            return self.month_start_ms
        return months_before(self.month_start_ms, zone=self.zone, count=back)[-1].start_ms


class _Offered(NamedTuple):
    offer: Offer | Refused
    limits: tuple[LimitInForce, ...]  # for everyone, that the product counts towards


class TermsInForce:
    """The terms under one version of the catalogue and one of the reference data."""

    def __init__(self, catalogue: Catalogue, reference: ReferenceData) -> None:
        self.catalogue = catalogue
        self.reference = reference
        self.reference_version = reference.version
        self._limits_for_everyone = in_force(catalogue.limits)
        self._offers: dict[tuple[str, str, str], _Offered] = {}
        self._texts: dict[str, str] = {}
        self._kept: Generations[tuple[str, str, str], Terms] = Generations(MOST_KEPT)
        self._of_account: dict[tuple[str, str, int, int], tuple[str, ...]] = {}
        self._members_of: dict[tuple[str, str, int, int], int] = {}
        self.compiled: Any = None  # what `pipeline/rate_compiled.py` keeps with them

    def are_of(self, catalogue: Catalogue, reference: ReferenceData) -> bool:
        """Return whether these are still the versions in force."""
        return (
            self.catalogue is catalogue
            and self.reference is reference
            and self.reference_version == reference.version
        )

    def of(self, event: UsageEvent) -> Terms | Refused:
        """Return the terms of an event, or that its subscription is not known."""
        key = (event.subscription_id, event.product, event.account_id)
        terms = self._kept.get(key)
        if terms is not None and terms.fits(event):
            return terms
        found = self.reference.subscription(
            account_id=event.account_id,
            subscription_id=event.subscription_id,
            at_ms=event.started_at_ms,
        )
        if found is None:
            return _UNKNOWN_SUBSCRIPTION
        terms = self._found(event, *found)
        self._kept.put(key, terms)
        return terms

    def _found(self, event: UsageEvent, account: Account, subscription: Subscription) -> Terms:
        offered = self.offered(subscription.plan, account.currency, event.product)
        limits = offered.limits
        if account.limits and isinstance(offered.offer, Offer):
            limits = _counting_limits(
                in_force(self.catalogue.limits, account.limits), offered.offer
            )
        from_ms, to_ms = subscription.valid_from_ms, subscription.valid_to_ms
        to_ms = NEVER_MS if to_ms is None else to_ms
        holder = None
        if isinstance(offered.offer, Offer) and offered.offer.asks_for_holder:
            at_ms = event.started_at_ms
            month = None
            if offered.offer.asks_for_month:
                month = self._month_of(account, subscription, event)
                month_from_ms, month_to_ms = month_of(at_ms, zone=event.zone)
                from_ms, to_ms = max(from_ms, month_from_ms), min(to_ms, month_to_ms)
            holder = holder_at(account, subscription, at_ms, month=month)
            same = account.attributes_at(at_ms)
            from_ms = from_ms if same.from_ms is None else max(from_ms, same.from_ms)
            to_ms = to_ms if same.to_ms is None else min(to_ms, same.to_ms)
        return Terms(
            self._shared(event.tenant),
            event.rating_key,
            self._shared(event.run),
            self._shared(event.zone),
            event.subscription_id,
            from_ms,
            to_ms,
            subscription.plan,
            offered.offer,
            holder,
            limits,
            EventDigests(event.run, event.rating_key),
            head_json(event.tenant, event.rating_key),
            head_key(event.rating_key),
            *month_of(event.started_at_ms, zone=event.zone),
        )

    def _month_of(self, account: Account, subscription: Subscription, event: UsageEvent) -> int:
        """Return which month of its subscription an event lies in."""
        entries = self.reference.entries(
            account_id=account.account_id, subscription_id=subscription.subscription_id
        )
        began_ms = min(entry.valid_from_ms for entry in entries)
        return month_of_subscription(began_ms, event.started_at_ms, zone=event.zone)

    def earlier_months(self, event: UsageEvent, terms: Terms, rule: Rule) -> EarlierMonths:
        """Return in which of the months before that of ``event`` that its price looks at the
        subscription was on the plan, and where that matters any of its account. ``terms`` are its
        terms, asked for its counters last."""
        month_ms, count = terms.month_start_ms, rule.months_rolled
        asked = (month_ms, count, rule.shares_rolled)
        if terms.earlier_for == asked:
            return terms.earlier
        months = months_before(month_ms, zone=terms.zone, count=count)
        own = self.reference.entries(
            account_id=event.account_id, subscription_id=event.subscription_id
        )
        terms.earlier = EarlierMonths(
            months_had(months, _on_plan(own, terms.plan)),
            self._account_had(event.account_id, terms.plan, months) if rule.shares_rolled else (),
        )
        terms.earlier_for = asked
        return terms.earlier

    def _account_had(
        self, account_id: str, plan: str, months: Sequence[EarlierMonth]
    ) -> tuple[str, ...]:
        """Return the same of all subscriptions of an account; once for all of them, since it may have
        a hundred thousand."""
        key = (account_id, plan, months[0].start_ms, len(months))
        found = self._of_account.get(key)
        if found is None:
            entries = self.reference.accounts[account_id].subscriptions
            if len(self._of_account) >= MOST_KEPT:
                self._of_account.clear()
            found = self._of_account[key] = months_had(months, _on_plan(entries, plan))
        return found

    def fitted(self, event: UsageEvent, terms: Terms, selected: Selected) -> Selected | Refused:
        """Return a selection with the allowances that an event has, whose terms are ``terms``."""
        assert terms.holder is not None, "its offer asks for one"
        account_id, plan = event.account_id, terms.plan

        def members(start_ms: int, end_ms: int) -> int:
            return self._members(account_id, plan, start_ms, end_ms)

        return fitted(selected, event, holder=terms.holder, members_in=members)

    def _members(self, account_id: str, plan: str, start_ms: int, end_ms: int) -> int:
        """Return how many subscriptions of an account were on a plan in some part of [start, end)."""
        key = (account_id, plan, start_ms, end_ms)
        found = self._members_of.get(key)
        if found is None:
            entries = self.reference.accounts[account_id].subscriptions
            if len(self._members_of) >= MOST_KEPT:
                self._members_of.clear()
            found = self._members_of[key] = members_in(
                (
                    (entry.subscription_id, (entry.valid_from_ms, entry.valid_to_ms))
                    for entry in entries
                    if entry.plan == plan
                ),
                start_ms,
                end_ms,
            )
        return found

    def _shared(self, text: str) -> str:
        """Return the one copy of a text that nearly all terms have: comparing it with that of an
        event then waits for no memory."""
        return self._texts.setdefault(text, text)

    def offered(self, plan: str, currency: str, product: str) -> _Offered:
        """Return what a plan has for a product, the same object for all its subscriptions."""
        key = (plan, currency, product)
        offered = self._offers.get(key)
        if offered is None:
            offer = find_offer(self.catalogue, product, plan, currency)
            everyone = self._limits_for_everyone
            limits = () if isinstance(offer, Refused) else _counting_limits(everyone, offer)
            if len(self._offers) >= MOST_KEPT:  # of products that no plan has there is no end
                self._offers.clear()
            offered = self._offers[key] = _Offered(offer, limits)
        return offered


def _on_plan(entries: Sequence[Subscription], plan: str) -> list[Span]:
    return [(entry.valid_from_ms, entry.valid_to_ms) for entry in entries if entry.plan == plan]


def holder_at(
    account: Account, subscription: Subscription, at_ms: int, *, month: int | None = None
) -> Holder:
    """Return what conditions ask of an account and one of its subscriptions at an instant. ``month``:
    which one of the subscription it is, where that is asked for."""
    return Holder(
        account.account_id,
        subscription.subscription_id,
        account.attributes_at(at_ms).values,
        subscription.attributes or {},
        month,
    )


def _counting_limits(limits: tuple[LimitInForce, ...], offer: Offer) -> tuple[LimitInForce, ...]:
    return that_count(limits, product=offer.product, product_type=offer.product_type)
