"""Billing periods: half-open, in the account's zone, from one local midnight to another."""

from __future__ import annotations

import calendar
import datetime as dt
from bisect import bisect_right
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


def to_ms(at: dt.datetime) -> int:
    """Return the UTC milliseconds since 1970 of an aware instant; parts of one are cut off."""
    assert at.tzinfo is not None, "an instant is aware"
    return (at - _EPOCH) // _MILLISECOND


def from_ms(at_ms: int) -> dt.datetime:
    """Return the instant, in UTC."""
    return _EPOCH + at_ms * _MILLISECOND


@lru_cache(maxsize=512)
def zone_info(zone: str) -> ZoneInfo:
    """Return the zone; `zoneinfo.ZoneInfoNotFoundError` or `ValueError` where it is not known."""
    return ZoneInfo(zone)


def month_start_ms(zone: str, year: int, month: int) -> int:
    """Return the instant of the first local midnight of a month.

    Where that midnight does not exist (clocks go forward at midnight), the first instant after it.
    """
    local = dt.datetime(year, month, 1, tzinfo=zone_info(zone))
    return to_ms(local.astimezone(dt.UTC))


@lru_cache(maxsize=4096)
def _months_of(zone: str, year: int) -> tuple[int, ...]:
    starts = [month_start_ms(zone, year, month) for month in range(1, 13)]
    return (*starts, month_start_ms(zone, year + 1, 1))


def month_of(at_ms: int, *, zone: str) -> tuple[int, int]:
    """Return [start, end) of the calendar month that ``at_ms`` lies in, in UTC milliseconds."""
    # The UTC year is the local year but for some hours at either end, which the guards mend.
    year = from_ms(at_ms).year
    months = _months_of(zone, year)
    if at_ms < months[0]:
        months = _months_of(zone, year - 1)
    elif at_ms >= months[-1]:
        months = _months_of(zone, year + 1)
    index = bisect_right(months, at_ms) - 1
    return months[index], months[index + 1]


def anchored_month_of(at_ms: int, *, zone: str, anchor_day: int) -> tuple[int, int]:
    """Return [start, end) of the month that begins on a day of the month, in UTC milliseconds.

    In a shorter month it begins on the last day, and comes back to its own in the next.
    """
    assert 1 <= anchor_day <= 31
    local = from_ms(at_ms).astimezone(zone_info(zone))
    start = _anchor_ms(zone, local.year, local.month, anchor_day)
    if at_ms < start:
        year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
        return _anchor_ms(zone, year, month, anchor_day), start
    year, month = (local.year, local.month + 1) if local.month < 12 else (local.year + 1, 1)
    return start, _anchor_ms(zone, year, month, anchor_day)


def _anchor_ms(zone: str, year: int, month: int, anchor_day: int) -> int:
    day = min(anchor_day, calendar.monthrange(year, month)[1])
    return to_ms(dt.datetime(year, month, day, tzinfo=zone_info(zone)).astimezone(dt.UTC))


@lru_cache(maxsize=4096)
def _local_days(zone: str, day: int) -> tuple[int, ...]:
    """Return when the local days around a UTC day begin."""
    local = from_ms(day * 86_400_000).date() - dt.timedelta(days=1)
    dates = [local + dt.timedelta(days=number) for number in range(4)]
    begin = [dt.datetime(*each.timetuple()[:3], tzinfo=zone_info(zone)) for each in dates]
    return tuple(to_ms(each.astimezone(dt.UTC)) for each in begin)


def day_of(at_ms: int, *, zone: str) -> tuple[int, int]:
    """Return [start, end) of the local day that ``at_ms`` lies in, in UTC milliseconds.

    Where a midnight does not exist (clocks go forward at midnight), the first instant after it.
    """
    starts = _local_days(zone, at_ms // 86_400_000)
    index = bisect_right(starts, at_ms) - 1
    return starts[index], starts[index + 1]


@lru_cache(maxsize=65536)
def _month_by_day(day: int, zone: str) -> tuple[int, int]:
    return month_of(day * 86_400_000, zone=zone)


def month_start_of(at_ms: int, *, zone: str) -> int:
    """Return the start of the month that ``at_ms`` lies in; the same as ``month_of(...)[0]``.

    Cached by UTC day, since a rating process asks this for every record.
    """
    start_ms, end_ms = _month_by_day(at_ms // 86_400_000, zone)
    if start_ms <= at_ms < end_ms:
        return start_ms
    return month_of(at_ms, zone=zone)[0]


def month_name(start_ms: int, *, zone: str) -> str:
    """Return the local month as ``2026-10``."""
    return from_ms(start_ms).astimezone(zone_info(zone)).strftime("%Y-%m")
