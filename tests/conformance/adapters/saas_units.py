"""Prices by units of SaaS billing: graduated, volume, package, per unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rating.rate import RatedUsage
from schemas.decimals import ZERO
from tests.conformance.adapters.saas_engine import (
    charged_for,
    decimal_of,
    month_at,
    number_of,
    per_unit,
    rated_usage,
)
from tests.conformance.engine import one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_PARTLY_USED = {"up": "up", "down": "down", "half_up": "half_up", "nearest": "half_up"}


def graduated(vector: Vector) -> dict[str, Any]:
    """Return the amount of all usage, and what each tier that it reached adds."""
    price = _price("graduated", vector.price, most_used=decimal_of(vector.usage))
    engine = one_price(price)
    parts = _by_tier(decimal_of(vector.usage), price["tiers"])
    return {
        "amount": charged_for(price, vector.usage),
        "tiers": [engine.charged([engine.event("x", unit=part)]) for part in parts],
    }


def volume(vector: Vector) -> dict[str, Any]:
    """Return the amount of all usage at the tier that it reached."""
    price = _price("volume", vector.price, most_used=decimal_of(vector.usage))
    return {"amount": charged_for(price, vector.usage)}


def package(vector: Vector) -> dict[str, Any]:
    """Return the amount, and the packages that were charged."""
    engine = one_price(_price("package", vector.price))
    rated = rated_usage(engine, engine.event("x", unit=vector.usage))
    return {"amount": rated.amount, "packages": _packages(rated)}


def flat_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount at one price for each unit."""
    return {"amount": charged_for(_price("flat_unit", vector.price), vector.usage)}


def transform_quantity(vector: Vector) -> dict[str, Any]:
    """Return the amount, and the quantity that is priced: the usage in whole packages."""
    stated = vector.price
    price = {**stated, "amount": stated.get("unit", stated.get("amount"))}
    engine = one_price(_price("package", price))
    rated = rated_usage(engine, engine.event("x", unit=vector.usage))
    return {"amount": rated.amount, "units": _packages(rated)}


def bucketed(vector: Vector) -> dict[str, Any]:
    """Return the sum over buckets, each of which is a month; groups have a subscription each."""
    usage = vector.usage
    values = [
        decimal_of(each) for each in (usage.values() if isinstance(usage, Mapping) else usage)
    ]
    most_used = max(values, default=ZERO)
    engine = one_price(_price(vector.price["kind"], vector.price["price"], most_used=most_used))
    if isinstance(usage, Mapping):
        events = [
            engine.event("x", unit=value, subscription=f"s-{group}")
            for group, value in enumerate(values)
        ]
    else:
        events = [
            engine.event("x", unit=value, at=month_at(place)) for place, value in enumerate(values)
        ]
    return {"amount": engine.charged(events)}


def graduated_from(vector: Vector) -> dict[str, Any]:
    """Return the amount of tiers that are stated by their first unit: each holds as many units as
    lie between that and the next one."""
    rows = _by_first_unit(vector.price)
    begin = decimal_of(rows[0]["first_unit"])
    ends = [number_of(decimal_of(row["first_unit"]) - begin) for row in rows[1:]]
    if len(rows) > 1 and _caps(rows) != {None}:
        raise NotExpressible(
            "A cap on the amount of one tier among several; Meteroid alone has it. Our most is of "
            "all tiers of the month together"
        )
    price = {"model": "graduated", "per": "1", "tiers": _with_ends(rows, ends), **_most(rows)}
    return {"amount": charged_for(price, vector.usage)}


def volume_from(vector: Vector) -> dict[str, Any]:
    """Return the same of volume tiers: a total that is a tier's first unit has reached the tier."""
    rows = _by_first_unit(vector.price)
    if decimal_of(vector.usage) % 1 or decimal_of(rows[0]["first_unit"]) > 1:
        raise NotExpressible(
            "Usage outside of all tiers: Meteroid's volume tiers end at whole units, and what lies "
            "between two of them, or below the first, has no price there"
        )
    ends = [number_of(decimal_of(row["first_unit"]) - 1) for row in rows[1:]]
    if len(_caps(rows)) > 1:
        raise NotExpressible(
            "A cap on the amount that differs by the volume tier; Meteroid alone has it. Our most "
            "is one for the month, whatever the tier"
        )
    price = {"model": "volume", "per": "1", "tiers": _with_ends(rows, ends), **_most(rows)}
    return {"amount": charged_for(price, vector.usage)}


def _price(kind: str, stated: Any, *, most_used: Decimal = ZERO) -> dict[str, Any]:
    """Return a price of ours for one that says how units are priced."""
    match kind:
        case "graduated" | "volume":
            return {"model": kind, "per": "1", "tiers": _tiers(stated, most_used)}
        case "package":
            return {
                "model": "package",
                "size": number_of(stated["divide_by"]),
                "amount": number_of(stated["amount"]),
                "partly_used": _PARTLY_USED[stated.get("round", "up")],
            }
        case "flat_unit":
            return per_unit(stated["amount"])
        case _:
            raise NotExpressible(f"A price of the kind {kind}, which is not described")


def _tiers(stated: Sequence[Mapping[str, Any]], most_used: Decimal) -> list[dict[str, str]]:
    """Return tiers that are stated by their ends, the end in the tier."""
    ends = [tier.get("up_to", tier.get("to")) for tier in stated]
    last = ends.pop()
    if last not in (None, "inf") and most_used > decimal_of(last):
        raise NotExpressible(
            "Usage past a last tier that has an end: systems differ in what it costs, so our last "
            "tier is open"
        )
    return _with_ends(stated, [number_of(end) for end in ends])


def _with_ends(
    stated: Sequence[Mapping[str, Any]], ends: Sequence[str | None]
) -> list[dict[str, str]]:
    """Return tiers of ours with these ends, the last one open."""
    tiers = []
    for tier, end in zip(stated, [*ends, None], strict=True):
        ours = {"amount": number_of(tier.get("unit") or 0), "fee": number_of(tier.get("flat") or 0)}
        tiers.append(ours if end is None else {"upto": end, **ours})
    return tiers


def _by_tier(usage: Decimal, tiers: Iterable[Mapping[str, str]]) -> list[Decimal]:
    """Return the usage in the parts that lie in one tier each."""
    ends = [Decimal(tier["upto"]) for tier in tiers if "upto" in tier]
    bounds = [ZERO, *(end for end in ends if end < usage), usage]
    return [end - start for start, end in pairwise(bounds) if end > start]


def _by_first_unit(stated: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(stated, key=lambda row: decimal_of(row["first_unit"]))


def _caps(rows: Iterable[Mapping[str, Any]]) -> set[Any]:
    return {row.get("cap") for row in rows}


def _most(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the most of the month where all tiers have one cap, the fee in it."""
    (cap,) = _caps(rows)
    return {} if cap is None else {"most": {"month": number_of(cap)}}


def _packages(rated: RatedUsage) -> str:
    """Return how many packages a charge says that it is for."""
    counts = [step[3] for step in rated.explanation if step[0] == "packages"]
    return counts[0] if counts else "0"


MODELS: Adapter = {
    "graduated": graduated,
    "volume": volume,
    "package": package,
    "flat_unit": flat_unit,
    "transform_quantity": transform_quantity,
    "bucketed": bucketed,
    "graduated_from": graduated_from,
    "volume_from": volume_from,
}
