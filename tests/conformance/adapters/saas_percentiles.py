"""Percentiles of samples, of two directions, and levels by days."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rating.price.percentile import (
    Directions,
    LevelDays,
    PercentileMethod,
    percentile,
    share_of_month,
)
from rating.price.sampling import BOTH, IN, OUT, Sampling, level_of
from schemas.decimals import ZERO
from tests.conformance.adapters.saas_engine import charged_for, decimal_of, per_unit
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector


def percentiles(vector: Vector) -> dict[str, Any]:
    """Return the percentile of samples, how many are above it, and its amount if it has a price."""
    samples, stated = _samples(vector.usage), vector.price
    percent, method = decimal_of(stated["percentile"]), _method(stated)
    sampling = Sampling(percent=percent, method=method)
    found = level_of(sampling, {BOTH: dict(enumerate(samples))}, intervals=0)
    return {
        "value": found.units,
        "discarded": found.lines[0].dropped,
        **_priced(stated, found.units),
    }


def percentile_directions(vector: Vector) -> dict[str, Any]:
    """Return the percentile of two directions, and that of each."""
    stated = vector.price
    percent, method = decimal_of(stated["percentile"]), _method(stated)
    lines = {name: _samples(vector.usage[name]) for name in ("inbound", "outbound")}
    sampling = Sampling(
        percent=percent, method=method, direction_by="way", directions=_directions(stated)
    )
    ways = {IN: lines["inbound"], OUT: lines["outbound"]}
    samples = {way: dict(enumerate(line)) for way, line in ways.items()}
    value = level_of(sampling, samples, intervals=0).units
    found = {name: percentile(line, percent=percent, method=method) for name, line in lines.items()}
    return {"value": value, **found, **_priced(stated, value)}


def percentile_days(vector: Vector) -> dict[str, Any]:
    """Return the amount of levels by the days on which they hold, at a price for the month."""
    stated = vector.price
    if stated.get("combine", "max") != "max":
        raise NotExpressible(f"Groups of days that are combined by {stated['combine']}")
    groups = stated.get("groups") or [stated]
    guaranteed = next((stated[key] for key in ("guaranteed", "guarantee") if key in stated), ZERO)
    level_days, days = share_of_month(
        [LevelDays(decimal_of(group["value"]), int(group["days"])) for group in groups],
        days_of_month=int(stated["month_days"]),
        guaranteed=decimal_of(guaranteed),
    )
    return {"amount": charged_for(per_unit(stated["unit_price"], per=days), level_days)}


def _samples(stated: Any) -> list[Decimal]:
    if isinstance(stated, Mapping):
        first, last = stated["sequence"]
        return [Decimal(sample) for sample in range(int(first), int(last) + 1)]
    return [decimal_of(sample) for sample in stated]


def _method(stated: Mapping[str, Any]) -> PercentileMethod:
    return PercentileMethod(stated["method"])


def _directions(stated: Mapping[str, Any]) -> Directions:
    combine = stated.get("combine", "")
    if combine in (Directions.SUM_PER_SAMPLE, Directions.MAX_PER_SAMPLE):
        return Directions(combine)
    if "sum" in combine:
        raise NotExpressible(f"Directions that are combined by {combine}")
    return Directions.LARGER  # the words for it differ


def _priced(stated: Mapping[str, Any], value: Decimal) -> dict[str, Any]:
    unit = stated.get("unit_price")
    return {} if unit is None else {"amount": charged_for(per_unit(unit), value)}


MODELS: Adapter = {
    "percentile": percentiles,
    "percentile_two_way": percentile_directions,
    "percentile_days": percentile_days,
}
