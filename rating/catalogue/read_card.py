"""Reads the rows of a rate card from its CSV file."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from rating.catalogue.bounds import MAX_ROWS, Errors, Lines, too_many_rows
from rating.catalogue.document import CardRow
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.reader import date_of, number
from schemas.decimals import ZERO

REQUIRED_COLUMNS = (
    "prefix",
    "destination",
    "price",
    "per_units",
    "first_units",
    "following_units",
)
OPTIONAL_COLUMNS = ("connect_fee", "band", "valid_from", "valid_to")
COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
MAX_PREFIX_DIGITS = 15  # an E.164 number has no more

_EARLIEST = dt.date.min
_LATEST = dt.date.max

number_of = lru_cache(maxsize=4096)(number)  # a card of 170,000 rows has a few hundred prices
day_of = lru_cache(maxsize=4096)(date_of)


def read_rows(
    file: str, text: str, *, bands: Collection[str], errors: list[CatalogueError]
) -> tuple[CardRow, ...]:
    """Return the rows of a card, sorted; every error is added to ``errors`` with its line.

    ``bands`` are those that the band column may name.
    """
    errors_before = len(errors)
    numbered = numbered_records(file, text, errors)
    header = next(numbered, None)
    if header is None:
        expected = f"a first line with the columns {','.join(COLUMNS)}"
        errors.append(CatalogueError(file, 1, "(file)", expected, "nothing"))
        return ()
    columns = columns_of(file, *header, errors)
    if columns is None:
        return ()
    rows: list[tuple[int, CardRow]] = []
    reading = _Rows(file, columns, frozenset(bands), errors)
    for line, cells in numbered:
        if not cells:
            continue  # an empty line
        row = reading.row(line, cells)
        if row is not None:
            rows.append((line, row))
    if not rows and len(errors) == errors_before:
        errors.append(CatalogueError(file, 1, "(file)", "at least one row", "an empty card"))
    rows.sort(key=_order)
    _check_neighbours(file, rows, errors)
    if bands:
        _check_bands(file, rows, bands, errors)
    return tuple(row for _line, row in rows)


def numbered_records(
    file: str, text: str, errors: list[CatalogueError]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it begins on; a file that is no CSV ends there, and so
    does one of which there are enough errors."""
    bounded = Lines(file, text, errors)
    lines = csv.reader(bounded, strict=True)
    before = rows = 0
    while not (isinstance(errors, Errors) and errors.full):
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            errors.append(CatalogueError(file, before + 1, "(file)", "CSV", str(error)))
            return
        rows += 1
        if rows > MAX_ROWS + 1:  # the first is the header
            errors.append(too_many_rows(file, before + 1))
            return
        bounded.begin_record()
        yield before + 1, cells
        before = _line_number(lines)


def _line_number(lines: Iterator[list[str]]) -> int:
    line_number = getattr(lines, "line_num")  # noqa: B009 - the type of csv.reader has no name
    assert isinstance(line_number, int)
    return line_number


def columns_of(
    file: str,
    line: int,
    header: list[str],
    errors: list[CatalogueError],
    *,
    required: Sequence[str] = REQUIRED_COLUMNS,
) -> list[str] | None:
    """Return the names of the columns: those that are required, and perhaps `OPTIONAL_COLUMNS`; None
    after noting what is wrong with them."""
    names = [name.strip() for name in header]
    known = (*required, *OPTIONAL_COLUMNS)
    expected = f"the columns {','.join(known)}"
    wrong = [name for name in names if name not in known]
    wrong += sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in required if name not in names]
    if wrong:
        errors.append(CatalogueError(file, line, "(header)", expected, quoted(",".join(wrong))))
    elif missing:
        found = f"none named {', '.join(missing)}"
        errors.append(CatalogueError(file, line, "(header)", expected, found))
    return None if wrong or missing else names


class _Rows:
    """Turns the cells of a record into a row."""

    def __init__(
        self, file: str, columns: list[str], bands: frozenset[str], errors: list[CatalogueError]
    ) -> None:
        self._file = file
        self._columns = columns
        self._bands = bands
        self._errors = errors
        self._positions = [columns.index(name) if name in columns else None for name in COLUMNS]

    def row(self, line: int, cells: list[str]) -> CardRow | None:
        """Return the row, or None after noting all that is wrong with it."""
        if len(cells) != len(self._columns):
            self._complain(line, "(row)", f"{len(self._columns)} columns", str(len(cells)))
            return None
        texts = ["" if at is None else cells[at].strip() for at in self._positions]
        prefix, destination, price, per, first, following, fee, band, since, until = texts
        amount, fee_amount = number_of(price), number_of(fee) if fee else ZERO
        per_units, first_units, following_units = (
            number_of(per),
            number_of(first),
            number_of(following),
        )
        valid_from = day_of(since) if since else None
        valid_to = day_of(until) if until else None
        if (
            amount is None
            or fee_amount is None
            or not per_units
            or not first_units
            or not following_units
            or (since and valid_from is None)
            or (until and valid_to is None)
            or (band and band not in self._bands)
            or not destination
            or "\0" in destination
            or not is_prefix(prefix)
            or (valid_from and valid_to and valid_from >= valid_to)
        ):
            self._complain_about(line, texts)
            return None
        return CardRow(
            prefix,
            destination,
            amount,
            per_units,
            first_units,
            following_units,
            fee_amount,
            band or None,
            valid_from,
            valid_to,
        )

    def _complain_about(self, line: int, texts: list[str]) -> None:
        """Note each cell that is wrong; slow, and only for rows that are."""
        for name, text in zip(COLUMNS, texts, strict=True):
            expected = expected_in(name, text, self._bands)
            if expected:
                self._complain(line, name, expected, quoted(text))
        since, until = day_of(texts[8]), day_of(texts[9])
        if since and until and since >= until:
            self._complain(line, "valid_to", f"a date after {since}", quoted(texts[9]))

    def _complain(self, line: int, field: str, expected: str, found: str) -> None:
        self._errors.append(CatalogueError(self._file, line, field, expected, found))


def expected_in(column: str, text: str, bands: Collection[str]) -> str | None:
    """Return what a column wants, where ``text`` is not it."""
    match column:
        case "prefix":
            wanted = f"1 to {MAX_PREFIX_DIGITS} digits without a plus"
            return None if is_prefix(text) else wanted
        case "destination":
            return None if text and "\0" not in text else "the name of the destination"
        case "price":
            return None if number_of(text) is not None else "an amount such as 0.0150"
        case "connect_fee":
            fine = not text or number_of(text) is not None
            return None if fine else "an amount such as 0.05, or nothing"
        case "band":
            names = ", ".join(sorted(bands)) or "nothing: the card names no bands"
            return None if not text or text in bands else names
        case "valid_from" | "valid_to":
            fine = not text or day_of(text) is not None
            return None if fine else "a date such as 2026-10-01, or nothing"
        case _:
            return None if number_of(text) else "a number above zero"


def is_prefix(text: str) -> bool:
    """Return whether a text is digits that a number may begin with."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_PREFIX_DIGITS


def _order(numbered: tuple[int, CardRow]) -> tuple[str, str, dt.date, int]:
    line, row = numbered
    return row.prefix, row.band or "", row.valid_from or _EARLIEST, line


def _check_neighbours(
    file: str, rows: Iterable[tuple[int, CardRow]], errors: list[CatalogueError]
) -> None:
    """Note rows of one prefix and band that are valid at the same time. They are sorted, so the
    one that reaches furthest is all that a row has to be compared with."""
    last_line, last = 0, None
    for line, row in rows:
        if last is not None and (last.prefix, last.band) == (row.prefix, row.band):
            if (last.valid_to or _LATEST) > (row.valid_from or _EARLIEST):
                errors.append(
                    CatalogueError(
                        file,
                        line,
                        "prefix",
                        "each prefix once at a time",
                        f"{row.prefix} again, also valid on line {last_line}",
                    )
                )
            if (row.valid_to or _LATEST) < (last.valid_to or _LATEST):
                continue
        last_line, last = line, row


def _check_bands(
    file: str,
    rows: Iterable[tuple[int, CardRow]],
    bands: Collection[str],
    errors: list[CatalogueError],
) -> None:
    """Note prefixes that have a price in some bands only: a shorter prefix would fill the gap."""
    found: dict[str, set[str | None]] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        found.setdefault(row.prefix, set()).add(row.band)
        lines.setdefault(row.prefix, line)
    for prefix, names in found.items():
        missing = sorted(set(bands) - {name for name in names if name})
        if None not in names and missing:
            errors.append(
                CatalogueError(
                    file,
                    lines[prefix],
                    "band",
                    "a row for each band, or one without a band",
                    f"none of {prefix} for {', '.join(missing)}",
                )
            )
