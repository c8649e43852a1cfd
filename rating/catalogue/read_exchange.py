"""Reads `exchange_rates:`: what one currency is worth in another, from day to day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from rating.catalogue.document import ExchangeRate, ExchangeTable
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.read_card import numbered_records
from rating.catalogue.reader import Entry, Reader, date_of, number
from rating.catalogue.yaml_tree import Node

COLUMNS = ("valid_from", "rate")
_DATE = "a date such as 2026-10-01"
_RATE = "a rate above zero such as 0.9215"


class _Stated(NamedTuple):
    """A rate, and where it stands."""

    file: str
    line: int
    field: str
    since: str
    rate: str


def read_exchange_rates(
    entries: list[Entry], texts: Mapping[str, str], errors: list[CatalogueError]
) -> tuple[dict[str, ExchangeTable], set[str]]:
    """Return the tables by code, and the files that they name."""
    tables, files = {}, set()
    for reader, code, node, field in entries:
        values = reader.record(node, field, required=("from", "to"), optional=("rates", "file"))
        if values is None:
            continue
        source = reader.currency(values.get("from"), f"{field}.from")
        target = reader.currency(values.get("to"), f"{field}.to")
        if source and source == target:
            reader.complain(
                values["to"], f"{field}.to", expected="another currency", found=quoted(target)
            )
        if ("rates" in values) == ("file" in values):
            which = "both" if "rates" in values else "neither"
            reader.complain(node, field, expected="either rates, or a file", found=which)
            continue
        if "rates" in values:
            stated = [*_listed(reader, values, field)]
        else:
            files_of_rates = [name for name in texts if name.endswith(".csv")]
            file = reader.known(
                *(values["file"], f"{field}.file"),
                among=files_of_rates,
                what="a file of the catalogue",
            )
            files.add(file)
            stated = [*_rows(file, texts[file], errors)] if file else []
            if file and not stated and not any(error.file == file for error in errors):
                errors.append(CatalogueError(file, 1, "(file)", "at least one rate", "none"))
        rates = tuple(_checked(stated, errors))
        tables[code] = ExchangeTable(
            code=code, from_currency=source, to_currency=target, rates=rates
        )
    return tables, files


def _listed(reader: Reader, values: Mapping[str, Node], field: str) -> Iterator[_Stated]:
    for index, item in enumerate(reader.items(values["rates"], f"{field}.rates")):
        at = f"{field}.rates[{index + 1}]"
        found = reader.record(item, at, required=COLUMNS)
        if found is None or len(found) < len(COLUMNS):
            continue
        since, rate = (
            reader.text(found[name], f"{at}.{name}", expected=expected)
            for name, expected in zip(COLUMNS, (_DATE, _RATE), strict=True)
        )
        if since and rate:
            yield _Stated(reader.file, item.line, at, since, rate)


def _rows(file: str, text: str, errors: list[CatalogueError]) -> Iterator[_Stated]:
    lines = numbered_records(file, text, errors)
    _, header = next(lines, (1, []))
    if tuple(name.strip() for name in header) != COLUMNS:
        expected = f"a first line with the columns {','.join(COLUMNS)}"
        errors.append(CatalogueError(file, 1, "(header)", expected, quoted(",".join(header))))
        return
    for line, cells in lines:
        if not cells:
            continue
        if len(cells) != len(COLUMNS):
            errors.append(CatalogueError(file, line, "(row)", "2 columns", str(len(cells))))
            continue
        since, rate = (cell.strip() for cell in cells)
        yield _Stated(file, line, "(row)", since, rate)


def _checked(stated: Iterable[_Stated], errors: list[CatalogueError]) -> Iterator[ExchangeRate]:
    """Yield the rates that are right; they rise by their dates."""
    before: dt.date | None = None
    for one in stated:
        since, rate = date_of(one.since), number(one.rate)

        def complain(column: str, expected: str, found: str, one: _Stated = one) -> None:
            name = column if one.field == "(row)" else f"{one.field}.{column}"
            errors.append(CatalogueError(one.file, one.line, name, expected, quoted(found)))

        if since is None:
            complain("valid_from", _DATE, one.since)
        elif before is not None and since <= before:
            complain("valid_from", f"a date after the one before it, {before}", one.since)
        if not rate:
            complain("rate", _RATE, one.rate)
        before = since or before
        if since is not None and rate:
            yield ExchangeRate(since, rate)
