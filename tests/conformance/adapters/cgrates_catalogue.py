"""The rows of a CGRateS plan as a catalogue of ours: a price for each prefix, bands for its hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from tests.conformance.adapters.cgrates_tariff import MINUTES_OF_DAY, NANOSECONDS, Entries, Row
from tests.conformance.outcome import NotExpressible

UNCOVERED = "none"
"""The band of the hours for which a plan has no price at all."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEAP_YEAR = 2024
_MOST_PLACES = 20
_ROUNDINGS = {"*up": "up", "*middle": "half_up", "*down": "down"}


class Asked(NamedTuple):
    """What the translation has to know of the usage."""

    product: str
    unit: str  # "s", or "ns" for what is counted in raw units
    start: dt.datetime
    splits: bool  # is cut where the hours of timings meet
    has_fee: bool
    is_rounded: bool
    places: int | None  # those of the cost of one increment


class Translated(NamedTuple):
    """A catalogue, and what its codes stand for."""

    sections: dict[str, Any]
    prefixes: dict[str, str]  # by the code of the price
    rows: dict[str, dict[str, Row]]  # by the code of the price, and the band: "" if it has none


class Hours:
    """Which of the rows for a prefix holds when: that of the highest weight, then of the latest
    start."""

    def __init__(self, rows: list[Row], code: str = "") -> None:
        self.rows = rows
        self._code = code
        self._special = [i for i, row in enumerate(rows) if row.timing.is_special]
        self._dated = [i for i in self._special if rows[i].timing.years]

    def row_at(self, at: dt.datetime) -> Row | None:
        """Return the row that holds at an instant."""
        minute = at.hour * 60 + at.minute
        windows = self._windows(self._held(at.date()), at.weekday())
        (index,) = [row for start, end, row in windows if start <= minute < end]
        return None if index is None else self.rows[index]

    @cached_property
    def bands(self) -> dict[str, list[str]]:
        """Return the hours of each row that ever holds, as the windows of its band."""
        bands: dict[str, list[str]] = {}
        every_day: frozenset[int] = frozenset()
        dated = [(f"holidays {name} ", held) for name, (_, held) in self._calendars.items()]
        for days, held in [("", every_day), *self._seasons(), *dated]:
            for weekday, name in enumerate(_WEEKDAYS):
                for start, end, index in self._windows(held, weekday):
                    if index is None and days:
                        continue  # nor is there one in any other week
                    window = f"{days}{name} {_clock(start)}-{_clock(end)}"
                    bands.setdefault(band_of(index), []).append(window)
        return bands

    @property
    def rows_by_band(self) -> dict[str, Row]:
        """Return the rows that ever hold, by band; by no name the one that always holds."""
        found = {band_of(i): row for i, row in enumerate(self.rows) if band_of(i) in self.bands}
        return found if len(self.bands) > 1 else {"": next(iter(found.values()))}

    @property
    def calendars(self) -> dict[str, list[str]]:
        """Return the dates of timings that name years: those together that are alike."""
        return {name: dates for name, (dates, _) in self._calendars.items()}

    @cached_property
    def _calendars(self) -> dict[str, tuple[list[str], frozenset[int]]]:
        found: dict[frozenset[int], list[str]] = {}
        for year in sorted({year for i in self._dated for year in self.rows[i].timing.years}):
            for day in _days_of(year):
                held = self._held(day)
                if held.intersection(self._dated):
                    found.setdefault(held, []).append(day.isoformat())
        return {
            f"{self._code}.days-{number}": (dates, held)
            for number, (held, dates) in enumerate(found.items())
        }

    def _seasons(self) -> Iterator[tuple[str, frozenset[int]]]:
        """Yield the seasons of timings that hold on the same days of every year."""

        def held_each_year(day: dt.date) -> frozenset[int]:
            return self._held(day).difference(self._dated)

        for held, found in groupby(_days_of(_LEAP_YEAR), held_each_year):
            days = list(found)
            if held:
                yield f"{days[0]:%m-%d}..{days[-1]:%m-%d} ", held

    def _held(self, day: dt.date) -> frozenset[int]:
        """Return which of the rows for special days hold on a day."""
        return frozenset(i for i in self._special if self.rows[i].timing.holds_on(day))

    def _windows(self, held: frozenset[int], weekday: int) -> Iterator[tuple[int, int, int | None]]:
        """Yield the parts of a day, in minutes, and the row that holds in each."""
        live = [
            (i, row.timing)
            for i, row in enumerate(self.rows)
            if (i in held or not row.timing.is_special)
            and (not row.timing.weekdays or weekday in row.timing.weekdays)
        ]
        ends = {end for _, timing in live for end in (timing.start, timing.end)}
        for start, end in pairwise(sorted({0, MINUTES_OF_DAY, *ends})):
            holding = [i for i, timing in live if timing.start <= start and end <= timing.end]
            yield start, end, max(holding, key=self._rank, default=None)

    def _rank(self, index: int) -> tuple[Decimal, int, int]:
        row = self.rows[index]
        return row.weight, row.timing.start, -index


def band_of(index: int | None) -> str:
    """Return the band of the hours in which a row holds."""
    return UNCOVERED if index is None else f"row-{index}"


def translated(
    entries: Entries, asked: Asked, *, allowances: Mapping[str, Any] | None = None, fee: str = ""
) -> Translated:
    """Return the catalogue with one plan, ``p``, of the entries. ``allowances``: those that all of
    its prices take, in that order; ``fee``: a connect fee in place of those of the rows."""
    product = {"type": "usage", "usage_kind": asked.product, "unit": asked.unit}
    plan: dict[str, Any] = {"currency": "EUR", "prices": {}}
    sections: dict[str, Any] = {"products": {asked.product: product}, "plans": {"p": plan}}
    sections |= {"bands": {}, "calendars": {}}
    found = Translated(sections, {}, {})
    if allowances:
        plan["allowances"] = dict(allowances)
    for number, (prefix, rows) in enumerate(entries):
        digits = prefix.removeprefix("+")
        is_number = digits.isdigit()
        code = f"{number}.{digits}" if is_number else f"{number}.any"
        hours = Hours(rows, code)
        price = _price(hours, code, asked, fee)
        if allowances:
            price["allowance"] = list(allowances)
        plan["prices"][code] = {"product": asked.product, "price": price}
        if is_number:
            plan["prices"][code]["destinations"] = [digits]
        found.prefixes[code] = prefix
        found.rows[code] = hours.rows_by_band
        if "bands" in price:
            sections["bands"][code] = hours.bands
            sections["calendars"] |= hours.calendars
    for name in ("bands", "calendars"):
        if not sections[name]:
            del sections[name]
    return found


def _price(hours: Hours, code: str, asked: Asked, fee: str) -> dict[str, Any]:
    """Return the price for the rows of a prefix. What it states once, whatever the hours, is that of
    the row that holds when the call begins."""
    first = hours.row_at(asked.start)
    price: dict[str, Any] = {"model": "call", **_rates_of(hours, code, asked)}
    if asked.places is not None:
        price["increment_rounding"] = {"places": asked.places}
    if first is None:
        return price
    if asked.has_fee:
        price["connect_fee"] = fee or _fees(hours, price)
        price["fee_when_free"] = "yes"
    if asked.is_rounded and first.rounding[1]:  # to no decimals is not rounded at all
        price["rounding"] = rounding(*first.rounding)
    if first.most is not None:
        price["most"] = {"event": first.most}
    return price


def _fees(hours: Hours, price: Mapping[str, Any]) -> str | dict[str, str]:
    """Return the connect fee, by band where hours differ."""
    fees = {band: row.fee for band, row in hours.rows_by_band.items()}
    if "bands" not in price:
        return next(iter(fees.values()))
    return dict.fromkeys(price["rates"], "0") | fees


def _rates_of(hours: Hours, code: str, asked: Asked) -> dict[str, Any]:
    """Return the rates, by band where hours differ."""
    by_band = {band: _rates(row, asked.unit) for band, row in hours.rows_by_band.items()}
    if "" in by_band:
        return {"rates": by_band[""]}
    if UNCOVERED in hours.bands:  # a set covers the week; what meets this band is not expressible
        by_band[UNCOVERED] = [{"amount": "0", "per": "1", "increment": "1"}]
    return {"bands": code, "bands_by": "split" if asked.splits else "start", "rates": by_band}


def _rates(row: Row, unit: str) -> list[dict[str, str]]:
    if row.slots[0].from_ns:
        raise NotExpressible(
            "the rates begin some way into the call, and what comes before them has no price; our "
            "first rate begins with the first unit"
        )
    scale = Decimal(NANOSECONDS[unit])
    rates = []
    for slot in row.slots:
        rate = {
            "amount": slot.amount,
            "per": plain(slot.unit_ns / scale),
            "increment": plain(slot.increment_ns / scale),
        }
        if slot.from_ns:
            rate["from"] = plain(slot.from_ns / scale)
        rates.append(rate)
    return rates


def rounding(method: str, decimals: int) -> list[dict[str, Any]]:
    """Return the rounding by a method. The one that goes up passes over what is less than 1e-7 of
    its last place."""
    found: list[dict[str, Any]] = [{"rule": _ROUNDINGS[method], "places": decimals}]
    if method == "*up":
        seen = min(decimals + max(7, decimals), _MOST_PLACES)
        found.insert(0, {"rule": "down", "places": seen})
    return found


def plain(value: Decimal) -> str:
    """Return a decimal without an exponent."""
    return format(value, "f")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days_of(year: int) -> Iterator[dt.date]:
    day = dt.date(year, 1, 1)
    while day.year == year:
        yield day
        day += dt.timedelta(days=1)
