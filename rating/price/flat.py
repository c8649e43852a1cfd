"""Flat price: each event costs the same, however much was used in it."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class FlatPrice(msgspec.Struct, frozen=True, gc=False):
    """A price for each event of which anything is billed, such as 0.09 for a message."""

    amount: Decimal  # major units of the plan's currency

    def __post_init__(self) -> None:
        assert self.amount >= 0
