"""The rounding that a price names, and the two ways in which a charge uses it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.decimals import EXACT
from schemas.money import RATED_DECIMAL_PLACES, Rounding, round_quotient


class RoundingRule(msgspec.Struct, frozen=True, gc=False):
    """The last step of every charge: the rule for a tie, and how many places are kept."""

    rule: Rounding = Rounding.HALF_UP
    decimal_places: int = RATED_DECIMAL_PLACES


def rounded(rule: RoundingRule, undivided: Decimal, *, divide_by: Decimal) -> Decimal:
    """Return ``undivided / divide_by`` in one rounding."""
    return round_quotient(undivided, divide_by, rule.decimal_places, rule.rule)


def growth(rule: RoundingRule, *, before: Decimal, after: Decimal, divide_by: Decimal) -> Decimal:
    """Return what a cost grew by: round(after) - round(before).

    Not round(after - before): only so do the charges of a period add up to its rounded total,
    however the usage came in parts.
    """
    total = rounded(rule, after, divide_by=divide_by)
    if not before:
        return total
    return EXACT.subtract(total, rounded(rule, before, divide_by=divide_by))
