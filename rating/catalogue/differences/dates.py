"""Days on which something is in force: how they are said, and on which of them two things differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

# Not strftime: it speaks the language of the process.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_FIRST, _LAST = dt.date.min, dt.date.max  # stand for open ends; no price list has these days


class Dated(NamedTuple, Generic[T]):
    """A value in force for [since, until); None: open."""

    since: dt.date | None
    until: dt.date | None
    value: T


class Span(NamedTuple, Generic[T]):
    """Days on which one value was in force before, and another one is now; None: nothing."""

    since: dt.date | None
    until: dt.date | None
    before: T | None
    after: T | None


def said_day(day: dt.date) -> str:
    """Return a date as a person writes it: ``15 October 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def said_span(since: dt.date | None, until: dt.date | None) -> str:
    """Return days as a person says them, the last one among them; empty where both ends are
    open."""
    last = None if until is None or until == _FIRST else until - dt.timedelta(days=1)
    if since is not None and last is not None:
        if since == last:
            return f"on {said_day(since)}"
        return f"from {said_day(since)} to {said_day(last)}"
    if since is not None:
        return f"from {said_day(since)}"
    return "" if last is None else f"until {said_day(last)}"


def spans(before: Sequence[Dated[T]], after: Sequence[Dated[T]]) -> Iterator[Span[T]]:
    """Yield the stretches of days on which the two differ, in order; neighbours of one difference
    are one stretch."""
    if len(before) == len(after) == 1 and before[0][:2] == after[0][:2]:  # as most rows of a card
        if before[0].value != after[0].value:
            yield Span(*before[0], after[0].value)
        return
    both = (*before, *after)
    starts = {each.since or _FIRST for each in both} | {each.until or _LAST for each in both}
    days = sorted({_FIRST, *starts} - {_LAST})
    found: Span[T] | None = None
    for day, following in zip(days, [*days[1:], _LAST], strict=True):
        was, is_now = _on(before, day), _on(after, day)
        if found is not None and (was, is_now) == (found.before, found.after):
            found = found._replace(until=_open(following, _LAST))
            continue
        if found is not None and found.before != found.after:
            yield found
        found = Span(_open(day, _FIRST), _open(following, _LAST), was, is_now)
    if found is not None and found.before != found.after:
        yield found


def _on(values: Sequence[Dated[T]], day: dt.date) -> T | None:
    for since, until, value in values:
        if (since or _FIRST) <= day < (until or _LAST):
            return value
    return None


def _open(day: dt.date, end: dt.date) -> dt.date | None:
    return None if day == end else day
