"""What a clock on the wall shows."""

from __future__ import annotations

import datetime as dt

from schemas.period import from_ms, zone_info

HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_MINUTES_REMEMBERED = 100_000
_TWO_DIGITS = tuple(f"{number:02d}" for number in range(60))


class Wall:
    """The wall clock of one zone, as ``2026-10-01 09:30:00``."""

    def __init__(self, zone: str) -> None:
        self._zone = zone_info(zone)
        self._minutes: dict[int, str] = {}
        self._clear: dict[int, bool] = {}

    def text(self, at_ms: int) -> str:
        """Return the local time; parts of a second are cut off."""
        minute, second = divmod(at_ms // 1000, 60)
        text = self._minutes.get(minute)
        if text is None:  # five times as dear as the rest
            if len(self._minutes) >= _MINUTES_REMEMBERED:
                self._minutes.clear()
            local = from_ms(minute * _MINUTE_MS).astimezone(self._zone)
            text = self._minutes[minute] = local.strftime("%Y-%m-%d %H:%M:")
        return text + _TWO_DIGITS[second]

    def is_clear(self, at_ms: int) -> bool:
        """Return whether the clocks change at no instant within two hours of ``at_ms``.

        The hour that they repeat in autumn is among the rest: a record of it is refused.
        """
        hour = at_ms // HOUR_MS
        clear = self._clear.get(hour)
        if clear is None:
            first, last = (hour - 2) * HOUR_MS, (hour + 3) * HOUR_MS - 1
            clear = self._clear[hour] = self._offset(first) == self._offset(last)
        return clear

    def local(self, at_ms: int) -> dt.datetime:
        """Return the local time with its offset."""
        return from_ms(at_ms).astimezone(self._zone)

    def offset_ms(self, at_ms: int) -> int:
        """Return how far the clock is ahead of UTC at an instant."""
        offset = self._offset(at_ms)
        assert offset is not None
        return offset // dt.timedelta(milliseconds=1)

    def _offset(self, at_ms: int) -> dt.timedelta | None:
        return from_ms(at_ms).astimezone(self._zone).utcoffset()
