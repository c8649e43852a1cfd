"""Rate card: a per-unit price for each destination prefix; the longest match wins."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from native import compiled
from rating.price.per_unit import PerUnitPrice

_HEADS = (3, 2, 1)
"""How many leading digits rows are grouped by, to know which lengths of prefix to try. With more
digits there are fewer to try, but more memory to wait for: slower on a card of 170,000 rows."""

FIRST_DAY = -(10**9)
LAST_DAY = 10**9

_native = compiled("card_index")


class CardChoice(StrEnum):
    """Which of several cards prices a destination that more than one of them has."""

    FIRST = "first"  # the first in their order, however short its prefix
    LONGEST = "longest"  # the one of the longest prefix; of equal ones the first


class RateCardRow(msgspec.Struct, frozen=True, gc=False):
    """The price of one destination, in one band or in all, for [from_day, to_day)."""

    prefix: str
    destination: str
    price: PerUnitPrice
    band: str | None = None  # None: whatever the band
    from_day: int = FIRST_DAY  # local days since 1 January 1970
    to_day: int = LAST_DAY  # exclusive


Rows = RateCardRow | tuple[RateCardRow, ...]
"""Of one prefix and band; most have one row, and a tuple of one is memory to wait for."""


class RateCard:
    """The rows of a card, found by prefix. Immutable once built."""

    __slots__ = ("_lengths", "_of_all_bands", "_of_band", "code", "index")

    def __init__(self, code: str, rows: Iterable[RateCardRow]) -> None:
        self.code = code
        self._of_all_bands: dict[str, Rows] = {}
        self._of_band: dict[str, dict[str, Rows]] = {}
        lengths: dict[str, set[int]] = {}
        last = ""
        for row in rows:
            prefix, band = row.prefix, row.band
            assert prefix, "a prefix has at least one digit"
            rows_of = self._of_all_bands if band is None else self._of_band.setdefault(band, {})
            others = rows_of.get(prefix)
            rows_of[prefix] = row if others is None else (row, *_as_tuple(others))
            if prefix == last:  # its lengths are known: rows come by prefix, one for each band
                continue
            last = prefix
            for digits in _HEADS:
                head = lengths.get(prefix[:digits])
                if head is None:
                    head = lengths[prefix[:digits]] = set()
                head.add(len(prefix))
        # The lengths to try for a number that begins with a head, longest first: those of the rows
        # that begin alike, and those of the rows that are a part of the head.
        self._lengths: dict[str, tuple[int, ...]] = {}
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for text, own in lengths.items():
            shorter = {end for end in range(1, len(text)) if self._has(text[:end])}
            found = tuple(sorted(own | shorter, reverse=True))
            self._lengths[text] = shared.setdefault(found, found)
        # Compiled; None: nothing is, or prefixes have other than digits.
        self.index = _native and _native.index_of(
            self._of_all_bands, self._of_band, FIRST_DAY, LAST_DAY
        )

    def _has(self, prefix: str) -> bool:
        return prefix in self._of_all_bands or any(
            prefix in rows for rows in self._of_band.values()
        )

    def find(self, destination: str, *, day: int, band: str | None) -> RateCardRow | None:
        """Return the row of the longest prefix of ``destination`` that has a price on that local
        day and in that band, or None."""
        if self.index is not None:
            row: RateCardRow | None = self.index.find(destination, day=day, band=band)
            return row
        return self.find_in_python(destination, day=day, band=band)

    def find_in_python(self, destination: str, *, day: int, band: str | None) -> RateCardRow | None:
        """Return what `find` returns, by nothing that is compiled."""
        lengths_of = self._lengths
        lengths = lengths_of.get(destination[:3])
        if lengths is None:
            lengths = lengths_of.get(destination[:2]) or lengths_of.get(destination[:1]) or ()
        # A row for a band is asked before one for all bands.
        of_band = None if band is None else self._of_band.get(band)
        of_all = self._of_all_bands
        for length in lengths:
            prefix = destination[:length]
            if of_band is not None:
                rows = of_band.get(prefix)
                if rows is not None and (row := _in_force(rows, day)) is not None:
                    return row
            if of_all:
                rows = of_all.get(prefix)
                if rows is not None and (row := _in_force(rows, day)) is not None:
                    return row
        return None


def _in_force(rows: Rows, day: int) -> RateCardRow | None:
    """Return the row that is in force on a day."""
    for row in _as_tuple(rows):
        if row.from_day <= day < row.to_day:
            return row
    return None


def _as_tuple(rows: Rows) -> tuple[RateCardRow, ...]:
    return rows if isinstance(rows, tuple) else (rows,)
