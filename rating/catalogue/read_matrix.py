"""Reads the rows of a matrix from its CSV file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from itertools import groupby

from rating.catalogue.document import MatrixRow
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.read_card import (
    MAX_PREFIX_DIGITS,
    OPTIONAL_COLUMNS,
    columns_of,
    day_of,
    expected_in,
    is_prefix,
    number_of,
    numbered_records,
)
from rating.dimensions import holds_prefixes
from schemas.decimals import ZERO

NAME_AND_PRICE = ("name", "price", "per_units", "first_units", "following_units")
"""The columns that are required beside those of the dimensions."""

MAX_DIMENSIONS = 4
MAX_VALUE_CHARACTERS = 64  # of a service class or an attribute; more is text, not a class of it

_PRICE_COLUMNS = (*NAME_AND_PRICE, *OPTIONAL_COLUMNS)
_EARLIEST = dt.date.min
_LATEST = dt.date.max

Numbered = tuple[int, MatrixRow]
"""A row with its line."""


def read_matrix_rows(
    file: str,
    text: str,
    *,
    dimensions: tuple[str, ...],
    bands: Collection[str],
    errors: list[CatalogueError],
) -> tuple[MatrixRow, ...]:
    """Return the rows of a matrix, sorted; every error is added to ``errors`` with its line.

    ``bands`` are those that the band column may name.
    """
    errors_before = len(errors)
    records = numbered_records(file, text, errors)
    header = next(records, None)
    required = (*dimensions, *NAME_AND_PRICE)
    if header is None:
        expected = f"a first line with the columns {','.join((*required, *OPTIONAL_COLUMNS))}"
        errors.append(CatalogueError(file, 1, "(file)", expected, "nothing"))
        return ()
    columns = columns_of(file, *header, errors, required=required)
    if columns is None:
        return ()
    reading = _Rows(file, columns, dimensions, frozenset(bands), errors)
    rows: list[Numbered] = []
    for line, cells in records:
        if not cells:
            continue  # an empty line
        row = reading.row(line, cells)
        if row is not None:
            rows.append((line, row))
    if len(errors) == errors_before:
        errors += _idle_dimensions(file, header[0], dimensions, rows)
        if not rows:
            errors.append(CatalogueError(file, 1, "(file)", "at least one row", "an empty matrix"))
    rows.sort(key=_order)
    for _values, group in groupby(rows, key=lambda numbered: numbered[1].values):
        _check_combination(file, list(group), sorted(bands), errors)
    return tuple(row for _line, row in rows)


class _Rows:
    """Turns the cells of a record into a row."""

    def __init__(
        self,
        file: str,
        columns: list[str],
        dimensions: tuple[str, ...],
        bands: frozenset[str],
        errors: list[CatalogueError],
    ) -> None:
        self._file = file
        self._columns = columns
        self._dimensions = dimensions
        self._bands = bands
        self._errors = errors
        self._values_at = [columns.index(name) for name in dimensions]
        self._at = [columns.index(name) if name in columns else None for name in _PRICE_COLUMNS]

    def row(self, line: int, cells: list[str]) -> MatrixRow | None:
        """Return the row, or None after noting all that is wrong with it."""
        if len(cells) != len(self._columns):
            self._complain(line, "(row)", f"{len(self._columns)} columns", str(len(cells)))
            return None
        values = tuple([cells[at].strip() for at in self._values_at])
        texts = ["" if at is None else cells[at].strip() for at in self._at]
        if self._complains(line, values, texts):
            return None
        name, price, per, first, following, fee, band, since, until = texts
        stated = [number_of(text) for text in (price, per, first, following)]
        amount, per_units, first_units, following_units = [each or ZERO for each in stated]
        return MatrixRow(
            values,
            name,
            amount,
            per_units,
            first_units,
            following_units,
            (number_of(fee) if fee else None) or ZERO,
            band or None,
            day_of(since) if since else None,
            day_of(until) if until else None,
        )

    def _complains(self, line: int, values: tuple[str, ...], texts: list[str]) -> bool:
        """Note each cell that is wrong, and return whether one is."""
        before = len(self._errors)
        for dimension, value in zip(self._dimensions, values, strict=True):
            if value:
                self._note(line, dimension, value, _expected_value(dimension, value))
        for name, text in zip(_PRICE_COLUMNS, texts, strict=True):
            if name == "name":
                self._note(line, name, text, None if text else "the name of the combination")
            elif name == "band" and text and not self._bands:
                self._note(line, name, text, "nothing: the matrix names no bands")
            else:
                self._note(line, name, text, expected_in(name, text, self._bands))
        since, until = day_of(texts[-2]), day_of(texts[-1])
        if since and until and since >= until:
            self._note(line, "valid_to", texts[-1], f"a date after {since}")
        return len(self._errors) > before

    def _note(self, line: int, field: str, text: str, expected: str | None) -> None:
        if expected:
            self._complain(line, field, expected, quoted(text))

    def _complain(self, line: int, field: str, expected: str, found: str) -> None:
        self._errors.append(CatalogueError(self._file, line, field, expected, found))


def _expected_value(dimension: str, value: str) -> str | None:
    """Return what a dimension wants, where ``value`` is not it."""
    if holds_prefixes(dimension):
        wanted = f"1 to {MAX_PREFIX_DIGITS} digits without a plus, or nothing for any number"
        return None if is_prefix(value) else wanted
    fine = len(value) <= MAX_VALUE_CHARACTERS and "\0" not in value
    return None if fine else f"at most {MAX_VALUE_CHARACTERS} characters, or nothing for any"


def _order(numbered: Numbered) -> tuple[tuple[str, ...], str, dt.date, int]:
    line, row = numbered
    return row.values, row.band or "", row.valid_from or _EARLIEST, line


def _check_combination(
    file: str, rows: list[Numbered], bands: list[str], errors: list[CatalogueError]
) -> None:
    """Note what is wrong with the rows of one combination: any two rows that an event fits, and that
    are as specific, are of one combination, so nothing else can tie."""
    errors += _ties(file, rows)
    of_band = [numbered for numbered in rows if numbered[1].band is not None]
    of_all = [numbered for numbered in rows if numbered[1].band is None]
    missing = sorted(set(bands) - {row.band for _, row in of_band if row.band})
    if of_band and missing and not of_all:
        expected = "a row for each band, or one without a band"
        found = f"none of the combination for {', '.join(missing)}"
        errors.append(CatalogueError(file, rows[0][0], "band", expected, found))
    if bands and not missing:
        for line, row in of_all:
            if _is_hidden(row, [each for _, each in of_band], bands):
                lines = ", ".join(str(other) for other, _ in of_band)
                expected = "a row that some hour reaches"
                found = f"rows of the combination for every band, on the lines {lines}"
                errors.append(CatalogueError(file, line, "band", expected, found))


def _ties(file: str, rows: list[Numbered]) -> Iterator[CatalogueError]:
    """Yield the rows that are valid in a band at the same time as an earlier one. They are sorted, so
    the one that reaches furthest is all that a row has to be compared with."""
    last_line, last = 0, None
    for line, row in rows:
        if last is not None and last.band == row.band:
            if (last.valid_to or _LATEST) > (row.valid_from or _EARLIEST):
                expected = "each combination once at a time"
                found = f"the same again, also valid on line {last_line}"
                yield CatalogueError(file, line, "(row)", expected, found)
            if (row.valid_to or _LATEST) < (last.valid_to or _LATEST):
                continue
        last_line, last = line, row


def _is_hidden(row: MatrixRow, of_band: list[MatrixRow], bands: list[str]) -> bool:
    """Return whether a row for all bands is never asked: on each of its days every band has its own.
    That can only change on a day on which one of them begins or ends."""
    start, end = row.valid_from or _EARLIEST, row.valid_to or _LATEST
    edges = {each.valid_from for each in of_band} | {each.valid_to for each in of_band}
    days = {start, *(day for day in edges if day is not None and start < day < end)}
    return all(
        any(
            each.band == band and (each.valid_from or _EARLIEST) <= day < (each.valid_to or _LATEST)
            for each in of_band
        )
        for day in days
        for band in bands
    )


def _idle_dimensions(
    file: str, line: int, dimensions: tuple[str, ...], rows: list[Numbered]
) -> Iterator[CatalogueError]:
    for place, dimension in enumerate(dimensions):
        if rows and not any(row.values[place] for _, row in rows):
            expected = "a value on some row, or no such dimension"
            yield CatalogueError(file, line, dimension, expected, "nothing on all of them")
