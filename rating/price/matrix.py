"""Matrix: a per-unit price for each combination of what an event says; the most specific one wins.

Which is more specific is asked dimension by dimension, in the order in which the matrix states them: of the
first, the longest prefix, or the value itself before any; of rows alike in it, the second; and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import FIRST_DAY, LAST_DAY

ANY = ""
"""In a row: whatever the event says, also where it says nothing."""


class MatrixRow(msgspec.Struct, frozen=True, gc=False):
    """The price of one combination, in one band or in all, for [from_day, to_day)."""

    values: tuple[str, ...]  # one for each dimension; `ANY`
    name: str
    price: PerUnitPrice
    band: str | None = None  # None: whatever the band
    from_day: int = FIRST_DAY  # local days since 1 January 1970
    to_day: int = LAST_DAY  # exclusive


class _Branch:
    """Rows that differ in a dimension, by their value in it."""

    __slots__ = ("by_value", "lengths")

    def __init__(self, by_value: dict[str, _Found]) -> None:
        self.by_value = by_value
        # Those of prefixes, longest first: `ANY` is a prefix of every number, of no digits.
        self.lengths = tuple(sorted({len(value) for value in by_value}, reverse=True))


_Rows = MatrixRow | tuple[MatrixRow, ...]
"""Those of one combination, by band and date; most have one row, and a tuple of one is memory to wait
for."""

_Found = _Branch | _Rows
"""A combination that nothing is alike with needs no branches: its row is compared as a whole."""


class Matrix:
    """The rows of a matrix, found by what an event says in each dimension. Immutable once built."""

    __slots__ = ("_are_prefixes", "_root", "code")

    def __init__(self, code: str, are_prefixes: Sequence[bool], rows: Iterable[MatrixRow]) -> None:
        """``are_prefixes``: of each dimension, whether its values are prefixes of what an event says
        in it; the first is the first to decide."""
        assert are_prefixes, "at least one dimension"
        self.code = code
        self._are_prefixes = tuple(are_prefixes)
        combined: dict[tuple[str, ...], _Rows] = {}
        for row in rows:
            assert len(row.values) == len(are_prefixes), "a value for each dimension"
            others = combined.get(row.values)
            combined[row.values] = row if others is None else (row, *_as_tuple(others))
        self._root = self._grown(list(combined.values()), 0)

    def _grown(self, combinations: list[_Rows], place: int) -> _Found:
        """Return what finds the rows that are alike in the dimensions before ``place``."""
        if len(combinations) == 1:
            return combinations[0]
        groups: dict[str, list[_Rows]] = {}
        for rows in combinations:
            groups.setdefault(_values(rows)[place], []).append(rows)
        return _Branch({value: self._grown(group, place + 1) for value, group in groups.items()})

    def find(self, said: Sequence[str], *, day: int, band: str | None) -> MatrixRow | None:
        """Return the most specific row that has a price on that local day and in that band, or None.

        ``said``: what the event says in each dimension; the empty text where it says nothing.
        """
        return self._find(self._root, 0, said, day, band)

    def _find(
        self, found: _Found, place: int, said: Sequence[str], day: int, band: str | None
    ) -> MatrixRow | None:
        if not isinstance(found, _Branch):
            return self._fitting(found, place, said, day, band)
        value = said[place]
        for key in self._keys(found, place, value):
            below = found.by_value.get(key)
            if below is not None:
                row = self._find(below, place + 1, said, day, band)
                if row is not None:
                    return row
        return None

    def _keys(self, branch: _Branch, place: int, value: str) -> list[str]:
        """Return what rows may have in a dimension to hold for an event, the most specific first."""
        if self._are_prefixes[place]:
            size = len(value)
            return [value[:length] for length in branch.lengths if length <= size]
        return [value, ANY] if value else [ANY]

    def _fitting(
        self, rows: _Rows, place: int, said: Sequence[str], day: int, band: str | None
    ) -> MatrixRow | None:
        """Return the row of one combination that holds, where the combination does from ``place`` on."""
        values = _values(rows)
        for at in range(place, len(values)):
            value = values[at]
            if value and not (
                said[at].startswith(value) if self._are_prefixes[at] else said[at] == value
            ):
                return None
        of_all_bands = None
        for row in _as_tuple(rows):
            if row.from_day <= day < row.to_day:
                if row.band is None:
                    of_all_bands = row
                elif row.band == band:
                    return row  # before one for all bands
        return of_all_bands


def _values(rows: _Rows) -> tuple[str, ...]:
    return rows[0].values if isinstance(rows, tuple) else rows.values


def _as_tuple(rows: _Rows) -> tuple[MatrixRow, ...]:
    return rows if isinstance(rows, tuple) else (rows,)
