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


class Commitment(msgspec.Struct, frozen=True, gc=False):
    """What a period's cost is promised to come to, and what the cost above it is multiplied with."""

    amount: Decimal
    overage: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        assert self.amount > 0
        assert self.overage >= 0


class Adjusting(msgspec.Struct, frozen=True, gc=False):
    """What stands between the cost of an event, or of a period, and its amount; in this order."""

    discounts: tuple[Decimal, ...] = ()  # percent off, each of what the one before it left
    commitment: Commitment | None = None
    least: Decimal | None = None
    most: Decimal | None = None

    def __post_init__(self) -> None:
        assert all(ZERO <= percent <= _HUNDRED for percent in self.discounts)
        assert self.least is None or self.most is None or self.least <= self.most


def adjusted(
    adjusting: Adjusting | None, dividend: Decimal, divide_by: Decimal
) -> tuple[Decimal, Decimal]:
    """Return the cost after discount, commitment, least and most; exact."""
    if adjusting is None:
        return dividend, divide_by
    for percent in adjusting.discounts:
        left = EXACT.subtract(_HUNDRED, percent)
        dividend, divide_by = EXACT.multiply(dividend, left), EXACT.multiply(divide_by, _HUNDRED)
    commitment = adjusting.commitment
    if commitment is not None:
        promised = EXACT.multiply(commitment.amount, divide_by)
        if dividend > promised:
            above = EXACT.multiply(EXACT.subtract(dividend, promised), commitment.overage)
            dividend = EXACT.add(promised, above)
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
    """Return the steps that changed the cost of an event; their amounts are those before an
    exchange, for it follows them."""
    rounding = _without_times(rounding)
    steps: list[ExplanationStep] = []
    for place, percent in enumerate(adjusting.discounts):
        so_far = adjusted(Adjusting(adjusting.discounts[:place]), dividend, divide_by)
        before = rounded(rounding, so_far[0], divide_by=so_far[1])
        steps.append(("discount", to_text(percent), to_text(before)))
    discounted = adjusted(Adjusting(adjusting.discounts), dividend, divide_by)
    after, by = adjusted(adjusting, dividend, divide_by)
    if (after, by) != discounted:
        before = rounded(rounding, discounted[0], divide_by=by)
        code = "least" if after > discounted[0] else "most"
        bound = adjusting.least if code == "least" else adjusting.most
        assert bound is not None
        steps.append((code, to_text(bound), to_text(before)))
    return steps


def _without_times(rounding: RoundingRule) -> RoundingRule:
    then = None if rounding.then is None else _without_times(rounding.then)
    return msgspec.structs.replace(rounding, times=None, then=then)
