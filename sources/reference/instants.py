"""From a date or an instant that somebody wrote to UTC milliseconds."""

from __future__ import annotations

import datetime as dt
import re

from schemas.period import to_ms, zone_info

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
EXPECTED = "a date such as 2026-10-01, or an instant such as 2026-10-01T12:00:00+02:00"


def known_zone(name: str) -> bool:
    """Return whether there is a zone of that name."""
    try:
        zone_info(name)
    except (KeyError, ValueError, OSError):  # not known; not a name; a folder of the database
        return False
    return True


def instant_ms(text: str, *, zone: str) -> int | None:
    """Return the instant: a date is its first instant in ``zone``. None where it is neither.

    A time without an offset is refused: an hour in autumn would be two.
    """
    try:
        if _DATE.fullmatch(text):
            day = dt.date.fromisoformat(text)
            # Where clocks go forward at midnight, this is the first instant after it.
            midnight = dt.datetime.combine(day, dt.time(), zone_info(zone))
            return to_ms(midnight.astimezone(dt.UTC))
        at = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return None if at.tzinfo is None else to_ms(at)
