"""The words of a scenario line: times, quantities, amounts. A text that is none gives `Unread`."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from rating.catalogue.currencies import CURRENCIES
from rating.catalogue.errors import quoted
from rating.meant import meant_quantity
from rating.scenario.statements import StatedAmount, StatedUnits
from rating.trial import YEARS, local_instant_ms
from rating.units import convert, convertible
from schemas.decimals import EXACT, parse_decimal
from schemas.money import MAX_DECIMAL_PLACES
from schemas.period import to_ms, zone_info

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{3})?)?)( UTC)?")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_UNITS = re.compile(r"(\S+) (\S+)")
_AMOUNT = re.compile(r"(-?[0-9]+\.[0-9]+) (\S+)")
_NOON = dt.time(12)
_MS = Decimal(1000)
_LONGEST_MS = 400 * 86_400_000


class Unread(Exception):
    """What was expected, and what was found instead; never leaves the reading of a line."""

    def __init__(self, expected: str, found: str, meant: str = "") -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, quoted(found) + meant


def units_of(text: str) -> StatedUnits:
    """Return ``10 GB``."""
    match = _UNITS.fullmatch(text)
    quantity = parse_decimal(match[1]) if match else None
    if match is None or quantity is None:
        raise Unread("a quantity with its unit, such as '10 GB'", text, meant_quantity(text))
    return StatedUnits(quantity, match[2])


def amount_of(text: str) -> StatedAmount:
    """Return ``0.08 EUR``; the sign of what is given back is before it."""
    match = _AMOUNT.fullmatch(text)
    if match is None or match[2] not in CURRENCIES:
        raise Unread("an amount with its currency, such as '0.08 EUR'", text)
    places = len(match[1].partition(".")[2])
    amount = parse_decimal(match[1])
    if amount is None or places > MAX_DECIMAL_PLACES:
        raise Unread(f"an amount of at most {MAX_DECIMAL_PLACES} decimal places", text)
    return StatedAmount(amount, match[2], places)


def date_of(text: str) -> dt.date:
    """Return ``2026-10-05``."""
    try:
        date = dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        date = None
    if date is None or date.year not in YEARS:
        raise Unread("a date such as 2026-10-05", text)
    return date


def month_of(text: str, *, zone: str) -> int:
    """Return the first instant of ``2026-10``, in UTC milliseconds."""
    try:
        first = date_of(f"{text}-01") if _MONTH.fullmatch(text) else None
    except Unread:
        first = None
    if first is None:
        raise Unread("a month such as 2026-10", text)
    return day_start(first, zone=zone)


def day_start(date: dt.date, *, zone: str) -> int:
    """Return the first instant of a local day, in UTC milliseconds."""
    return to_ms(dt.datetime.combine(date, dt.time(), zone_info(zone)).astimezone(dt.UTC))


def instant_of(date: dt.date, time: str | None, *, zone: str) -> int:
    """Return the instant of a wall clock (or of one in UTC, which says so), in UTC milliseconds.

    Noon where there is no time. An hour that comes twice, or never, when clocks change is refused.
    """
    if time is None:
        return to_ms(dt.datetime.combine(date, _NOON, zone_info(zone)).astimezone(dt.UTC))
    match = _TIME.fullmatch(time)
    try:
        clock = dt.time.fromisoformat(match[1]) if match else None
    except ValueError:
        clock = None
    if match is None or clock is None:
        raise Unread("a time such as 12:00, 12:00:30 or '12:00 UTC'", time)
    if match[2]:
        return to_ms(dt.datetime.combine(date, clock, dt.UTC))
    at_ms = local_instant_ms(dt.datetime.combine(date, clock), zone=zone)
    if at_ms is None:
        raise Unread(
            f"a time that {zone} has once on {date}; say it in UTC, as 'at 00:30 UTC'", time
        )
    return at_ms


def duration_ms(text: str) -> int:
    """Return ``6 min`` in milliseconds."""
    stated = units_of(text)
    if not convertible(stated.unit, to="s") or stated.quantity < 0:
        raise Unread("a duration such as '6 min'", text, meant_quantity(text, unit="s"))
    ms = EXACT.multiply(convert(stated.quantity, stated.unit, to="s"), _MS)
    if ms != ms.to_integral_value() or ms > _LONGEST_MS:
        raise Unread("a duration of whole milliseconds, of at most 400 days", text)
    return int(ms)
