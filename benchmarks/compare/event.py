"""What the compared programs read and write: one JSON object per event, one per charge."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.usage import RETAIL, Provenance, UsageEvent

_NOWHERE = Provenance(0, 0, 0, "compare@1", 0)


class Event(msgspec.Struct, frozen=True):
    """A normalised event, with the plan that it is priced by: nobody need look for it."""

    id: str
    key: str  # of rating: the account's
    account_id: str
    subscription_id: str
    plan: str
    currency: str
    product: str
    usage_kind: str
    started_at_ms: int
    ended_at_ms: int | None
    zone: str
    quantities: dict[str, Decimal]  # as text, exact
    origin: str | None
    destination: str | None
    service_class: str | None
    attributes: dict[str, str]


class Charge(msgspec.Struct, frozen=True):
    """What a program makes of an event; numbers are exact, as text."""

    charge_id: str
    account_id: str
    product: str
    used: Decimal
    billed: Decimal
    free: Decimal
    unit: str
    amount: Decimal
    currency: str
    price_id: str
    started_at_ms: int
    counter_after: str


event_to_json = msgspec.json.Encoder().encode
event_from_json = msgspec.json.Decoder(Event).decode
charge_to_json = msgspec.json.Encoder().encode
charge_from_json = msgspec.json.Decoder(Charge).decode


def event_of(usage: UsageEvent, *, plan: str, currency: str) -> Event:
    """Return a usage event as the compared programs are given it."""
    return Event(
        id=usage.identity.hex(),
        key=usage.rating_key,
        account_id=usage.account_id,
        subscription_id=usage.subscription_id,
        plan=plan,
        currency=currency,
        product=usage.product,
        usage_kind=usage.usage_kind,
        started_at_ms=usage.started_at_ms,
        ended_at_ms=usage.ended_at_ms,
        zone=usage.zone,
        quantities=usage.quantities,
        origin=usage.origin,
        destination=usage.destination,
        service_class=usage.service_class,
        attributes=usage.attributes,
    )


def usage_of(event: Event) -> UsageEvent:
    """Return what an event was made of, as far as a price looks at it."""
    return UsageEvent(
        tenant="bench",
        identity=bytes.fromhex(event.id),
        content_hash=b"",
        run=RETAIL,
        rating_key=event.key,
        source="",
        record_id="",
        account_id=event.account_id,
        subscription_id=event.subscription_id,
        product=event.product,
        usage_kind=event.usage_kind,
        started_at_ms=event.started_at_ms,
        ended_at_ms=event.ended_at_ms,
        zone=event.zone,
        quantities=event.quantities,
        origin=event.origin,
        destination=event.destination,
        service_class=event.service_class,
        attributes=event.attributes,
        provenance=_NOWHERE,
        batch=0,
    )
