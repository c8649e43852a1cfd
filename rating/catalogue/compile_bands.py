"""Compiles bands: a table of the week, and what goes before it on certain days."""

from __future__ import annotations

from collections.abc import Iterable

from rating.catalogue import document as doc
from rating.local_time import MINUTES_OF_DAY, MINUTES_OF_WEEK, day_number
from rating.price.bands import Bands, DayBands


def compile_bands(document: doc.CatalogueDocument) -> dict[str, Bands]:
    """Return the bands by the code of their set."""
    calendars = {
        calendar.code: frozenset(map(day_number, calendar.days)) for calendar in document.calendars
    }
    return {band_set.code: _bands(band_set, calendars) for band_set in document.bands}


def _bands(band_set: doc.BandSet, calendars: dict[str, frozenset[int]]) -> Bands:
    week = _table((band.code, band.windows) for band in band_set.bands)
    of_days: dict[str, list[tuple[str, tuple[doc.Window, ...]]]] = {}
    of_seasons: dict[tuple[int, int], list[tuple[str, tuple[doc.Window, ...]]]] = {}
    for band in band_set.bands:
        for special in band.special:
            named = (band.code, special.windows)
            if special.calendar is not None:
                of_days.setdefault(special.calendar, []).append(named)
            else:
                assert special.season is not None, "a season, or a calendar"
                season = (special.season.first, special.season.last)
                of_seasons.setdefault(season, []).append(named)
    # A holiday is a holiday in every season.
    special_days = [
        *(DayBands(_table(found), days=calendars[code]) for code, found in sorted(of_days.items())),
        *(DayBands(_table(found), season=season) for season, found in sorted(of_seasons.items())),
    ]
    return Bands(
        band_set.code, tuple(name for name in week if name is not None), tuple(special_days)
    )


def _table(bands: Iterable[tuple[str, tuple[doc.Window, ...]]]) -> tuple[str | None, ...]:
    of_minute: list[str | None] = [None] * MINUTES_OF_WEEK
    for code, windows in bands:
        for window in windows:
            start = window.weekday * MINUTES_OF_DAY
            for minute in range(start + window.from_minute, start + window.to_minute):
                assert of_minute[minute] is None, "bands do not overlap"
                of_minute[minute] = code
    return tuple(of_minute)
