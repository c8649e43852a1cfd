"""Which cards of a price no destination ever reaches, since those before them take all of theirs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from rating.catalogue.document import BandSet, Card, CardRow
from rating.price.rate_card import CardChoice

_EARLIEST = dt.date.min
_LATEST = dt.date.max

_Index = dict[str, list[CardRow]]  # rows by prefix


class Reach:
    """Tells what is never reached, and remembers what it looked at: cards are large, and prices that
    name the same ones many."""

    def __init__(self, cards: Mapping[str, Card], bands: Mapping[str, BandSet]) -> None:
        self._cards = cards
        self._bands = bands
        self._indexes: dict[str, _Index] = {}
        self._never: dict[tuple[tuple[str, ...], CardChoice], tuple[str, ...]] = {}

    def never_reached(self, codes: tuple[str, ...], choose: CardChoice) -> tuple[str, ...]:
        """Return the cards that price nothing, on whatever day and at whatever hour.

        None of those returned is ever reached. Where that depends on the band of the card itself,
        it may be that one is not and is not among them.
        """
        key = (codes, choose)
        if key not in self._never:
            self._never[key] = tuple(
                code
                for place, code in enumerate(codes)
                if place and self._is_hidden(code, codes[:place], choose)
            )
        return self._never[key]

    def _is_hidden(self, code: str, before: Sequence[str], choose: CardChoice) -> bool:
        rows = self._cards[code].rows
        return bool(rows) and all(self._is_taken(row, before, choose) for row in rows)

    def _is_taken(self, row: CardRow, before: Sequence[str], choose: CardChoice) -> bool:
        """Return whether numbers of a row have another row at all times: of its prefix or, where the
        order of the cards decides, of a shorter one."""
        shortest = 1 if choose is CardChoice.FIRST else len(row.prefix)
        prefixes = [row.prefix[:length] for length in range(shortest, len(row.prefix) + 1)]
        found = {
            code: [other for prefix in prefixes for other in self._index(code).get(prefix, ())]
            for code in before
        }
        start, end = row.valid_from or _EARLIEST, row.valid_to or _LATEST
        edges = {
            day
            for rows in found.values()
            for each in rows
            for day in (each.valid_from, each.valid_to)
        }
        # Whether another row is in force can only change on a day on which one begins or ends.
        days = {start, *(day for day in edges if day is not None and start < day < end)}
        return all(
            any(self._has_all_bands(code, rows, day) for code, rows in found.items())
            for day in days
        )

    def _has_all_bands(self, code: str, rows: list[CardRow], day: dt.date) -> bool:
        in_force = {
            row.band
            for row in rows
            if (row.valid_from or _EARLIEST) <= day < (row.valid_to or _LATEST)
        }
        if None in in_force:
            return True
        bands = self._cards[code].bands
        return bands is not None and {band.code for band in self._bands[bands].bands} <= in_force

    def _index(self, code: str) -> _Index:
        index = self._indexes.get(code)
        if index is None:
            index = self._indexes[code] = {}
            for row in self._cards[code].rows:
                index.setdefault(row.prefix, []).append(row)
        return index
