"""Increments: usage is rounded up to whole increments before it is priced."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

import msgspec

from schemas.decimals import EXACT, ZERO, to_text

_ONE = Decimal(1)


class Increments(msgspec.Struct, frozen=True, dict=True):
    """How usage is rounded up before it is priced; ``60/1`` on a rate card is (60, 1).

    Any usage at all is billed ``first_units``; past that, each started
    ``following_units`` is billed whole.
    """

    first_units: Decimal
    following_units: Decimal

    def __post_init__(self) -> None:
        assert self.first_units > 0
        assert self.following_units > 0

    @cached_property
    def whole(self) -> tuple[int, int] | None:
        """Return both as whole numbers, where they are written as such: ``60``, not ``60.0``."""
        numbers = (int(self.first_units), int(self.following_units))
        return numbers if tuple(map(str, numbers)) == tuple(self.notation.split("/")) else None

    @cached_property
    def notation(self) -> str:
        """Return the increments as a rate card writes them: ``60/1``."""
        return f"{to_text(self.first_units)}/{to_text(self.following_units)}"


def billable_units(increments: Increments, *, used_units: Decimal) -> Decimal:
    """Return the units to bill for one record: usage rounded up to whole increments.

    No usage, such as an unanswered call, gives zero.
    """
    assert used_units >= ZERO
    if not used_units:
        return ZERO
    if increments.whole is not None:
        return _whole_units(increments, *increments.whole, used_units)
    first_units = increments.first_units
    if used_units <= first_units:
        return first_units
    following_units = increments.following_units
    # Not -(-a // b): Decimal's // cuts toward zero, so that would round down.
    whole, rest = EXACT.divmod(EXACT.subtract(used_units, first_units), following_units)
    started = EXACT.add(whole, _ONE) if rest else whole
    return EXACT.add(first_units, EXACT.multiply(started, following_units))


def _whole_units(increments: Increments, first: int, following: int, used: Decimal) -> Decimal:
    """Return the same in whole numbers, which most cards have: a third of the time."""
    units = int(used)
    if units != used:
        units += 1  # a started unit is in the same increment as the whole one
    if units <= first:
        return increments.first_units
    return Decimal(first - (first - units) // following * following)
