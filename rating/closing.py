"""What a price still asks for when its month is closed: a least amount, a fee without usage."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rating.amount import amount_of
from rating.catalogue.compiled import BandedCall, CardPrice, Rule
from rating.month_cost import first_fee
from rating.price.bands import BandedPrice
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.rounding import rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class Closed(NamedTuple):
    """What is charged at the close of a month."""

    amount: Decimal  # above zero
    comes_to: Decimal  # what the month comes to with it
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
    # Also where all that was used was free, or given back; not where another version charged for it.
    if closing.first_fee and not units and not charged:
        model = rule.model
        assert not isinstance(model, BandedCall | BandedPrice | CardPrice | FlatPrice | CallPrice)
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
    return Closed(missing, due, (*steps, rule.rounding_step))
