"""Rounding of units: what one record measured, rounded to a multiple before anything else."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from schemas.decimals import EXACT, ZERO

_ONE = Decimal(1)
_TWO = Decimal(2)


class UnitRounding(StrEnum):
    """Which way units are rounded."""

    UP = "up"
    DOWN = "down"
    HALF_UP = "half_up"


class RoundUnits(msgspec.Struct, frozen=True, gc=False):
    """Round the units of each record to a multiple of ``to_units``."""

    to_units: Decimal
    rule: UnitRounding

    def __post_init__(self) -> None:
        assert self.to_units > 0


def rounded_units(rounding: RoundUnits, *, used_units: Decimal) -> Decimal:
    """Return the multiple that ``used_units`` come to; exact multiples stay as they are."""
    assert used_units >= ZERO
    whole, rest = EXACT.divmod(used_units, rounding.to_units)
    match rounding.rule:
        case UnitRounding.UP:
            goes_up = rest > ZERO
        case UnitRounding.HALF_UP:
            goes_up = EXACT.multiply(rest, _TWO) >= rounding.to_units
        case UnitRounding.DOWN:
            goes_up = False
    return EXACT.multiply(EXACT.add(whole, _ONE) if goes_up else whole, rounding.to_units)
