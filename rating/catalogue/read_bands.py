"""Reads `bands:`: parts of the week, such as peak and off-peak, by the account's wall clock."""

from __future__ import annotations

import re

from rating.catalogue.document import Band, BandSet, Window
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node, Scalar
from rating.local_time import MINUTES_OF_DAY, MINUTES_OF_WEEK, WEEKDAYS, minute_name

OTHERWISE = "otherwise"
_WINDOW = re.compile(
    r"(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))?"
    r"(?: (?P<from>[0-9]{2}:[0-9]{2})-(?P<to>[0-9]{2}:[0-9]{2}))?"
)
_EXPECTED = "days and hours such as 'Mon-Fri 08:00-20:00', 'Sat' or 'Sun 22:00-06:00'"


def read_band_set(reader: Reader, code: str, node: Node, field: str) -> BandSet:
    """Return one set of bands; they have to cover the week and must not overlap."""
    windows: dict[str, list[Window]] = {}
    owner: list[str | None] = [None] * MINUTES_OF_WEEK
    rest: str | None = None
    for key, value in reader.entries(node, field):
        name, band_field = key.text, f"{field}.{key.text}"
        if isinstance(value, Scalar) and value.text == OTHERWISE:
            if rest is not None:
                reader.complain(
                    value, band_field, expected="one band that is 'otherwise'", found="a second"
                )
            rest = name
            windows[name] = []
            continue
        windows[name] = []
        for item in reader.items(value, band_field):
            for window in _read_windows(reader, item, band_field):
                _claim(reader, owner, name, window, item, band_field)
                windows[name].append(window)
    if rest is not None:
        windows[rest] = _unclaimed(owner)
        if not windows[rest]:
            reader.complain(
                node, f"{field}.{rest}", expected="some hours left for it", found="none"
            )
    elif windows and None in owner:
        reader.complain(
            node,
            field,
            expected="bands that cover the week, or one that is 'otherwise'",
            found=f"none for {minute_name(owner.index(None))}",
        )
    bands = [Band(name, tuple(sorted(windows[name], key=_order))) for name in sorted(windows)]
    return BandSet(code, tuple(bands))


def _order(window: Window) -> tuple[int, int]:
    return window.weekday, window.from_minute


def _read_windows(reader: Reader, node: Node, field: str) -> list[Window]:
    """Return a window per day. One that ends before it begins goes round midnight of its own day:
    'Sun 22:00-06:00' is Sunday before 06:00 and from 22:00 on, since the day that counts is the
    calendar's."""
    text = reader.text(node, field, expected=_EXPECTED)
    match = _WINDOW.fullmatch(text)
    days = _days(match["first"], match["last"]) if match else []
    start = _minute(match["from"] or "00:00") if match else None
    end = _minute(match["to"] or "24:00") if match else None
    if not days or start is None or end is None or start in (end, MINUTES_OF_DAY):
        if text:
            reader.complain(node, field, expected=_EXPECTED, found=quoted(text))
        return []
    if start < end:
        return [Window(day, start, end) for day in days]
    evenings = [Window(day, start, MINUTES_OF_DAY) for day in days]
    mornings = [Window(day, 0, end) for day in days if end]
    return evenings + mornings


def _days(first: str, last: str | None) -> list[int]:
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        return []
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    if start <= end:
        return list(range(start, end + 1))
    return [*range(start, 7), *range(end + 1)]  # Sat-Mon


def _minute(text: str) -> int | None:
    hours, minutes = int(text[:2]), int(text[3:])
    minute = hours * 60 + minutes
    return minute if minutes < 60 and minute <= MINUTES_OF_DAY else None


def _claim(
    reader: Reader, owner: list[str | None], name: str, window: Window, at: Node, field: str
) -> None:
    """Give the minutes of a window to a band, and note the first that has one already."""
    start = window.weekday * MINUTES_OF_DAY
    for minute in range(start + window.from_minute, start + window.to_minute):
        other = owner[minute]
        if other is not None:
            reader.complain(
                at,
                field,
                expected="bands that do not overlap",
                found=f"{minute_name(minute)} in {other} too",
            )
            return
        owner[minute] = name


def _unclaimed(owner: list[str | None]) -> list[Window]:
    windows = []
    for weekday in range(7):
        day = owner[weekday * MINUTES_OF_DAY : (weekday + 1) * MINUTES_OF_DAY]
        minute = 0
        while minute < MINUTES_OF_DAY:
            if day[minute] is not None:
                minute += 1
                continue
            start = minute
            while minute < MINUTES_OF_DAY and day[minute] is None:
                minute += 1
            windows.append(Window(weekday, start, minute))
    return windows
