"""What is the same for all events of one subscription and one product, found once and kept.

Most of what rating an event needs does not depend on the event: whose it is, what the plan has for
the product, which limits count it, how its counters and their keys are called. It is kept from batch
to batch for as long as catalogue and reference data are the ones that it was found in.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from counters.count import product_counter
from counters.limits import LimitInForce, in_force, that_count
from counters.state import bucket_key, head_key
from rating.catalogue import Catalogue
from rating.catalogue.compiled import Counting, Offer
from rating.rate import counter_names, find_offer
from schemas.event_digests import EventDigests
from schemas.period import month_of
from schemas.reference import Account, ReferenceData, Subscription
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent

# A few kB of each hot subscription; a process that serves more of them looks them up again.
_MOST_KEPT = 20_000
_NEVER_MS = 1 << 62

_UNKNOWN_SUBSCRIPTION = Refused(
    RefusalReason.UNKNOWN_SUBSCRIPTION,
    "the account has no such subscription at the time of the usage. Operator action: load the "
    "reference data that has it, then recycle.",
)


class PeriodCounter(NamedTuple):
    """A usage counter in the usage's own period, and where the state has it."""

    name: str
    key: bytes


PeriodCounters = tuple[PeriodCounter, ...]
"""The product's, then those that the price asks for, the allowance's first."""


class Month(msgspec.Struct, frozen=True, gc=False):
    """A usage period [start, end) of a subscription's product, and its counters."""

    start_ms: int
    end_ms: int
    counters: dict[Counting, PeriodCounters]


class Terms(msgspec.Struct, gc=False):
    """What an event of one subscription and product meets. Only ``month`` is ever replaced: it is
    the one that was asked for last."""

    rating_key: str
    run: str
    zone: str
    subscription_id: str
    from_ms: int  # the subscription's entry holds in [from, to)
    to_ms: int
    plan: str
    offer: Offer | Refused
    limits: tuple[LimitInForce, ...]  # those that the product counts towards
    digests: EventDigests
    ledger_key: bytes
    head_key: bytes
    month: Month

    def fits(self, event: UsageEvent) -> bool:
        """Return whether these are the terms of an event of the same account, subscription and
        product: nothing else of it may differ from what was looked at."""
        return (
            self.from_ms <= event.started_at_ms < self.to_ms
            and event.rating_key == self.rating_key
            and event.run == self.run
            and event.zone == self.zone
        )

    def counters(self, at_ms: int, counting: Counting) -> PeriodCounters:
        """Return the counters in the month that an instant lies in, which is `month` then."""
        month = self.month
        if not month.start_ms <= at_ms < month.end_ms:
            month = self.month = Month(*month_of(at_ms, zone=self.zone), {})
        counters = month.counters.get(counting)
        if counters is None:
            counters = month.counters[counting] = self._named(counting, month.start_ms)
        return counters

    def _named(self, counting: Counting, start_ms: int) -> PeriodCounters:
        offer = self.offer
        assert isinstance(offer, Offer), "an event without a price has no counters"
        product = product_counter(offer.product, unit=offer.unit, currency=offer.currency)
        names = counter_names(counting, subscription_id=self.subscription_id, unit=offer.unit)
        return tuple(
            [
                PeriodCounter(name, bucket_key(self.rating_key, name, start_ms))
                for name in (product, *names)
            ]
        )


class TermsInForce:
    """The terms under one version of the catalogue and one of the reference data."""

    def __init__(self, catalogue: Catalogue, reference: ReferenceData) -> None:
        self.catalogue = catalogue
        self.reference = reference
        self.reference_version = reference.version
        self._limits_for_everyone = in_force(catalogue.limits)
        self._kept: dict[tuple[str, str, str], Terms] = {}

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
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        terms = self._kept[key] = self._found(event, *found)
        return terms

    def _found(self, event: UsageEvent, account: Account, subscription: Subscription) -> Terms:
        offer = find_offer(self.catalogue, event.product, subscription.plan, account.currency)
        limits: tuple[LimitInForce, ...] = ()
        if isinstance(offer, Offer):
            limits = self._limits_for_everyone
            if account.limits:
                limits = in_force(self.catalogue.limits, account.limits)
            limits = that_count(limits, product=offer.product, product_type=offer.product_type)
        to_ms = subscription.valid_to_ms
        return Terms(
            event.rating_key,
            event.run,
            event.zone,
            event.subscription_id,
            subscription.valid_from_ms,
            _NEVER_MS if to_ms is None else to_ms,
            subscription.plan,
            offer,
            limits,
            EventDigests(event.run, event.rating_key),
            event.rating_key.encode(),
            head_key(event.rating_key),
            Month(*month_of(event.started_at_ms, zone=event.zone), {}),
        )
