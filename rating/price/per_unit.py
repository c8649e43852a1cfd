"""Per-unit price: every unit costs the same, and a connect fee may come once per record."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.price.increments import Increments
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class PerUnitPrice(msgspec.Struct, frozen=True, gc=False):
    """A price for every ``per_units`` of usage, such as 0.10 for each 60 s.

    Also what a row of a rate card comes to, and a percentage: 1.5 for each 100 EUR.
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
    *,
    step: str = "rate",
) -> PerUnitPrice:
    """Return the price with its explanation, which is written once and not for each record."""
    steps: tuple[ExplanationStep, ...] = ((step, to_text(amount), to_text(per_units)),)
    if connect_fee:
        steps = (*steps, ("connect_fee", to_text(connect_fee)))
    return PerUnitPrice(amount, per_units, increments, connect_fee, steps)


def undivided_cost(price: PerUnitPrice, billed_units: Decimal) -> Decimal:
    """Return the cost of a record of ``billed_units`` with its fee, times `per_units`; exact.

    Each record is rounded for itself: a call is a thing that a customer sees the price of.
    """
    undivided = EXACT.multiply(price.amount, billed_units)
    if price.connect_fee:
        return EXACT.add(undivided, EXACT.multiply(price.connect_fee, price.per_units))
    return undivided


def undivided_cost_as_it_grows(price: PerUnitPrice, units: Decimal) -> Decimal:
    """Return the cost of all ``units`` of a period, times `per_units`, without the records' fees.

    For units above an allowance: the allowance is of the period, so the price above it is too, and
    its parts add up to the rounded price of the whole.
    """
    return EXACT.multiply(price.amount, units)
