"""Calls, increment by increment: each has the rate of where it begins."""

import functools
from fractions import Fraction

from tests.reference_rating.numbers import quantity, rounded


def charge(rate_at, *, start, end):
    """Return what a record costs from a unit on to its end, and what is billed of it.

    ``rate_at``: the size and the cost of the increment that begins at a unit.
    """
    cost, at = Fraction(0), start
    while at < end:
        size, of_one = rate_at(at)
        cost += of_one
        at += size
    return cost, at - start


def of_rates(rates, at, unit, rounding):
    """Return the increment of the last rate that begins at or before a unit, and its cost."""
    found = None
    for rate in rates:
        if quantity(rate.get("from", "0"), unit) <= at:
            found = rate
    size = quantity(found["increment"], unit)
    of_one = _cost(found["amount"], size, quantity(found["per"], unit))
    if rounding is not None:
        of_one = rounded(of_one, rounding if isinstance(rounding, list) else [rounding])
    return size, of_one


@functools.cache
def _cost(amount, size, per):
    return Fraction(amount) * size / per


def of_row(row, at):
    """Return the increment of a row of a card at a unit, and its cost."""
    first = Fraction(row["first_units"])
    size = first if at < first else Fraction(row["following_units"])
    return size, _cost(row["price"], size, Fraction(row["per_units"]))
