"""From a printed time to an instant: formats, zones, hours that happen twice or never."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.period import zone_info
from schemas.refusal import RefusalReason, Refused

HOUR_MS = 3_600_000
_QUARTER_MS = 900_000  # every offset in use today is a multiple of it
_MOST_WEST_MS = -12 * HOUR_MS
_MOST_EAST_MS = 14 * HOUR_MS
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOCAL_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a local time has no zone until it is found
_HOURS_REMEMBERED = 50_000  # five years of one zone
_MINUTES_REMEMBERED = 20_000  # two weeks of one zone, 3 MB
_MINUTE_LENGTH = len("2026-03-01 12:00")
SECONDS_MS = {f":{second:02d}": second * 1000 for second in range(60)}
"""What follows a printed minute, in milliseconds."""


PrintedTime = tuple[int, bool]
"""Milliseconds since 1970 and whether they are of an instant; else they are of a wall clock."""

_ISO_SEPARATORS = frozenset(("-- ::", "--T::", "--t::"))  # of YYYY-mm-dd HH:MM:SS, every third


TimeFormat = Callable[[str], PrintedTime | None]
"""Reads a text, or says with None that it is not in this format."""


def iso_time(text: str) -> PrintedTime | None:
    """Return the time of ``2026-03-01 12:00:00`` or RFC 3339, with or without an offset."""
    # fromisoformat reads more than that (weeks, no dashes, no seconds): the shape is checked here.
    if len(text) < 19 or text[4:17:3] not in _ISO_SEPARATORS:
        return None
    if text[-1] == "z":
        text = text[:-1] + "Z"
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    # `schemas.period.to_ms`, and the same for a wall clock; dividing timedeltas takes twice as long.
    is_instant = at.tzinfo is not None
    since = at - (_EPOCH if is_instant else _LOCAL_EPOCH)
    ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return ms, is_instant


def epoch_time(unit_ms: int) -> TimeFormat:
    """Return the format of whole seconds or milliseconds since 1970, UTC."""

    def read(text: str) -> PrintedTime | None:
        if not (text.isdigit() and text.isascii() and len(text) <= 15):
            return None
        return int(text) * unit_ms, True

    return read


_DIRECTIVES = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{1,2})",
    "%S": r"(?P<second>[0-9]{1,2})",
}
_DIRECTIVE = re.compile(r"%.")


def pattern_time(pattern: str) -> TimeFormat | None:
    """Return the format of ``%Y/%m/%d %H:%M`` and its like; None where the pattern is not usable.

    Not strptime: that reads by the locale, and takes 7 us.
    """
    directives = _DIRECTIVE.findall(pattern)
    if len(set(directives)) != len(directives) or not set(directives) <= _DIRECTIVES.keys():
        return None
    if not {"%Y", "%m", "%d", "%H", "%M"} <= set(directives):
        return None
    literals = [re.escape(literal) for literal in _DIRECTIVE.split(pattern)]
    groups = [_DIRECTIVES[directive] for directive in directives] + [""]
    shape = re.compile("".join(a + b for a, b in zip(literals, groups, strict=True)))

    def read(text: str) -> PrintedTime | None:
        found = shape.fullmatch(text)
        if found is None:
            return None
        try:
            at = dt.datetime(**{name: int(part) for name, part in found.groupdict().items()})  # type: ignore[arg-type]  # noqa: DTZ001
        except ValueError:
            return None
        return _wall_ms(at), False

    return read


def learnt_offset_ms(wall_ms: int, epoch_ms: int, *, within_ms: int) -> int | None:
    """Return the offset of a wall clock, told by the instant that the same record states.

    It is their difference to the quarter of an hour, where they agree to ``within_ms``; else None.
    """
    difference = wall_ms - epoch_ms
    offset = (difference + _QUARTER_MS // 2) // _QUARTER_MS * _QUARTER_MS
    if abs(difference - offset) > within_ms or not _MOST_WEST_MS <= offset <= _MOST_EAST_MS:
        return None
    return offset


class PrintedMinutes(dict[str, int | None]):
    """The instants of printed minutes: ``2026-03-01 12:00``, of which usage has few.

    With `SECONDS_MS` it reads a time in a third of `iso_time`'s. ``instant_ms`` says what a wall
    clock's minute is. None where this way does not hold; then another one tells.
    """

    def __init__(self, instant_ms: Callable[[int], int | None]) -> None:
        self._instant_ms = instant_ms

    def __missing__(self, minute: str) -> int | None:
        """Return the instant of a minute that is not remembered."""
        time = iso_time(minute + ":00") if len(minute) == _MINUTE_LENGTH else None
        if time is None or time[1]:
            return None
        instant = self._instant_ms(time[0])
        if instant is not None:
            if len(self) >= _MINUTES_REMEMBERED:
                self.clear()
            self[minute] = instant
        return instant


class WallClock:
    """The clock on the wall of one zone. Remembers the offset of each hour without a change."""

    def __init__(self, name: str, zone: ZoneInfo) -> None:
        self.name = name
        self._zone = zone
        self._hours: dict[int, int] = {}
        self.printed = PrintedMinutes(self._plain_ms)

    def instant_ms(self, wall_ms: int) -> int | Refused:
        """Return the instant; refused where the wall clock shows it twice or never."""
        hour = wall_ms // HOUR_MS
        offset = self._hours.get(hour)
        if offset is None:
            offset = self._offset_of_hour(hour)
            if offset is None:
                return self._near_a_change(wall_ms)
            if len(self._hours) >= _HOURS_REMEMBERED:
                self._hours.clear()
            self._hours[hour] = offset
        return wall_ms - offset

    def _plain_ms(self, wall_ms: int) -> int | None:
        """Return the instant in an hour whose offset is one; None in all others."""
        instant = self.instant_ms(wall_ms)
        return instant if wall_ms // HOUR_MS in self._hours and isinstance(instant, int) else None

    def _offset_of_hour(self, hour: int) -> int | None:
        """Return the offset of all of an hour, or None where it is not one."""
        start_ms = hour * HOUR_MS
        offsets = self._offsets(start_ms) | self._offsets(start_ms + HOUR_MS - 1)
        return offsets.pop() if len(offsets) == 1 else None

    def _near_a_change(self, wall_ms: int) -> int | Refused:
        before, after = self._offset_ms(wall_ms, fold=0), self._offset_ms(wall_ms, fold=1)
        if before == after:
            return wall_ms - before
        if before < after:
            return Refused(
                RefusalReason.INVALID_TIME,
                f"the time does not exist in {self.name}: its clocks went forward over it",
            )
        return Refused(
            RefusalReason.AMBIGUOUS_LOCAL_TIME,
            f"the time happened twice in {self.name}: its clocks went back over it",
        )

    def _offsets(self, wall_ms: int) -> set[int]:
        return {self._offset_ms(wall_ms, fold=0), self._offset_ms(wall_ms, fold=1)}

    def _offset_ms(self, wall_ms: int, *, fold: int) -> int:
        wall = _LOCAL_EPOCH + dt.timedelta(milliseconds=wall_ms)
        offset = wall.replace(tzinfo=self._zone, fold=fold).utcoffset()
        assert offset is not None
        return offset // dt.timedelta(milliseconds=1)


@lru_cache(maxsize=512)
def wall_clock(zone: str) -> WallClock | None:
    """Return the clock of a zone by its IANA name; None where there is no such zone."""
    try:
        return WallClock(zone, zone_info(zone))
    except (KeyError, ValueError, OSError):  # not known; not a name; a folder of the database
        return None


def _wall_ms(at: dt.datetime) -> int:
    since = at - _LOCAL_EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
