"""What a month or a day of SaaS billing includes, and the price above it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from schemas.decimals import ZERO
from tests.conformance.adapters.saas_engine import (
    DAY,
    charged_for,
    decimal_of,
    number_of,
    per_unit,
    rated_usage,
)
from tests.conformance.engine import Engine, one_price
from tests.conformance.outcome import Adapter
from tests.conformance.vector import Vector


def included_then_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount above what a month includes: null is all of it, and what is disabled does
    not hold."""
    unit, included = vector.price["unit"], vector.price.get("included")
    if not vector.price.get("enabled", True):
        included = 0
    if included is None:
        return {"amount": charged_for(per_unit(0), vector.usage)}
    engine = _including(unit, included, every="month")
    return {"amount": engine.charged([engine.event("x", unit=vector.usage)])}


def included_daily_then_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount above what each day includes, and the units that it is for."""
    engine = _including(vector.price["unit"], vector.price["included_per_day"], every="day")
    days = [DAY + dt.timedelta(days=day) for day in range(len(vector.usage))]
    rated = [
        rated_usage(engine, engine.event("x", unit=usage, at=f"{day}T12:00"))
        for day, usage in zip(days, vector.usage, strict=True)
    ]
    return {
        "amount": sum((each.amount for each in rated), ZERO),
        "units": sum((each.billed for each in rated), ZERO),
    }


def _including(unit: Any, included: Any, *, every: str) -> Engine:
    """Return an engine with a price above so many units, which may be none."""
    if not decimal_of(included):
        return one_price(per_unit(unit))
    allowances = {"included": {"units": f"{number_of(included)} unit", "every": every}}
    return one_price(per_unit(unit, allowance="included"), allowances=allowances)


MODELS: Adapter = {
    "included_then_unit": included_then_unit,
    "included_daily_then_unit": included_daily_then_unit,
}
