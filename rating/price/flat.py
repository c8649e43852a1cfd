"""Flat price: each event costs the same, however much was used in it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.rounding import RoundingRule, rounded
from schemas.decimals import ZERO

_ONE = Decimal(1)


class FlatPrice(msgspec.Struct, frozen=True, gc=False):
    """A price for each event, such as 0.09 for a message."""

    amount: Decimal  # major units of the plan's currency

    def __post_init__(self) -> None:
        assert self.amount >= 0


def charge(price: FlatPrice, *, billed_units: Decimal, rounding: RoundingRule) -> Decimal:
    """Return the price of the event, or zero where nothing of it is billed."""
    return rounded(rounding, price.amount if billed_units else ZERO, divide_by=_ONE)
