"""The local day and minute of an event: what effective dates and time bands look at."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from schemas.period import from_ms, zone_info

MINUTES_OF_DAY = 24 * 60
MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_CLOCK_STEP_MS = 900_000  # clocks of every zone that there is change at a full quarter of an hour
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_MILLISECOND = dt.timedelta(milliseconds=1)

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def local_time(at_ms: int, *, zone: str) -> tuple[int, int]:
    """Return the local day since 1 January 1970, and the minute of the week since Monday 00:00 by
    the wall clock, of an instant in UTC milliseconds."""
    offset_ms = offset_of_hour(at_ms // _HOUR_MS, zone)
    if offset_ms is None:
        offset_ms = _offset_ms(at_ms, zone)
    day, ms_of_day = divmod(at_ms + offset_ms, _DAY_MS)
    weekday = (day + _EPOCH_WEEKDAY) % 7
    return day, weekday * MINUTES_OF_DAY + ms_of_day // _MINUTE_MS


def clocks_stay_until_ms(at_ms: int, *, zone: str) -> int:
    """Return an instant before which the clocks of a zone do not change again: the end of the hour,
    or of its quarter in an hour in which they do."""
    hour = at_ms // _HOUR_MS
    if offset_of_hour(hour, zone) is not None:
        return (hour + 1) * _HOUR_MS
    return (at_ms // _CLOCK_STEP_MS + 1) * _CLOCK_STEP_MS


def day_number(date: dt.date) -> int:
    """Return the days from 1 January 1970 to a date."""
    return date.toordinal() - _EPOCH_ORDINAL


@lru_cache(maxsize=4096)
def month_day(day: int) -> int:
    """Return a local day since 1 January 1970 as month x 100 + day: 1224 is Christmas Eve."""
    date = dt.date.fromordinal(day + _EPOCH_ORDINAL)
    return date.month * 100 + date.day


@lru_cache(maxsize=MINUTES_OF_WEEK)
def minute_name(minute_of_week: int) -> str:
    """Return a minute of the week as ``Mon 08:15``."""
    day, minute = divmod(minute_of_week, MINUTES_OF_DAY)
    return f"{WEEKDAYS[day]} {minute // 60:02}:{minute % 60:02}"


def _offset_ms(at_ms: int, zone: str) -> int:
    offset = from_ms(at_ms).astimezone(zone_info(zone)).utcoffset()
    assert offset is not None
    return offset // _MILLISECOND


# A zone database lookup costs more than all the rest of rating a record. Usage of a month in one
# zone is 744 hours; the hour in which the clocks change has no one offset, hence None.
@lru_cache(maxsize=65536)
def offset_of_hour(hour: int, zone: str) -> int | None:
    """Return how far the wall clock is ahead of UTC, in milliseconds, all through an hour since
    1 January 1970; None: not all through it alike."""
    first = _offset_ms(hour * _HOUR_MS, zone)
    last = _offset_ms(hour * _HOUR_MS + _HOUR_MS - 1, zone)
    return first if first == last else None
