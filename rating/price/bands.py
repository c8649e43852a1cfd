"""Time bands: the part of the week in which an event began, by the account's wall clock."""

from __future__ import annotations

from collections.abc import Mapping

from rating.local_time import MINUTES_OF_WEEK
from rating.price.per_unit import PerUnitPrice


class WeekBands:
    """The band of each minute of the week. Immutable once built."""

    __slots__ = ("_of_minute", "code")

    def __init__(self, code: str, of_minute: tuple[str, ...]) -> None:
        assert len(of_minute) == MINUTES_OF_WEEK, "a band for each minute of the week"
        self.code = code
        self._of_minute = of_minute

    def at(self, minute_of_week: int) -> str:
        """Return the band of a minute, counted from Monday 00:00."""
        return self._of_minute[minute_of_week]


class BandedPrice:
    """A per-unit price for each band; the band of the event's start prices all of it."""

    __slots__ = ("bands", "prices")

    def __init__(self, bands: WeekBands, prices: Mapping[str, PerUnitPrice]) -> None:
        self.bands = bands
        self.prices = dict(prices)
