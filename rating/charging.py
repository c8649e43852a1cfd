"""The second step of rating: what an event costs at the price that was selected.

The order of the steps and the reason for it are in rating/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from rating.price import flat, graduated, per_unit
from rating.price.allowance import Allowance, free_units
from rating.price.flat import FlatPrice
from rating.price.increments import Increments, billable_units
from rating.price.per_unit import PerUnitPrice
from rating.price.units import rounded_units
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_NO_USAGE = ("no_usage",)


class Priced(msgspec.Struct, frozen=True, gc=False):
    """What the price comes to, in the product's unit and the plan's currency."""

    billed: Decimal  # after allowance and increments
    free: Decimal  # taken from an allowance
    amount: Decimal  # rounded as the price says
    explanation: tuple[ExplanationStep, ...]


class RatedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The charge for one event. ``used``, ``billed`` and ``free`` are in the product's unit."""

    used: Decimal  # as measured
    billed: Decimal  # after allowance and increments
    free: Decimal  # taken from an allowance
    unit: str
    amount: Decimal  # rounded as the price says
    currency: str
    price_id: str
    product: str
    product_type: str
    tax_code: str | None
    explanation: tuple[ExplanationStep, ...]
    counted: tuple[tuple[str, Decimal], ...]  # what to add to each counter's quantity


def charge(selected: Selected, before: Mapping[str, Decimal]) -> RatedUsage:
    """Return the charge for the event, given the quantity of its counters in the month so far.

    A counter that is not in ``before`` was never counted and is zero.
    """
    allowance, tier = selected.allowance_counter, selected.tier_counter
    priced = charge_after(
        selected,
        taken_before=ZERO if allowance is None else before.get(allowance, ZERO),
        billed_before=ZERO if tier is None else before.get(tier, ZERO),
    )
    counted = ((allowance, priced.free), (tier, priced.billed))
    offer = selected.offer
    return RatedUsage(
        used=selected.used,
        billed=priced.billed,
        free=priced.free,
        unit=offer.unit,
        amount=priced.amount,
        currency=offer.currency,
        price_id=selected.rule.price_id,
        product=offer.product,
        product_type=offer.product_type,
        tax_code=offer.tax_code,
        explanation=priced.explanation,
        counted=tuple((name, units) for name, units in counted if name is not None and units),
    )


def charge_after(selected: Selected, *, taken_before: Decimal, billed_before: Decimal) -> Priced:
    """Return what the price of the event comes to, after what the month took of its allowance and billed
    before; each is zero where the price does not ask for it."""
    rule, price, units = selected.rule, selected.price, selected.used
    steps = [*selected.explanation]
    if not units:
        return Priced(ZERO, ZERO, rule.zero, (*steps, _NO_USAGE))
    if rule.round_units is not None:
        measured, units = units, rounded_units(rule.round_units, used_units=units)
        steps.append(
            (
                "units",
                to_text(measured),
                to_text(units),
                rule.round_units.rule.value,
                to_text(rule.round_units.to_units),
            )
        )
    increments = None if isinstance(price, FlatPrice) else price.increments
    allowance = rule.allowance
    if allowance is None:
        free, billed = ZERO, _incremented(increments, units, steps)
    else:
        free, billed = _allow(allowance, increments, units, taken_before, steps)
    amount = _price(selected, billed_before, billed, steps) if billed else rule.zero
    steps.append(rule.rounding_step)
    return Priced(billed, free, amount, tuple(steps))


def _incremented(
    increments: Increments | None, units: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the units in whole increments."""
    if increments is None:
        return units
    billable = billable_units(increments, used_units=units)
    steps.append(("increments", increments.notation, to_text(units), to_text(billable)))
    return billable


def _allow(
    allowance: Allowance,
    increments: Increments | None,
    units: Decimal,
    taken_before: Decimal,
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal]:
    """Return what is free and what is billed."""
    if allowance.takes_increments:
        units = _incremented(increments, units, steps)
    free = free_units(allowance, taken_before_units=taken_before, units=units)
    steps.append(
        (
            "allowance",
            allowance.allowance_id,
            to_text(allowance.units),
            to_text(taken_before),
            to_text(free),
        )
    )
    rest = EXACT.subtract(units, free)
    if allowance.takes_increments:
        return free, rest
    return free, _incremented(increments, rest, steps) if rest else ZERO


def _price(
    selected: Selected, billed_before: Decimal, billed: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the rounded amount for the billed units."""
    price, rounding = selected.price, selected.rule.rounding
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
        if selected.counting[1] is None:
            return per_unit.charge(price, billed_units=billed, rounding=rounding)
        steps.append(("month_before", to_text(billed_before)))
        return per_unit.charge_as_it_grows(
            price, billed_before_units=billed_before, billed_units=billed, rounding=rounding
        )
    if isinstance(price, FlatPrice):
        steps.append(("flat", to_text(price.amount)))
        return flat.charge(price, billed_units=billed, rounding=rounding)
    amount, tiers = graduated.charge(
        price, used_before_units=billed_before, used_units=billed, rounding=rounding
    )
    steps.append(("month_before", to_text(billed_before)))
    per_units = price.per_units_text
    for bounds, units in tiers:
        from_text, upto_text = bounds.from_text, bounds.upto_text
        steps.append(("tier", from_text, upto_text, to_text(units), bounds.amount_text, per_units))
    return amount
