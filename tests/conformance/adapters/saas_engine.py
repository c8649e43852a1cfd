"""What the adapters of SaaS billing share: a price, what it comes to, numbers of the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rating.rate import RatedUsage
from schemas.decimals import to_text
from schemas.usage import UsageEvent
from tests.conformance.engine import Engine, one_price

DAY = dt.date(2026, 10, 5)


def per_unit(amount: Any, *, per: Any = 1, **around: Any) -> dict[str, Any]:
    """Return a price for so many units, with what stands around it."""
    return {"model": "per_unit", "per": number_of(per), "amount": number_of(amount), **around}


def charged_for(price: Mapping[str, Any], usage: Any) -> Decimal:
    """Return what one event of so many units comes to."""
    engine = one_price(price)
    return engine.charged([engine.event("x", unit=usage)])


def rated_usage(engine: Engine, event: UsageEvent) -> RatedUsage:
    """Return the charge of an event that has one."""
    rated = engine.rate(event)
    assert isinstance(rated, RatedUsage), rated
    return rated


def month_at(place: int) -> str:
    """Return a time in a month of its own for each place, counted from zero."""
    year, month = divmod(place, 12)
    return f"{2000 + year}-{month + 1:02}-05T12:00"


def decimal_of(value: Any) -> Decimal:
    """Return a number of a vector, exactly as it is written."""
    return Decimal(str(value))


def number_of(value: Any) -> str:
    """Return a number as the catalogue writes it: digits, and no exponent."""
    return to_text(decimal_of(value))
