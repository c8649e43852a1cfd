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
    rule, price = selected.rule, selected.price
    steps = list(selected.explanation)
    units = selected.used
    if not units:
        steps.append(("no_usage",))
        return _rated(selected, ZERO, ZERO, rule.zero, steps, ())
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
    counted: tuple[tuple[str, Decimal], ...] = ()
    if selected.allowance_counter is None or rule.allowance is None:
        free, billed = ZERO, _incremented(increments, units, steps)
    else:
        taken_before = before.get(selected.allowance_counter, ZERO)
        free, billed = _allow(rule.allowance, increments, units, taken_before, steps)
        if free:
            counted = ((selected.allowance_counter, free),)
    billed_before = ZERO
    if selected.tier_counter is not None:
        billed_before = before.get(selected.tier_counter, ZERO)
        if billed:
            counted = (*counted, (selected.tier_counter, billed))
    amount = _price(selected, billed_before, billed, steps)
    steps.append(rule.rounding_step)
    return _rated(selected, billed, free, amount, steps, counted)


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
    if not billed:
        return selected.rule.zero
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
        if selected.tier_counter is None:
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
    per_units = to_text(price.per_units)
    for tier, from_units, units in tiers:
        end = "" if tier.upto_units is None else to_text(tier.upto_units)
        steps.append(
            ("tier", to_text(from_units), end, to_text(units), to_text(tier.amount), per_units)
        )
    return amount


def _rated(
    selected: Selected,
    billed: Decimal,
    free: Decimal,
    amount: Decimal,
    steps: list[ExplanationStep],
    counted: tuple[tuple[str, Decimal], ...],
) -> RatedUsage:
    offer = selected.offer
    return RatedUsage(
        used=selected.used,
        billed=billed,
        free=free,
        unit=offer.unit,
        amount=amount,
        currency=offer.currency,
        price_id=selected.rule.price_id,
        product=offer.product,
        product_type=offer.product_type,
        tax_code=offer.tax_code,
        explanation=tuple(steps),
        counted=counted,
    )
