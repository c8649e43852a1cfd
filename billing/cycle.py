"""Billing cycles: the days on which the periods of a customer begin, in the calendar of its zone.

Days, not instants: where a day begins is the zone's matter (`schemas/period.py`).
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

_DAYS = range(1, 32)


class Cycle(NamedTuple):
    """So many months from billing day to billing day; day 31 is the last one of shorter months."""

    day: int
    months: int = 1

    def day_in(self, year: int, month: int) -> dt.date:
        """Return the billing day of a month."""
        return dt.date(year, month, min(self.day, calendar.monthrange(year, month)[1]))

    def after(self, date: dt.date, *, steps: int = 1) -> dt.date:
        """Return the billing day of the month that is ``steps`` cycles after that of a date."""
        month = date.month - 1 + steps * self.months
        return self.day_in(date.year + month // 12, month % 12 + 1)


class Period(NamedTuple):
    """[start, end), in days."""

    start: dt.date
    end: dt.date


def periods(subscribed: dt.date, cycle: Cycle, *, threshold_days: int = 0) -> Iterator[Period]:
    """Yield the periods of a subscription, the first one from the day on which it was subscribed.

    The first period ends on the next billing day; where less than ``threshold_days`` are left until
    then, it is that and a whole cycle, so that nobody is billed for a handful of days. Later periods
    are whole cycles. Each is counted from the first billing day, so that one on the 31st comes back to
    it after a shorter month. `ValueError` for a billing day that no month has, or no months.
    """
    if cycle.day not in _DAYS or cycle.months < 1:
        raise ValueError(f"expected a day of 1 to 31 and at least one month, found {cycle}")
    first = cycle.day_in(subscribed.year, subscribed.month)
    if first <= subscribed:
        first = Cycle(cycle.day).after(subscribed)
    skipped = 1 if (first - subscribed).days < threshold_days else 0
    start = subscribed
    for step in count(skipped):
        end = cycle.after(first, steps=step)
        yield Period(start, end)
        start = end
