"""Reads `bands:`: parts of the week, such as peak and off-peak, by the account's wall clock."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection

from rating.catalogue.document import Band, BandSet, Calendar, Season, Special, Window
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import Mapping, Node, Scalar
from rating.local_time import MINUTES_OF_DAY, MINUTES_OF_WEEK, WEEKDAYS, minute_name

OTHERWISE = "otherwise"
_WINDOW = re.compile(
    r"(?:(?P<first_day>[0-9]{2}-[0-9]{2})\.\.(?P<last_day>[0-9]{2}-[0-9]{2})|"
    r"holidays (?P<calendar>[a-z0-9_.-]+))?"
    r"(?:(?:^| )(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))?)?"
    r"(?:(?:^| )(?P<from>[0-9]{2}:[0-9]{2})-(?P<to>[0-9]{2}:[0-9]{2}))?"
)
_EXPECTED = (
    "days and hours such as 'Mon-Fri 08:00-20:00', 'Sat' or 'Sun 22:00-06:00', perhaps after a "
    "season such as '06-01..08-31' or a calendar such as 'holidays germany'"
)
_LEAP_YEAR = 2024

Days = tuple[int, int] | str | None
"""The days of which a window is one: of a season, of a calendar, or all."""


def read_band_set(
    reader: Reader, code: str, node: Node, field: str, *, calendars: Collection[str] = ()
) -> BandSet:
    """Return one set of bands; they have to cover the week and must not overlap. Windows of certain
    days go before those of the week."""
    windows: dict[str, dict[Days, list[Window]]] = {}
    owners: dict[Days, list[str | None]] = {None: [None] * MINUTES_OF_WEEK}
    rest: str | None = None
    for key, value in reader.entries(node, field):
        name, band_field = key.text, f"{field}.{key.text}"
        windows[name] = {}
        if isinstance(value, Scalar) and value.text == OTHERWISE:
            if rest is not None:
                reader.complain(
                    value, band_field, expected="one band that is 'otherwise'", found="a second"
                )
            rest = name
            continue
        for item in reader.items(value, band_field):
            days, found = _read_windows(reader, item, band_field, calendars)
            owner = owners.setdefault(days, [None] * MINUTES_OF_WEEK)
            for window in found:
                _claim(reader, owner, name, window, item, band_field)
                windows[name].setdefault(days, []).append(window)
    week = owners[None]
    if rest is not None:
        windows[rest] = {None: _unclaimed(week)}
        if not windows[rest][None]:
            reader.complain(
                node, f"{field}.{rest}", expected="some hours left for it", found="none"
            )
    elif None in week and isinstance(node, Mapping):
        reader.complain(
            node,
            field,
            expected="bands that cover the week, or one that is 'otherwise'",
            found=f"none for {minute_name(week.index(None))}",
        )
    _complain_of_seasons(reader, owners, node, field)
    return BandSet(code, tuple(_band(name, windows[name]) for name in sorted(windows)))


def _complain_of_seasons(
    reader: Reader, owners: dict[Days, list[str | None]], node: Node, field: str
) -> None:
    """Note two seasons that share days on which both have the same hours, in different bands."""
    seasons = sorted(days for days in owners if isinstance(days, tuple))
    for place, season in enumerate(seasons):
        for other in seasons[place + 1 :]:
            if not _days_of(season) & _days_of(other):
                continue
            for minute, (one, two) in enumerate(zip(owners[season], owners[other], strict=True)):
                if one is not None and two is not None and one != two:
                    reader.complain(
                        node,
                        field,
                        expected="seasons of different days, or hours",
                        found=f"{_season_name(season)} in {one} and {_season_name(other)} in {two} "
                        f"at {minute_name(minute)}",
                    )
                    break


def _days_of(season: tuple[int, int]) -> frozenset[int]:
    """Return the days of a season as month x 100 + day, the 31 of each month that there may be."""
    first, last = season
    every = [month * 100 + day for month in range(1, 13) for day in range(1, 32)]
    if first <= last:
        return frozenset(day for day in every if first <= day <= last)
    return frozenset(day for day in every if day >= first or day <= last)


def _season_name(season: tuple[int, int]) -> str:
    return "..".join(f"{day // 100:02}-{day % 100:02}" for day in season)


def _band(name: str, windows: dict[Days, list[Window]]) -> Band:
    special = []
    for days in sorted((each for each in windows if each is not None), key=str):
        ordered = tuple(sorted(windows[days], key=_order))
        if isinstance(days, str):
            special.append(Special(calendar=days, windows=ordered))
        else:
            special.append(Special(season=Season(*days), windows=ordered))
    week = tuple(sorted(windows.get(None, ()), key=_order))
    return Band(name, week, tuple(special))


def _order(window: Window) -> tuple[int, int]:
    return window.weekday, window.from_minute


def _read_windows(
    reader: Reader, node: Node, field: str, calendars: Collection[str]
) -> tuple[Days, list[Window]]:
    """Return the days, and a window per weekday. One that ends before it begins goes round midnight
    of its own day: 'Sun 22:00-06:00' is Sunday before 06:00 and from 22:00 on, since the day that
    counts is the calendar's."""
    text = reader.text(node, field, expected=_EXPECTED)
    match = _WINDOW.fullmatch(text) if text else None
    weekdays = _days(match["first"] or "Mon", match["last"], match["first"]) if match else []
    start = _minute(match["from"] or "00:00") if match else None
    end = _minute(match["to"] or "24:00") if match else None
    days, days_are_right = _special(match, calendars)
    bad = not weekdays or start is None or end is None or start in (end, MINUTES_OF_DAY)
    if bad or not days_are_right:
        if text:
            expected = _EXPECTED
            if match and match["calendar"] and not days_are_right:
                expected = f"a calendar: {', '.join(sorted(calendars)) or '(none is declared)'}"
            reader.complain(node, field, expected=expected, found=quoted(text))
        return None, []
    assert start is not None
    assert end is not None
    if start < end:
        return days, [Window(day, start, end) for day in weekdays]
    evenings = [Window(day, start, MINUTES_OF_DAY) for day in weekdays]
    mornings = [Window(day, 0, end) for day in weekdays if end]
    return days, evenings + mornings


def _special(match: re.Match[str] | None, calendars: Collection[str]) -> tuple[Days, bool]:
    """Return the days of a window, and whether there are such days."""
    if match is None:
        return None, False
    if match["calendar"]:
        return match["calendar"], match["calendar"] in calendars
    if not match["first_day"]:
        return None, True
    first, last = _month_day(match["first_day"]), _month_day(match["last_day"])
    if first is None or last is None:
        return None, False
    return (first, last), True


def _month_day(text: str) -> int | None:
    month, day = int(text[:2]), int(text[3:])
    try:
        dt.date(_LEAP_YEAR, month, day)
    except ValueError:
        return None
    return month * 100 + day


def read_calendars(entries: list[Entry]) -> dict[str, Calendar]:
    """Return the calendars by code: lists of dates."""
    calendars = {}
    for reader, code, node, field in entries:
        days = [reader.date(item, field) for item in reader.items(node, field)]
        found = [day for day in days if day is not None]
        if len(set(found)) != len(found):
            twice = next(day for day in found if found.count(day) > 1)
            reader.complain(node, field, expected="each date once", found=str(twice))
        calendars[code] = Calendar(code, tuple(sorted(set(found))))
    return calendars


def _days(first: str, last: str | None, stated: str | None) -> list[int]:
    """Return the weekdays; all of them where none is stated."""
    if not stated:
        return list(range(7))
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
