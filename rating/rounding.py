"""The rounding that a price names, and the ways in which a charge uses it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.decimals import EXACT
from schemas.money import RATED_DECIMAL_PLACES, Rounding, round_quotient


class RoundingRule(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The last step of every charge: the rule for what is left, and how much is kept."""

    rule: Rounding = Rounding.HALF_UP
    decimal_places: int = RATED_DECIMAL_PLACES
    to: Decimal | None = None  # a multiple of this, such as 0.05 or 100, in place of places
    times: Decimal | None = None  # what is rounded is multiplied with it first: a rate of exchange
    then: RoundingRule | None = None  # rounds what this one gives: to the cent, then up to ten


def rounded(rule: RoundingRule, undivided: Decimal, *, divide_by: Decimal) -> Decimal:
    """Return ``undivided / divide_by`` in one rounding, or in as many as the rule has, multiplied
    with what it says on the way."""
    if rule.times is not None:
        undivided = EXACT.multiply(undivided, rule.times)
    multiple = rule.to
    if multiple is None:
        found = round_quotient(undivided, divide_by, rule.decimal_places, rule.rule)
    else:
        whole = round_quotient(undivided, EXACT.multiply(divide_by, multiple), 0, rule.rule)
        found = EXACT.multiply(whole, multiple)
    return found if rule.then is None else rounded(rule.then, found, divide_by=_ONE)


_ONE = Decimal(1)


def growth(rule: RoundingRule, *, before: Decimal, after: Decimal, divide_by: Decimal) -> Decimal:
    """Return what a cost grew by: round(after) - round(before).

    Not round(after - before): only so do the charges of a period add up to its rounded total,
    however the usage came in parts.
    """
    total = rounded(rule, after, divide_by=divide_by)
    if not before:
        return total
    return EXACT.subtract(total, rounded(rule, before, divide_by=divide_by))
