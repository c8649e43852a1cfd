"""Bands: parts of the week, of a season or of holidays, by the account's wall clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from rating.local_time import (
    MINUTES_OF_DAY,
    MINUTES_OF_WEEK,
    clocks_stay_until_ms,
    local_time,
    month_day,
)
from rating.price.per_unit import PerUnitPrice

_MINUTE_MS = 60_000


class BandChoice(StrEnum):
    """Which band prices a record that lies in several."""

    START = "start"  # that of its beginning
    END = "end"  # that of its last instant
    SPLIT = "split"  # each its own part


class DayBands:
    """The bands of certain days, which go before those of the week: of a season, or of dates."""

    __slots__ = ("_days", "_from", "_of_minute", "_to")

    def __init__(
        self,
        of_minute: tuple[str | None, ...],
        *,
        season: tuple[int, int] | None = None,
        days: frozenset[int] = frozenset(),
    ) -> None:
        """``season``: first and last day as month x 100 + day, perhaps over the end of the year;
        ``days``: local days since 1 January 1970; one of the two."""
        assert len(of_minute) == MINUTES_OF_WEEK
        assert (season is None) == bool(days)
        self._of_minute = of_minute
        self._days = days
        self._from, self._to = season or (0, 0)

    def at(self, day: int, minute_of_week: int) -> str | None:
        """Return the band at a minute of a day, or None where it is not among these."""
        band = self._of_minute[minute_of_week]
        return band if band is not None and self._holds(day) else None

    def at_minute(self, minute_of_week: int) -> str | None:
        """Return the band at a minute of such a day."""
        return self._of_minute[minute_of_week]

    def _holds(self, day: int) -> bool:
        if self._days:
            return day in self._days
        today = month_day(day)
        if self._from <= self._to:
            return self._from <= today <= self._to
        return today >= self._from or today <= self._to


class Bands:
    """The band of each minute. Immutable once built."""

    __slots__ = ("_minutes_left", "_of_minute", "_special", "code")

    def __init__(
        self, code: str, of_minute: tuple[str, ...], special: tuple[DayBands, ...] = ()
    ) -> None:
        """``special``: what goes before the week, the first that holds."""
        assert len(of_minute) == MINUTES_OF_WEEK, "a band for each minute of the week"
        self.code = code
        self._of_minute = of_minute
        self._special = special
        self._minutes_left = self._runs()

    def _runs(self) -> tuple[int, ...]:
        """Return of each minute in how many minutes another band may begin: at the latest at
        midnight, when another day begins."""
        left = [0] * MINUTES_OF_WEEK
        following: tuple[str | None, ...] | None = None
        for minute in reversed(range(MINUTES_OF_WEEK)):
            here = (self._of_minute[minute], *(each.at_minute(minute) for each in self._special))
            last = (minute + 1) % MINUTES_OF_DAY == 0
            left[minute] = 1 if last or here != following else left[minute + 1] + 1
            following = here
        return tuple(left)

    def minutes_left(self, minute_of_week: int) -> int:
        """Return after how many minutes another band may begin, counted from the start of one."""
        return self._minutes_left[minute_of_week]

    def at(self, day: int, minute_of_week: int) -> str:
        """Return the band of a minute, counted from Monday 00:00, on a local day."""
        for days in self._special:
            band = days.at(day, minute_of_week)
            if band is not None:
                return band
        return self._of_minute[minute_of_week]

    @property
    def of_minute_of_week(self) -> tuple[str, ...] | None:
        """Return the band of each minute of the week; None where some days have their own."""
        return None if self._special else self._of_minute

    def at_instant(self, at_ms: int, *, zone: str) -> str:
        """Return the band of an instant in UTC milliseconds."""
        return self.at(*local_time(at_ms, zone=zone))


class BandPart(NamedTuple):
    """From which millisecond of a record on it lies in a band."""

    from_ms: int
    band: str


def band_parts(bands: Bands, started_at_ms: int, *, duration_ms: int, zone: str) -> list[BandPart]:
    """Return the bands that a record meets, in order; at least one.

    It is asked for again where bands may change and where clocks may.
    """
    at_ms, end_ms = started_at_ms, started_at_ms + duration_ms
    parts: list[BandPart] = []
    met = None
    while True:
        day, minute = local_time(at_ms, zone=zone)
        band = bands.at(day, minute)
        if band != met:
            parts.append(BandPart(at_ms - started_at_ms, band))
            met = band
        minutes_ms = (at_ms // _MINUTE_MS + bands.minutes_left(minute)) * _MINUTE_MS
        at_ms = min(minutes_ms, clocks_stay_until_ms(at_ms, zone=zone))
        if at_ms >= end_ms:
            return parts


class BandedPrice:
    """A per-unit price for each band; the band of one instant of the event prices all of it."""

    __slots__ = ("bands", "choice", "prices")

    def __init__(
        self,
        bands: Bands,
        prices: Mapping[str, PerUnitPrice],
        choice: BandChoice = BandChoice.START,
    ) -> None:
        assert choice is not BandChoice.SPLIT, "a call is split"
        self.bands = bands
        self.prices = dict(prices)
        self.choice = choice
