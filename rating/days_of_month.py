"""The days of a month of an account's zone, and which of them an event is on."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from schemas.period import day_of, month_of

LEAST_DAYS, MOST_DAYS = 27, 31
"""Of a month: a zone that crosses the date line leaves one out."""


@lru_cache(maxsize=4096)
def days_of_month(month_start_ms: int, *, zone: str) -> tuple[int, ...]:
    """Return when each day of the month that begins at an instant begins, in UTC milliseconds."""
    _, end_ms = month_of(month_start_ms, zone=zone)
    starts, at_ms = [], month_start_ms
    while at_ms < end_ms:
        starts.append(at_ms)
        _, at_ms = day_of(at_ms, zone=zone)
    return tuple(starts)


def day_of_month(days: tuple[int, ...], at_ms: int) -> int:
    """Return which of the days an instant is on; the first one is 1."""
    return bisect_right(days, at_ms)
