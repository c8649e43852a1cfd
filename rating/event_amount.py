"""The amount of an event whose price is its own, whatever else the month holds."""

from __future__ import annotations

from decimal import Decimal

from rating import amount as amounts
from rating.amount import amount_of
from rating.catalogue.compiled import Rule
from rating.price import call, per_unit
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.per_unit import PerUnitPrice
from rating.rounding import rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_ONE = Decimal(1)


def event_amount(
    rule: Rule,
    price: PerUnitPrice | FlatPrice | CallPrice,
    billed: Decimal,
    free: Decimal,
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal]:
    """Return the units that are billed, and the rounded amount for them.

    ``free``: the units of the event that were free, which are its first ones.
    """
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
        cost = per_unit.undivided_cost(price, billed)
        return billed, _settled(rule, cost, price.per_units, steps)
    if isinstance(price, FlatPrice):
        steps.append(("flat", to_text(price.amount)))
        return billed, _settled(rule, price.amount, _ONE, steps)
    begins = free if rule.free_counts else ZERO
    found = call.charged(price, used_units=EXACT.add(begins, billed), from_units=begins)
    steps += found.steps
    # Of no units none are billed, as they were measured.
    return found.billed_units or billed, _settled(rule, found.cost, price.divide_by, steps)


def _settled(
    rule: Rule, cost: Decimal, divide_by: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the amount that a cost comes to."""
    adjusting = rule.adjusting
    if adjusting is None:
        return rounded(rule.rounding, cost, divide_by=divide_by)
    steps += amounts.explain(adjusting, rule.rounding, cost, divide_by)
    return amount_of(adjusting, rule.rounding, cost, divide_by)


def fee_alone(rule: Rule, price: PerUnitPrice | CallPrice, steps: list[ExplanationStep]) -> Decimal:
    """Return the amount of the connect fee of an event of which everything else is free."""
    steps.append(("connect_fee", to_text(price.connect_fee)))
    return _settled(rule, price.connect_fee, _ONE, steps)
