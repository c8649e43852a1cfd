"""What happened to the rows of a rate card, in lines: rows of one destination together, and
destinations that change alike.

A card may have 170,000 prefixes of which all change; a person reads what changed, not each row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rating.catalogue.differences.difference import Difference, Kind
from rating.catalogue.differences.parts import Change
from rating.catalogue.document import Card
from rating.units import unit_of

_MOST_DESTINATIONS = 4  # that change alike and have a line each
_MOST_PREFIXES = 3  # that are listed


class What(NamedTuple):
    """Something that happened to rows; the same for all of a group."""

    kind: Kind
    band: str | None
    since: dt.date | None
    until: dt.date | None
    change: Change


class Happened(NamedTuple):
    """One thing that happened to one row."""

    prefix: str
    destination: str
    what: What


Groups = dict[What, dict[str, list[str]]]
"""The prefixes to which something happened, by their destination."""


def lines_of(
    card: Card,
    happened: Iterable[Happened],
    *,
    before: Mapping[str, int],
    after: Mapping[str, int],
) -> list[Difference]:
    """Return the lines, by destination. ``before`` and ``after``: how many prefixes each has."""
    groups: Groups = {}
    for prefix, destination, what in happened:
        groups.setdefault(what, {}).setdefault(destination, []).append(prefix)
    lines = [
        line
        for what, destinations in _with_many_prices(groups).items()
        for line in _lines(card, what, destinations, after if what.kind is Kind.ADDED else before)
    ]
    return sorted(lines, key=_place)


def _lines(
    card: Card, what: What, destinations: dict[str, list[str]], totals: Mapping[str, int]
) -> Iterator[Difference]:
    if len(destinations) <= _MOST_DESTINATIONS:
        for name, prefixes in destinations.items():
            yield _line(
                card, what, f"{name}{_counted(prefixes, totals.get(name, 0))}", {name: prefixes}
            )
        return
    names = sorted(destinations)
    count = sum(map(len, destinations.values()))
    shown = ", ".join(names[:_MOST_PREFIXES])
    more = len(names) - _MOST_PREFIXES
    who = f"{len(names):,} destinations ({shown} and {more:,} more; {count:,} prefixes)"
    yield _line(card, what, who, destinations)


def _line(card: Card, what: What, who: str, destinations: dict[str, list[str]]) -> Difference:
    to = "calls to" if unit_of(card.unit).kind == "time" else "to"
    thing = f"card {card.code}, {to} {who}"
    return Difference(
        kind=what.kind,
        at=f"cards.{card.code}",
        thing=f"{thing}, {what.band}" if what.band else thing,
        what=what.change.name,
        before=what.change.before,
        after=what.change.after,
        change_percent=what.change.percent,
        valid_from=what.since,
        valid_to=what.until,
        destinations=tuple(sorted(destinations)),
        prefixes=tuple(sorted(each for some in destinations.values() for each in some)),
    )


def _with_many_prices(
    found: Groups,
) -> Groups:
    """Return the same with the new rows of a destination as one, and so those that are gone: it is
    their number that a person reads, and the price where it is one."""
    merged: Groups = {}
    prices: dict[tuple[What, str], list[str]] = {}
    for what, destinations in found.items():
        said = what.change.after if what.kind is Kind.ADDED else what.change.before
        if what.kind is Kind.CHANGED:
            merged[what] = destinations
            continue
        bare = what._replace(change=Change("", None, None, None))
        for name, prefixes in destinations.items():
            prices.setdefault((bare, name), []).append(said or "")
            merged.setdefault(bare, {}).setdefault(name, []).extend(prefixes)
    result: Groups = {}
    for what, destinations in merged.items():
        if what.kind is Kind.CHANGED:
            result[what] = destinations
            continue
        for name, prefixes in destinations.items():
            costs = prices[what, name]
            said = costs[0] if len(costs) == 1 else f"{len(costs):,} different prices"
            before, after = (None, said) if what.kind is Kind.ADDED else (said, None)
            one = what._replace(change=Change("", before, after, None))
            result.setdefault(one, {})[name] = prefixes
    return result


def _counted(prefixes: list[str], total: int) -> str:
    """Return how many prefixes of a destination it is, where that is not clear."""
    count = len(set(prefixes))
    if count == total:
        return "" if total == 1 else f" ({total:,} prefixes)"
    if count <= _MOST_PREFIXES:
        return f" ({', '.join(sorted(set(prefixes)))})"
    return f" ({count:,} of {total:,} prefixes)"


def _place(line: Difference) -> tuple[str, str, str]:
    return line.destinations[0], line.thing, str(line.valid_from or "")
