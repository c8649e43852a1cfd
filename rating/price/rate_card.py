"""Rate card: a per-unit price for each destination prefix; the longest match wins."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rating.price.per_unit import PerUnitPrice

HEAD_DIGITS = 3
"""Digits by which rows are grouped; a country code has at most so many."""

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
            for head in (row.prefix[:digits] for digits in range(1, HEAD_DIGITS + 1)):
                lengths.setdefault(head, set()).add(len(row.prefix))
        # The lengths to try for a number that begins with so many digits, longest first: those of
        # the rows that begin alike, and those of the rows that are shorter than the head.
        self._lengths: dict[str, tuple[int, ...]] = {}
        for head, own in lengths.items():
            shorter = {len(head[:end]) for end in range(1, len(head)) if head[:end] in self._rows}
            self._lengths[head] = tuple(sorted(own | shorter, reverse=True))

    def find(self, destination: str, *, day: int, band: str | None) -> RateCardRow | None:
        """Return the row of the longest prefix of ``destination`` that has a price on that local
        day and in that band, or None."""
        rows_of, lengths_of = self._rows, self._lengths
        lengths = (
            lengths_of.get(destination[:3])
            or lengths_of.get(destination[:2])
            or lengths_of.get(destination[:1])
            or ()
        )
        for length in lengths:
            for row in rows_of.get(destination[:length], ()):
                if row.from_day <= day < row.to_day and (row.band is None or row.band == band):
                    return row
        return None
