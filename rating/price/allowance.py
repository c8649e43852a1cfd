"""Allowance: units that a period has free, taken before anything is priced."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.decimals import EXACT, ZERO


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """Free units per subscription and calendar month; prices that name it draw on the same ones."""

    allowance_id: str  # "<plan>/<allowance>": part of the counter's name, so never renamed
    units: Decimal
    takes_increments: bool = False  # False: what was used; True: usage in whole increments

    def __post_init__(self) -> None:
        assert self.units > 0


def free_units(allowance: Allowance, *, taken_before_units: Decimal, units: Decimal) -> Decimal:
    """Return how many of ``units`` are free, after what the period took before."""
    assert taken_before_units >= ZERO
    left = EXACT.subtract(allowance.units, taken_before_units)
    # A smaller allowance may come into force inside a period: then nothing is left, not less.
    if left <= ZERO:
        return ZERO
    return units if units <= left else left
