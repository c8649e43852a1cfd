"""Aggregation: what the records of a period make together, before it is priced."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from schemas.decimals import EXACT, ZERO

_ONE = Decimal(1)


class Aggregation(StrEnum):
    """How the units of a period's records become the units that the period is charged for."""

    SUM = "sum"  # all of them together
    MAX = "max"  # the largest record
    LATEST = "latest"  # the newest record by its time: a level, or a meter that counts on
    UNIQUE = "unique"  # one for each value of an attribute
    TIME_WEIGHTED = "time_weighted"  # a level, by how long it was held: records are its changes
    DAILY = "daily"  # the same, each day being priced by itself


OF_CHANGES = (Aggregation.TIME_WEIGHTED, Aggregation.DAILY)
"""Those whose records are changes of a level, up or down."""

READINGS = (Aggregation.MAX, Aggregation.LATEST)
"""Those whose records are readings of a level: one below zero is none, and takes nothing back."""

LEVELS = (Aggregation.LATEST, *OF_CHANGES)
"""Those by which a month comes to less where a level falls."""


def units_added(
    aggregation: Aggregation, *, before: Decimal, billed: Decimal, is_newest: bool, is_new: bool
) -> Decimal:
    """Return by how much a record of ``billed`` units changes the units of its period.

    Below zero only for a newest record that is lower. ``is_newest``: no record of the period began
    later; ``is_new``: the period had none of its attribute's value.
    """
    match aggregation:
        case Aggregation.SUM:
            return billed
        case Aggregation.MAX:
            return EXACT.subtract(billed, before) if billed > before else ZERO
        case Aggregation.LATEST:
            return EXACT.subtract(billed, before) if is_newest else ZERO
        case Aggregation.UNIQUE:
            return _ONE if is_new else ZERO
        case Aggregation.TIME_WEIGHTED | Aggregation.DAILY:
            raise AssertionError("a change has no units of the month: `rating.weighing`")
