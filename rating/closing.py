"""What a price still asks for when its month is closed: a least amount, a fee without usage."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rating.amount import amount_of
from rating.catalogue.compiled import ByEvent, Rule
from rating.month_cost import first_fee
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.rounding import rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class Closed(NamedTuple):
    """What is charged at the close of a month."""

    amount: Decimal  # above zero
    explanation: tuple[ExplanationStep, ...]


def close_month(
    rule: Rule, *, charged: Decimal, units: Decimal, days: int, days_of_month: int
) -> Closed | None:
    """Return what is missing of a price's month, or None.

    ``charged``: what its events came to; ``units``: what its tiers counted; ``days``: those of the
    month on which the subscription had the price.
    """
    closing, rounding = rule.closing, rule.rounding
    if closing is None or not days:
        return None
    assert 0 < days <= days_of_month
    due, steps = charged, [rule.price_step]
    if closing.first_fee and not units:
        model = rule.model
        assert not isinstance(model, ByEvent | FlatPrice | CallPrice)
        fee = amount_of(rule.adjusting, rounding, *first_fee(model))
        due = EXACT.add(due, fee)
        steps.append(("first_fee", to_text(fee)))
    if closing.least is not None:
        share = days if closing.by_days else days_of_month
        least = rounded(
            rounding,
            EXACT.multiply(closing.least, Decimal(share)),
            divide_by=Decimal(days_of_month),
        )
        if least > due:
            steps.append(("month_least", to_text(least), to_text(due)))
            due = least
    missing = EXACT.subtract(due, charged)
    if missing <= ZERO:
        return None
    return Closed(missing, (*steps, rule.rounding_step))
