"""A counter as the compared programs keep it: three numbers in a text."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Counted(NamedTuple):
    """A counter, as `rating.counting.Totals`."""

    records: int
    quantity: Decimal
    amount: Decimal

    def text_with(self, quantity: Decimal, amount: Decimal | None) -> str:
        """Return what is stored after one more record."""
        return f"{self.records + 1} {self.quantity + quantity} {self.amount + (amount or 0)}"


def counted(value: str | None) -> Counted:
    """Return what was stored; nothing counted where nothing was."""
    records, quantity, amount = (value or "0 0 0").split()
    return Counted(int(records), Decimal(quantity), Decimal(amount))
