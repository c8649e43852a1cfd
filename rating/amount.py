"""From what a price comes to, exactly, to the amount: discount, least, most, rounding.

An exact cost is a quotient: a dividend, and what it is to be divided by. Everything up to the
rounding multiplies; the one division is that of the rounding.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.rounding import RoundingRule, rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_HUNDRED = Decimal(100)


class Adjusting(msgspec.Struct, frozen=True, gc=False):
    """What stands between the cost of an event, or of a period, and its amount; in this order."""

    discount_percent: Decimal = ZERO
    least: Decimal | None = None
    most: Decimal | None = None

    def __post_init__(self) -> None:
        assert ZERO <= self.discount_percent <= _HUNDRED
        assert self.least is None or self.most is None or self.least <= self.most


def adjusted(
    adjusting: Adjusting | None, dividend: Decimal, divide_by: Decimal
) -> tuple[Decimal, Decimal]:
    """Return the cost after discount, least and most; exact."""
    if adjusting is None:
        return dividend, divide_by
    if adjusting.discount_percent:
        left = EXACT.subtract(_HUNDRED, adjusting.discount_percent)
        dividend, divide_by = EXACT.multiply(dividend, left), EXACT.multiply(divide_by, _HUNDRED)
    if adjusting.least is not None:
        dividend = max(dividend, EXACT.multiply(adjusting.least, divide_by))
    if adjusting.most is not None:
        dividend = min(dividend, EXACT.multiply(adjusting.most, divide_by))
    return dividend, divide_by


def amount_of(
    adjusting: Adjusting | None, rounding: RoundingRule, dividend: Decimal, divide_by: Decimal
) -> Decimal:
    """Return the amount that a cost comes to."""
    dividend, divide_by = adjusted(adjusting, dividend, divide_by)
    return rounded(rounding, dividend, divide_by=divide_by)


def explain(
    adjusting: Adjusting, rounding: RoundingRule, dividend: Decimal, divide_by: Decimal
) -> list[ExplanationStep]:
    """Return the steps that changed the cost of an event."""
    steps: list[ExplanationStep] = []
    if adjusting.discount_percent:
        before = rounded(rounding, dividend, divide_by=divide_by)
        steps.append(("discount", to_text(adjusting.discount_percent), to_text(before)))
    discounted = adjusted(Adjusting(adjusting.discount_percent), dividend, divide_by)
    after, by = adjusted(adjusting, dividend, divide_by)
    if (after, by) != discounted:
        before = rounded(rounding, discounted[0], divide_by=by)
        code = "least" if after > discounted[0] else "most"
        bound = adjusting.least if code == "least" else adjusting.most
        assert bound is not None
        steps.append((code, to_text(bound), to_text(before)))
    return steps
