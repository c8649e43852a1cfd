"""Rate card: a per-unit price for each destination prefix; the longest match wins."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rating.price.per_unit import PerUnitPrice

_HEADS = (3, 2, 1)
"""How many leading digits rows are grouped by, to know which lengths of prefix to try. With more
digits there are fewer to try, but more memory to wait for: slower on a card of 170,000 rows."""

FIRST_DAY = -(10**9)
LAST_DAY = 10**9


class RateCardRow(msgspec.Struct, frozen=True, gc=False):
    """The price of one destination, in one band or in all, for [from_day, to_day)."""

    prefix: str
    destination: str
    price: PerUnitPrice
    band: str | None = None  # None: whatever the band
    from_day: int = FIRST_DAY  # local days since 1 January 1970
    to_day: int = LAST_DAY  # exclusive


class RateCard:
    """The rows of a card, found by prefix. Immutable once built."""

    __slots__ = ("_lengths", "_rows", "code")

    def __init__(self, code: str, rows: Iterable[RateCardRow]) -> None:
        self.code = code
        self._rows: dict[str, tuple[RateCardRow, ...]] = {}
        lengths: dict[str, set[int]] = {}
        for row in rows:
            assert row.prefix, "a prefix has at least one digit"
            others = self._rows.get(row.prefix, ())
            # A row for a band is asked before one for all bands.
            self._rows[row.prefix] = (row, *others) if row.band else (*others, row)
            for digits in _HEADS:
                lengths.setdefault(row.prefix[:digits], set()).add(len(row.prefix))
        # The lengths to try for a number that begins with a head, longest first: those of the rows
        # that begin alike, and those of the rows that are a part of the head.
        self._lengths: dict[str, tuple[int, ...]] = {}
        shared: dict[tuple[int, ...], tuple[int, ...]] = {}
        for head, own in lengths.items():
            shorter = {end for end in range(1, len(head)) if head[:end] in self._rows}
            found = tuple(sorted(own | shorter, reverse=True))
            self._lengths[head] = shared.setdefault(found, found)

    def find(self, destination: str, *, day: int, band: str | None) -> RateCardRow | None:
        """Return the row of the longest prefix of ``destination`` that has a price on that local
        day and in that band, or None."""
        lengths_of, rows_of = self._lengths, self._rows
        lengths = lengths_of.get(destination[:3])
        if lengths is None:
            lengths = lengths_of.get(destination[:2]) or lengths_of.get(destination[:1]) or ()
        for length in lengths:
            rows = rows_of.get(destination[:length])
            if rows is not None:
                for row in rows:
                    if row.from_day <= day < row.to_day and (row.band is None or row.band == band):
                        return row
        return None
