"""Rounding to a currency, and what is taken off: lines of an invoice, coupons, discounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from billing.currency import currency_places
from billing.discount import spread
from billing.invoice import Billable, build_invoice
from tests.conformance.adapters.saas_engine import charged_for, decimal_of, number_of, per_unit
from tests.conformance.engine import one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector


def round_lines_then_sum(vector: Vector) -> dict[str, Any]:
    """Return the total of an invoice whose lines have these charges."""
    currency = vector.price["currency"].upper()
    if vector.price.get("mode", "half_up") != "half_up":
        raise NotExpressible("A line that is not rounded half up: ours are, as ISO 4217 has places")
    if int(vector.price["scale"]) != currency_places(currency):
        raise NotExpressible(f"An invoice in {currency} with other places than ISO 4217 has")
    charges = [
        Billable(
            product=f"line-{place}",
            product_type="t",
            unit="unit",
            tax_code=None,
            currency=currency,
            records=1,
            quantity=Decimal(1),
            amount=decimal_of(amount),
            usage_from_ms=0,
            usage_to_ms=0,
            charges=((place, UUID(int=place)),),
        )
        for place, amount in enumerate(vector.usage)
    ]
    return {"amount": build_invoice(charges).total}


def unit_rounded(vector: Vector) -> dict[str, Any]:
    """Return the amount of one quantity, rounded to the places of the currency."""
    price = per_unit(vector.price["unit"], rounding=_to_places(vector.price))
    return {"amount": charged_for(price, vector.usage)}


def true_up(vector: Vector) -> dict[str, Any]:
    """Return what the close of the month asks for above the amount that was used."""
    price = per_unit(1, rounding=_to_places(vector.price))
    if decimal_of(vector.price["commitment"]):
        committed = number_of(vector.price["commitment"])
        price["commitment"] = {"amount": committed, "true_up": "yes"}
    engine = one_price(price, unit="money")
    engine.charged([engine.event("x", money=vector.usage)])
    return {"amount": engine.closed_amount("x")}


def _to_places(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {"rule": stated.get("mode", "half_up"), "places": str(stated["scale"])}


def coupon_stack(vector: Vector) -> dict[str, Any]:
    """Return what coupons take off: a percentage is the discount of a price, a fixed one an
    allowance in money. Amounts are whole minor units; parts of one are not taken off."""
    percentages = [each["value"] for each in vector.price if each["kind"] == "pct"]
    fixed = [each["value"] for each in vector.price if each["kind"] == "fixed"]
    if len(percentages) + len(fixed) < len(vector.price):
        raise NotExpressible("A coupon that is neither a percentage nor an amount")
    price = per_unit(1, rounding={"rule": "up", "places": "0"})  # of what is left
    if percentages:
        price["discount"] = [number_of(each) for each in percentages]
    allowances = {f"coupon-{n}": {"amount": number_of(each)} for n, each in enumerate(fixed)}
    if allowances:
        price["allowance"] = list(allowances)
    engine = one_price(price, allowances=allowances)
    left = engine.charged([engine.event("x", unit=vector.usage)])
    return {"discount": decimal_of(vector.usage) - left}


def distribute_discount(vector: Vector) -> dict[str, Any]:
    """Return what is left of each line after a discount of the whole invoice, in minor units."""
    lines = [decimal_of(line) for line in vector.usage]
    parts = spread(decimal_of(vector.price["discount"]), lines)
    return {"remaining": [line - part for line, part in zip(lines, parts, strict=True)]}


MODELS: Adapter = {
    "round_lines_then_sum": round_lines_then_sum,
    "unit_rounded": unit_rounded,
    "true_up": true_up,
    "coupon_stack": coupon_stack,
    "distribute_discount": distribute_discount,
}
