"""Commitments of SaaS billing, by window and by the lines of earlier invoices."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schemas.decimals import ZERO
from tests.conformance.adapters.saas_engine import (
    charged_for,
    decimal_of,
    month_at,
    number_of,
    per_unit,
)
from tests.conformance.adapters.saas_hours import (
    MINUTES_OF_DAY,
    band_at,
    by_bands,
    minutes_between,
    moment,
    with_rest,
)
from tests.conformance.engine import Engine
from tests.conformance.outcome import Adapter
from tests.conformance.vector import Vector


def windowed_commitment(vector: Vector) -> dict[str, Any]:
    """Return what the windows come to, each a month with the commitment of its hours."""
    hours = {f"bucket-{n}": each for n, each in enumerate(vector.price.get("buckets") or ())}
    clock = by_bands(_hours_of(hours))
    engine, without_overage = _committed({"default": vector.price["default"], **hours})
    windows, within, closed = [], ZERO, ZERO
    for place, window in enumerate(vector.usage):
        at, code = month_at(place), band_at(clock, moment(window["at"]))
        charged, kept = (
            each.charged([each.event(code, unit=window["usage"], at=at)])
            for each in (engine, without_overage)
        )
        missing = engine.closed_amount(code, at=at)
        windows.append(charged + missing)
        within, closed = within + kept, closed + missing
    total = sum(windows, ZERO)
    return {
        "amount": total,
        "windows": windows,
        "utilized": within,
        "overage": total - closed - within,
        "true_up": closed,
    }


def cumulative_commitment(vector: Vector) -> dict[str, Any]:
    """Return what the current lines add in the period of the commitment, and what of it is overage.

    A line of an earlier invoice counts for the usage that it is the amount of: one for overage
    holds the factor, so its amount is priced per factor first.
    """
    engines = _committed({"x": vector.price})
    prior = [part for line in vector.usage["prior"] for part in _prior(line, vector.price)]
    amounts = []
    for each in engines:
        each.charged([each.event("x", unit=usage) for usage in prior])
        current = [each.event("x", unit=_amount_of(line)) for line in vector.usage["current"]]
        amounts.append(each.charged(current))
    amount, within = amounts
    return {"amount": amount, "overage_charge": amount - within}


def _committed(stated: Mapping[str, Mapping[str, Any]]) -> tuple[Engine, Engine]:
    """Return an engine with a product for each of some prices, and the same without what is above
    their commitments."""
    return _products(stated, overage=None), _products(stated, overage="0")


def _products(stated: Mapping[str, Mapping[str, Any]], *, overage: str | None) -> Engine:
    product = {"type": "t", "usage_kind": "u", "unit": "unit"}
    prices = {
        code: {"product": code, "price": _commitment(each, overage)}
        for code, each in stated.items()
    }
    plan = {"currency": "EUR", "prices": prices}
    return Engine({"products": dict.fromkeys(stated, product), "plans": {"p": plan}})


def _commitment(stated: Mapping[str, Any], overage: str | None) -> dict[str, Any]:
    """Return a price per unit with its commitment; ``overage`` in place of the factor stated."""
    price = per_unit(stated.get("unit", 1))
    committed = stated.get("commitment")
    if committed is None or not decimal_of(committed):
        return price
    by = "units" if stated.get("commitment_type") == "quantity" else "amount"
    factor = overage or number_of(stated.get("overage_factor") or 1)
    if decimal_of(factor) != 1 or stated.get("true_up"):  # else it changes nothing
        true_up = "yes" if stated.get("true_up") else "no"
        price["commitment"] = {by: number_of(committed), "overage": factor, "true_up": true_up}
    return price


def _hours_of(buckets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a band for the hours of each bucket, and one for the rest of the day, if there is
    any."""
    windows = {code: (each["start"], each["end"]) for code, each in buckets.items()}
    return with_rest(
        {code: [f"{start}-{end}"] for code, (start, end) in windows.items() if start != end},
        "default",
        covered=sum(minutes_between(start, end) for start, end in windows.values())
        >= MINUTES_OF_DAY,
    )


def _prior(line: Any, stated: Mapping[str, Any]) -> list[Decimal]:
    """Return the usage that a line of an earlier invoice is for."""
    if not isinstance(line, Mapping):
        return [decimal_of(line)]
    overage = line.get("overage") or line.get("is_overage")
    amount = decimal_of(line.get("amount", 0))
    if not overage:
        return [amount]
    factor = per_unit(1, per=stated["overage_factor"])
    if isinstance(overage, bool):
        return [charged_for(factor, amount)]
    return [amount, charged_for(factor, overage)]


def _amount_of(line: Any) -> Decimal:
    return decimal_of(line["amount"] if isinstance(line, Mapping) else line)


MODELS: Adapter = {
    "windowed_commitment": windowed_commitment,
    "cumulative_commitment": cumulative_commitment,
}
