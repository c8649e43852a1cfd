"""Per-unit price: every unit costs the same, and a connect fee may come once per record."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.price.increments import Increments
from rating.rounding import RoundingRule, growth, rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep
from schemas.money import round_quotient


class PerUnitPrice(msgspec.Struct, frozen=True, gc=False):
    """A price for every ``per_units`` of usage, such as 0.10 for each 60 s.

    Also what a row of a rate card comes to.
    """

    amount: Decimal  # major units of the plan's currency, for `per_units`
    per_units: Decimal
    increments: Increments | None = None  # None: exact units are billed
    connect_fee: Decimal = ZERO  # once per record of which anything is billed
    explanation: tuple[ExplanationStep, ...] = ()  # what is the same for all that it prices

    def __post_init__(self) -> None:
        assert self.amount >= 0
        assert self.per_units > 0
        assert self.connect_fee >= 0


def per_unit_price(
    amount: Decimal,
    per_units: Decimal,
    increments: Increments | None = None,
    connect_fee: Decimal = ZERO,
) -> PerUnitPrice:
    """Return the price with its explanation, which is written once and not for each record."""
    steps: tuple[ExplanationStep, ...] = (("rate", to_text(amount), to_text(per_units)),)
    if connect_fee:
        steps = (*steps, ("connect_fee", to_text(connect_fee)))
    return PerUnitPrice(amount, per_units, increments, connect_fee, steps)


def charge(price: PerUnitPrice, *, billed_units: Decimal, rounding: RoundingRule) -> Decimal:
    """Return the charge for one record of ``billed_units``, rounded once.

    Each record is rounded for itself: a call is a thing that a customer sees the price of.
    """
    if billed_units == ZERO:
        return rounded(rounding, ZERO, divide_by=price.per_units)
    undivided = EXACT.multiply(price.amount, billed_units)
    if price.connect_fee:
        undivided = EXACT.add(undivided, EXACT.multiply(price.connect_fee, price.per_units))
    return round_quotient(undivided, price.per_units, rounding.decimal_places, rounding.rule)


def charge_as_it_grows(
    price: PerUnitPrice,
    *,
    billed_before_units: Decimal,
    billed_units: Decimal,
    rounding: RoundingRule,
) -> Decimal:
    """Return what ``billed_units`` add to the rounded cost of what the period billed before.

    For units above an allowance: the allowance is of the period, so the price above it is too, and
    its parts add up to the rounded price of the whole.
    """
    if billed_units == ZERO:
        return rounded(rounding, ZERO, divide_by=price.per_units)
    before = EXACT.multiply(price.amount, billed_before_units)
    after = EXACT.add(before, EXACT.multiply(price.amount, billed_units))
    grown = growth(rounding, before=before, after=after, divide_by=price.per_units)
    if not price.connect_fee:
        return grown
    return EXACT.add(grown, rounded(rounding, price.connect_fee, divide_by=Decimal(1)))
