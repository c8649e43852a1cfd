"""The rows of a CGRateS tariff plan: timings, destinations, rates, plans, profiles."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tests.conformance.outcome import NotExpressible

ANY = "*any"
_DEEPEST = 3  # fallback subjects of fallback subjects are followed so far
MINUTES_OF_DAY = 24 * 60
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h)?")


class Timing(NamedTuple):
    """The days, and the minutes of them, in which a price holds; an empty set is all."""

    years: frozenset[int]
    months: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[int]  # Monday is 0
    start: int
    end: int

    @property
    def is_special(self) -> bool:
        """Return whether it holds on certain days of the year only."""
        return bool(self.years or self.months or self.month_days)

    def holds_on(self, day: dt.date) -> bool:
        """Return whether a day is one of its special days."""
        found = ((self.years, day.year), (self.months, day.month), (self.month_days, day.day))
        return all(not days or value in days for days, value in found)


_ALWAYS = Timing(frozenset(), frozenset(), frozenset(), frozenset(), 0, MINUTES_OF_DAY)


class Slot(NamedTuple):
    """A rate from some way into the call on; durations are in nanoseconds, as raw units are."""

    from_ns: Decimal
    amount: str
    unit_ns: Decimal
    increment_ns: Decimal


class Row(NamedTuple):
    """What a destination costs in the hours of a timing."""

    timing: Timing
    weight: Decimal
    fee: str
    slots: tuple[Slot, ...]
    rounding: tuple[str, int]
    most: str | None  # what a call costs at the most

    @property
    def of_the_call(self) -> tuple[tuple[str, int], str | None]:
        """Return what a price states once, whatever the hours of a call."""
        return self.rounding, self.most


Entries = list[tuple[str, list[Row]]]
"""The prefixes of a plan, in the order in which they are looked up, and their rows."""


class Tariff:
    """The rows, by their tags."""

    def __init__(self, price: Mapping[str, Any]) -> None:
        self._timings = {row[0]: _timing(row) for row in _rows(price, "timings", 6)}
        self._destinations = _by_tag(_rows(price, "destinations", 2))
        self._rates = _by_tag(_rows(price, "rates", 6))
        self._destination_rates = _by_tag(_rows(price, "destination_rates", 7))
        self._plans = _by_tag(_rows(price, "rating_plans", 4))
        self._profiles = _rows(price, "rating_profiles", 6)

    def entries(self, usage: Mapping[str, Any], at: dt.datetime) -> Entries:
        """Return all that is looked up for a subject: its plan, then those of its fallback subjects;
        none where it has no plan."""
        entries: Entries = []
        who = (str(usage["tenant"]), str(usage["category"]))
        subject = str(usage.get("subject") or usage.get("account", ""))
        plans = self._plans_of(who, subject, at) or self._plans_of(who, ANY, at)
        for plan in plans:
            entries += self._entries_of(plan, str(usage["destination"]))
            if entries and entries[-1][0] == ANY:
                break  # nothing goes past a price for every destination
        return entries

    def activations(self, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
        """Return when plans come into force while a call lasts."""
        found = {moment(row[3]) for row in self._profiles}
        return sorted(at for at in found if start < at < end)

    def _plans_of(
        self, who: tuple[str, str], subject: str, at: dt.datetime, depth: int = 1
    ) -> list[str]:
        active = [
            row
            for row in self._profiles
            if tuple(row[:3]) == (*who, subject) and moment(row[3]) <= at
        ]
        if not active or depth > _DEEPEST:
            return []
        row = max(active, key=lambda each: moment(each[3]))
        plans = [row[4]]
        for other in filter(None, row[5].split(";")):
            plans += self._plans_of(who, other, at, depth + 1)
        return plans

    def _entries_of(self, plan: str, destination: str) -> Entries:
        rows: dict[str, list[Row]] = {}
        for _, rates, timing, weight in self._plans.get(plan, []):
            for of_one in self._destination_rates.get(rates, []):
                row = self._row(of_one, timing, Decimal(weight or 0))
                tag = of_one[1]
                for _, prefix in self._destinations.get(tag, [["", tag]] if tag == ANY else []):
                    rows.setdefault(prefix, []).append(row)
        prefixes = sorted(_looked_up(rows.keys() - {ANY}, destination), key=len, reverse=True)
        return [(each, rows[each]) for each in (*prefixes, ANY) if each in rows]

    def _row(self, of_one: list[str], timing: str, weight: Decimal) -> Row:
        _, _, tag, method, decimals, most, strategy = of_one
        slots = [_slot(row) for row in self._rates[tag]]
        return Row(
            timing=_ALWAYS if timing in (ANY, "*always") else self._timings[timing],
            weight=weight,
            fee=self._rates[tag][0][1] or "0",
            slots=tuple(sorted(set(slots))),
            rounding=(method, int(decimals or 0)),
            most=most if strategy == "*free" and Decimal(most or 0) else None,
        )


def is_number(destination: str) -> bool:
    """Return whether a destination is one that is dialled, and no word."""
    return destination.removeprefix("+").isdigit()


def _looked_up(prefixes: set[str], destination: str) -> list[str]:
    """Return the prefixes that a destination is compared with: numbers with a plus with their kind,
    those without one with theirs; for a word the one that it begins with."""
    if is_number(destination):
        alike = [each for each in prefixes if is_number(each)]
        return [each for each in alike if each.startswith("+") == destination.startswith("+")]
    return sorted(filter(destination.startswith, prefixes), key=len)[-1:]


def moment(text: str) -> dt.datetime:
    """Return an instant."""
    return dt.datetime.fromisoformat(text)


def nanoseconds(text: str) -> Decimal:
    """Return a duration such as ``1m30s``; a number alone is one of nanoseconds."""
    parts = _DURATION.findall(text)
    assert "".join(map("".join, parts)) == text, f"no duration: {text}"
    return sum((Decimal(number) * NANOSECONDS[unit or "ns"] for number, unit in parts), Decimal(0))


def _slot(row: list[str]) -> Slot:
    second = Decimal(NANOSECONDS["s"])  # what a unit or an increment of none stands for
    unit, increment, start = (nanoseconds(text or "0") for text in row[3:6])
    return Slot(start, row[2] or "0", unit or second, increment or second)


def _timing(row: list[str]) -> Timing:
    start, _, end = row[5].partition(";")
    return Timing(
        years=_numbers(row[1]),
        months=_numbers(row[2]),
        month_days=_numbers(row[3]),
        weekdays=frozenset(day - 1 for day in _numbers(row[4])),
        start=0 if start in ("", ANY) else _minute(start),
        end=_minute(end) if end else MINUTES_OF_DAY,
    )


def _numbers(text: str) -> frozenset[int]:
    return frozenset() if text in ("", ANY) else frozenset(map(int, text.split(";")))


def _minute(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    if seconds:
        raise NotExpressible(
            f"hours that begin within a minute ({text}): bands are of whole minutes"
        )
    return hours * 60 + minutes


def _rows(price: Mapping[str, Any], name: str, columns: int) -> list[list[str]]:
    rows = [[field.strip() for field in row.split(",")] for row in price.get(name, [])]
    return [(row + [""] * columns)[:columns] for row in rows]


def _by_tag(rows: list[list[str]]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found
