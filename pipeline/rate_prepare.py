"""What rate knows of a batch before it knows the state: events, prices, limits, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from counters.count import product_counter
from counters.limits import LimitInForce, in_force
from counters.state import bucket_key, head_key
from rating.catalogue import Catalogue
from rating.rate import Filtered, Selected, select
from schemas import usage
from schemas.flow import SourceRecord
from schemas.period import month_start_of
from schemas.proof import Versions
from schemas.reference import Account, ReferenceData
from schemas.refusal import RefusalReason, Refused
from schemas.usage import NormalisedRecord, PeriodClose, UsageEvent

_NOT_READ = Refused(
    RefusalReason.INTERNAL_ERROR,
    "the step failed at this record twice. Operator action: find step_failed in the log of the "
    "rate worker and report it; recycle the record with a version that has the cure.",
)
_UNKNOWN_SUBSCRIPTION = Refused(
    RefusalReason.UNKNOWN_SUBSCRIPTION,
    "the account has no such subscription at the time of the usage. Operator action: load the "
    "reference data that has it, then recycle.",
)


class PeriodCounter(msgspec.Struct, frozen=True, gc=False):
    """A usage counter in the usage's own period, and where the state has it."""

    name: str
    key: bytes


class Priceable(msgspec.Struct, frozen=True, gc=False):
    """An event whose price is selected, and what counting it takes."""

    event: UsageEvent
    selected: Selected
    limits: tuple[LimitInForce, ...]
    usage_period_ms: int
    counters: tuple[PeriodCounter, ...]  # the product's, then those that the price asks for


class Item(msgspec.Struct, frozen=True, gc=False):
    """A source record, what it holds, and what is to be done with it."""

    record: SourceRecord
    event: NormalisedRecord | None  # None: bytes that are no record, at an internal error
    verdict: Priceable | Filtered | Refused | PeriodClose


class RateBatch(NamedTuple):
    """A batch, decoded under one version of catalogue and reference data."""

    items: list[Item]
    state_keys: Sequence[bytes]
    versions: Versions


def prepare(
    records: Sequence[SourceRecord],
    *,
    catalogue: Catalogue,
    reference: ReferenceData,
    internal_errors: frozenset[int],
) -> RateBatch:
    """Return the batch decoded, with its prices selected and the keys of its counters.

    Bytes that are no record of ours raise `msgspec.DecodeError`: only normalise writes here.
    """
    preparing = _Preparing(catalogue, reference)
    items = [
        preparing.not_looked_at(record)
        if record.offset in internal_errors
        else preparing.item(record)
        for record in records
    ]
    versions = Versions(catalogue=catalogue.version, reference=reference.version)
    return RateBatch(items, list(preparing.keys), versions)


class _Preparing:
    def __init__(self, catalogue: Catalogue, reference: ReferenceData) -> None:
        self._catalogue = catalogue
        self._reference = reference
        self._limits_for_everyone = in_force(catalogue.limits)
        self._limits: dict[str, tuple[LimitInForce, ...]] = {}
        self.keys: dict[bytes, None] = {}  # a set that keeps its order

    def not_looked_at(self, record: SourceRecord) -> Item:
        """Return a record at which the step failed; decoded only to say which event it was."""
        try:
            event = usage.from_wire(record.value)
        except msgspec.DecodeError:  # then the bytes themselves are why it failed
            event = None
        return Item(record, event, _NOT_READ)

    def item(self, record: SourceRecord) -> Item:
        event = usage.from_wire(record.value)
        if isinstance(event, PeriodClose):
            self.keys[head_key(event.rating_key)] = None
            return Item(record, event, event)
        return Item(record, event, self._verdict(event))

    def _verdict(self, event: UsageEvent) -> Priceable | Filtered | Refused:
        found = self._reference.subscription(
            account_id=event.account_id,
            subscription_id=event.subscription_id,
            at_ms=event.started_at_ms,
        )
        if found is None:
            return _UNKNOWN_SUBSCRIPTION
        account, subscription = found
        selected = select(self._catalogue, event, subscription.plan, account.currency)
        if not isinstance(selected, Selected):
            return selected
        rating_key = event.rating_key
        period_ms = month_start_of(event.started_at_ms, zone=event.zone)
        product = product_counter(
            event.product, unit=selected.offer.unit, currency=selected.offer.currency
        )
        counters = tuple(
            [
                PeriodCounter(name, bucket_key(rating_key, name, period_ms))
                for name in (product, *selected.counters)
            ]
        )
        self.keys[head_key(rating_key)] = None
        for counter in counters:
            self.keys[counter.key] = None
        return Priceable(event, selected, self._limits_of(account), period_ms, counters)

    def _limits_of(self, account: Account) -> tuple[LimitInForce, ...]:
        if not account.limits:
            return self._limits_for_everyone
        limits = self._limits.get(account.account_id)
        if limits is None:
            limits = in_force(self._catalogue.limits, account.limits)
            self._limits[account.account_id] = limits
        return limits
