"""The real engine over one period: a catalogue from its YAML, events, the close.

Adapters translate; nothing here or there computes a price.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rating.catalogue import check, compile
from rating.charging import rated_usage
from rating.closing import Closed, close_month
from rating.counting import CounterKind, CounterPeriod
from rating.rate import Filtered, RatedUsage, Selected, charge_after, select
from rating.trial import Tallies, Tally
from schemas.period import month_of, to_ms
from schemas.refusal import Refused
from schemas.usage import Provenance, UsageEvent

ZERO = Decimal(0)
NOON = "2026-10-05T12:00"


def catalogue_text(sections: Mapping[str, Any]) -> bytes:
    """Return sections as YAML, of which JSON is a part; decimals stand as they are written."""
    return json.dumps(sections, default=str).encode()


class Engine:
    """A catalogue, and the counters of its subscriptions."""

    def __init__(
        self,
        sections: Mapping[str, Any],
        *,
        cards: Mapping[str, str] | None = None,
        plan: str = "p",
        currency: str = "EUR",
        zone: str = "UTC",
    ) -> None:
        files = {"plans.yaml": catalogue_text(sections)}
        files.update({name: text.encode() for name, text in (cards or {}).items()})
        checked = check(files)
        assert checked.document is not None, "\n".join(map(str, checked.errors))
        self.catalogue = compile(checked.document, 1)
        self.plan, self.currency, self.zone = plan, currency, zone
        self.tallies = Tallies()
        self.counters = self.tallies.found

    def event(
        self,
        product: str,
        *,
        at: str = NOON,
        ends: str | None = None,
        to: str | None = None,
        origin: str | None = None,
        subscription: str = "s-1",
        attributes: Mapping[str, str] | None = None,
        **quantities: object,
    ) -> UsageEvent:
        """Return an event at a local time (or one with an offset), with quantities by unit."""
        return UsageEvent(
            tenant="acme",
            identity=bytes(16),
            content_hash=bytes(8),
            run="retail",
            rating_key="a-1",
            source="switch-1",
            record_id="r-1",
            account_id="a-1",
            subscription_id=subscription,
            product=product,
            usage_kind="usage",
            started_at_ms=self._ms(at),
            ended_at_ms=None if ends is None else self._ms(ends),
            zone=self.zone,
            quantities={unit: Decimal(str(value)) for unit, value in quantities.items()},
            origin=origin,
            destination=to,
            service_class=None,
            attributes=dict(attributes or {}),
            provenance=Provenance(0, 0, 0, "conformance@1", 0),
            batch=1,
        )

    def _ms(self, at: str) -> int:
        moment = dt.datetime.fromisoformat(at)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(self.zone))
        return to_ms(moment.astimezone(dt.UTC))

    def rate(
        self, event: UsageEvent, *, plan: str | None = None
    ) -> RatedUsage | Filtered | Refused:
        """Return what the engine makes of an event, and count it."""
        selected = select(self.catalogue, event, plan or self.plan, self.currency)
        if not isinstance(selected, Selected):
            return selected
        priced = charge_after(selected, self.tallies.before(event, selected))
        self.tallies.add(event, selected, priced.counts)
        return rated_usage(selected, priced)

    def charged(self, events: Sequence[UsageEvent]) -> Decimal:
        """Return what all of the events come to together, what they restate included."""
        total = ZERO
        for event in events:
            rated = self.rate(event)
            assert isinstance(rated, RatedUsage), rated
            total += rated.amount + rated.restated
        return total

    def close(
        self,
        product: str,
        *,
        at: str = NOON,
        price: str | None = None,
        subscription: str = "s-1",
        days: int | None = None,
        days_of_month: int | None = None,
    ) -> Closed | None:
        """Return what a price of the product still asks for at the close of a month. ``price``: its
        code, where the plan has several; ``days``: those on which the subscription was there."""
        offer = self.catalogue.plans[self.plan].offers[product]
        entries = [e for e in offer.entries if price in (None, e.price_id.partition("/")[2])]
        (entry,) = entries
        start_ms, end_ms = month_of(self._ms(at), zone=self.zone)
        rule = entry.rules[-1]
        found: dict[CounterKind, Tally] = {}
        for counter in rule.counting:
            name = counter.name(subscription_id=subscription, unit=offer.unit)
            if counter.period is CounterPeriod.MONTH:
                found[counter.kind] = self.tallies.of(name, start_ms)
        whole = days_of_month or round((end_ms - start_ms) / 86_400_000)
        return close_month(
            rule,
            found,
            days=whole if days is None else days,
            days_of_month=whole,
        )

    def closed_amount(self, product: str, **how: Any) -> Decimal:
        """Return the amount of `close`; zero where it asks for nothing."""
        closed = self.close(product, **how)
        return ZERO if closed is None else closed.amount


def one_price(
    price: Mapping[str, Any],
    *,
    unit: str = "unit",
    zero_usage: str = "rate",
    below_zero: str = "refuse",
    allowances: Mapping[str, Any] | None = None,
    **sections: Any,
) -> Engine:
    """Return an engine whose plan has one price, of the product ``x`` in ``unit``."""
    plan: dict[str, Any] = {"currency": "EUR", "prices": {"x": {"product": "x", "price": price}}}
    if allowances:
        plan["allowances"] = allowances
    product = {"type": "t", "usage_kind": "u", "unit": unit}
    product |= {"zero_usage": zero_usage, "below_zero": below_zero}
    return Engine({"products": {"x": product}, "plans": {"p": plan}, **sections})
