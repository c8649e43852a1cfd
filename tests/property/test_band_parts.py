"""The bands that a record meets are those of each of its minutes, also where the clocks change."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.local_time import MINUTES_OF_WEEK
from rating.price.bands import Bands, DayBands, band_parts

MINUTE_MS = 60_000
# In UTC, when clocks change: by an hour at 01:00 of Europe, half an hour of Lord Howe, and by a day
# of Samoa; the offset of Nepal is no whole number of hours, that of Morocco changes around Ramadan.
CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "Australia/Lord_Howe": ("2026-04-04T15:00Z", "2026-10-03T15:30Z"),
    "America/St_Johns": ("2026-03-08T05:30Z", "2026-11-01T04:30Z"),
    "Pacific/Apia": ("2011-12-30T10:00Z", "2010-09-26T11:00Z"),
    "Asia/Kathmandu": ("2026-03-29T01:00Z",),
    "Africa/Casablanca": ("2026-02-15T02:00Z", "2026-03-22T02:00Z"),
}
STARTS = [(zone, change) for zone, changes in CHANGES.items() for change in changes]


@st.composite
def weeks(draw: st.DrawFn) -> Bands:
    hours = draw(st.lists(st.sampled_from("ab"), min_size=24, max_size=24))
    offset = draw(st.sampled_from([0, 15, 37]))  # hours of a tariff need not be full ones
    day = [hours[(minute + offset) // 60 % 24] for minute in range(24 * 60)]
    special = ()
    if draw(st.booleans()):
        season = draw(st.sampled_from([(326, 329), (1001, 1025), (1101, 228)]))
        special = (DayBands(("h",) * MINUTES_OF_WEEK, season=season),)
    return Bands("hours", tuple(day * 7), special)


def band_of(bands: Bands, at_ms: int, zone: str) -> str:
    at = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).astimezone(ZoneInfo(zone))
    day = (at.date() - dt.date(1970, 1, 1)).days
    return bands.at(day, at.weekday() * 1440 + at.hour * 60 + at.minute)


@pytest.mark.parametrize(("zone", "change"), STARTS)
@settings(max_examples=30)
@given(weeks(), st.integers(-2 * 3_600_000, 3_600_000), st.integers(0, 4 * 3_600_000))
def test_the_bands_of_a_record_are_those_of_its_minutes(
    zone, change, bands, before_ms, duration_ms
):
    started_at_ms = int(dt.datetime.fromisoformat(change).timestamp() * 1000) + before_ms
    end_ms = started_at_ms + duration_ms
    first_minute_ms = (started_at_ms // MINUTE_MS + 1) * MINUTE_MS
    instants = [started_at_ms, *range(first_minute_ms, end_ms, MINUTE_MS)]
    each = [(at_ms, band_of(bands, at_ms, zone)) for at_ms in instants]
    runs = [next(run) for _, run in groupby(each, key=lambda one: one[1])]
    expected = [(at_ms - started_at_ms, band) for at_ms, band in runs]
    found = band_parts(bands, started_at_ms, duration_ms=duration_ms, zone=zone)
    assert list(map(tuple, found)) == expected


@pytest.mark.parametrize(("zone", "change"), STARTS)
def test_the_instants_are_those_at_which_clocks_change(zone, change):
    at = dt.datetime.fromisoformat(change)
    before, after = (
        (at + dt.timedelta(seconds=s)).astimezone(ZoneInfo(zone)).utcoffset() for s in (-1, 0)
    )
    assert (before != after) == (zone != "Asia/Kathmandu")
