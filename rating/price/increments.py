"""Increments: usage is rounded up to whole increments before it is priced."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.decimals import EXACT, ZERO, to_text

_ONE = Decimal(1)


class Increments(msgspec.Struct, frozen=True, gc=False):
    """How usage is rounded up before it is priced; ``60/1`` on a rate card is (60, 1).

    Any usage at all is billed ``first_units``; past that, each started
    ``following_units`` is billed whole.
    """

    first_units: Decimal
    following_units: Decimal

    def __post_init__(self) -> None:
        assert self.first_units > 0
        assert self.following_units > 0

    @property
    def notation(self) -> str:
        """Return the increments as a rate card writes them: ``60/1``."""
        return f"{to_text(self.first_units)}/{to_text(self.following_units)}"


def billable_units(increments: Increments, *, used_units: Decimal) -> Decimal:
    """Return the units to bill for one record: usage rounded up to whole increments.

    No usage, such as an unanswered call, gives zero.
    """
    assert used_units >= ZERO
    if used_units == ZERO:
        return ZERO
    first_units = increments.first_units
    if used_units <= first_units:
        return first_units
    following_units = increments.following_units
    # Not -(-a // b): Decimal's // cuts toward zero, so that would round down.
    whole, rest = EXACT.divmod(EXACT.subtract(used_units, first_units), following_units)
    started = EXACT.add(whole, _ONE) if rest else whole
    return EXACT.add(first_units, EXACT.multiply(started, following_units))
