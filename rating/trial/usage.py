"""Usage that somebody wrote down, as the events that rating takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from rating.units import convert, convertible
from schemas.ids import event_identity
from schemas.period import to_ms, zone_info
from schemas.usage import RETAIL, Provenance, UsageEvent

YEARS = range(1970, 3000)
"""Those that usage may be of; others are a slip of the pen, and end where calendars do."""

_TENANT = "default"


def usage_event(
    *,
    product: str,
    usage_kind: str,
    started_at_ms: int,
    ended_at_ms: int | None,
    zone: str,
    quantities: Mapping[str, Decimal],
    account_id: str,
    subscription_id: str,
    source: str,
    record_id: str,
    origin: str | None = None,
    destination: str | None = None,
    service_class: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> UsageEvent:
    """Return an event that came from no topic."""
    return UsageEvent(
        tenant=_TENANT,
        identity=event_identity(tenant=_TENANT, source=source, record_id=record_id),
        content_hash=b"",
        run=RETAIL,
        rating_key=account_id,
        source=source,
        record_id=record_id,
        account_id=account_id,
        subscription_id=subscription_id,
        product=product,
        usage_kind=usage_kind,
        started_at_ms=started_at_ms,
        ended_at_ms=ended_at_ms,
        zone=zone,
        quantities=dict(quantities),
        origin=origin,
        destination=destination,
        service_class=service_class,
        attributes=dict(attributes or {}),
        provenance=Provenance(0, 0, 0, "trial", 0),
        batch=0,
    )


def measured(
    stated: Sequence[tuple[Decimal, str]], *, unit: str | None
) -> dict[str, Decimal] | None:
    """Return quantities by unit, in the product's ``unit`` where that is possible, exactly.

    None where two of them would be one: nobody knows which of them counts. Usage that mediation reads is
    never converted; here a person wrote it.
    """
    found: dict[str, Decimal] = {}
    for quantity, name in stated:
        fits = unit is not None and convertible(name, to=unit)
        key = unit if fits and unit is not None else name
        if key in found:
            return None
        found[key] = convert(quantity, name, to=key)
    return found


def local_instant_ms(local: dt.datetime, *, zone: str) -> int | None:
    """Return the instant of a wall clock, in UTC milliseconds.

    None for an hour that comes twice, or never, when clocks change.
    """
    aware = local.replace(tzinfo=zone_info(zone))
    first, second = (aware.replace(fold=fold).astimezone(dt.UTC) for fold in (0, 1))
    return to_ms(first) if first == second else None
