"""When rows are in force, and in which bands."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Protocol

EARLIEST = dt.date.min
LATEST = dt.date.max

Span = tuple[dt.date, dt.date]
"""From a day to before another one."""


class Row(Protocol):
    """A row of a card or a matrix."""

    @property
    def band(self) -> str | None:
        """Return its band; None: any."""

    @property
    def valid_from(self) -> dt.date | None:
        """Return the first day; None: always."""

    @property
    def valid_to(self) -> dt.date | None:
        """Return the day after the last one; None: for good."""


def whole_spans(rows: Sequence[Row], bands: Collection[str]) -> Iterator[Span]:
    """Yield when all bands have a row, or any band has; in order."""
    for day, until, in_force in _days(rows):
        if None in in_force or (bands and in_force.issuperset(bands)):
            yield day, until


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same days in as few spans as there can be, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def span_of(row: Row) -> Span:
    """Return when a row is in force."""
    return row.valid_from or EARLIEST, row.valid_to or LATEST


def _days(rows: Sequence[Row]) -> Iterator[tuple[dt.date, dt.date, set[str | None]]]:
    """Yield the spans in which the same rows are in force, with their bands, in order."""
    edges: list[tuple[dt.date, int, str | None]] = []
    for row in rows:
        start, end = span_of(row)
        edges += ((start, 1, row.band), (end, -1, row.band))
    edges.sort(key=itemgetter(0))
    counts: Counter[str | None] = Counter()
    in_force: set[str | None] = set()
    began = EARLIEST
    for day, group in groupby(edges, key=itemgetter(0)):
        if day > began:
            yield began, day, set(in_force)
        for _, change, band in group:
            counts[band] += change
            if counts[band]:
                in_force.add(band)
            else:
                in_force.discard(band)
        began = day
