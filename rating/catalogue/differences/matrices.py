"""What differs in matrices: their heads, and each row by its cells, its band and its first day."""

from __future__ import annotations

from collections.abc import Iterator

from rating.catalogue.differences.dates import said_day
from rating.catalogue.differences.difference import Difference
from rating.catalogue.differences.parts import Part, changes, described, money, price, words
from rating.catalogue.differences.things import by_parts, of_change, whole
from rating.catalogue.document import CatalogueDocument, Matrix, MatrixRow
from schemas.decimals import to_text


def matrix_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in matrices, in the order of their codes."""
    olds, news = ({each.code: each for each in one.matrices} for one in (old, new))
    for code in sorted(olds.keys() | news.keys()):
        was, is_now = olds.get(code), news.get(code)
        at, thing = f"matrices.{code}", f"matrix {code}"
        if was is None or is_now is None:
            yield whole(at, thing, _whole(was), _whole(is_now))
            continue
        for change in changes(_head(was), _head(is_now)):
            yield of_change(at, thing, change)
        before, after = _rows(was), _rows(is_now)

        def row_named(key: str, thing: str = thing) -> str:
            return f"{thing}, {key}"

        def parts(row: MatrixRow, matrix: Matrix = is_now) -> list[Part]:
            return _row(matrix, row)

        yield from by_parts(at, before, after, row_named, parts)


def _whole(matrix: Matrix | None) -> str | None:
    if matrix is None:
        return None
    return f"{described(_head(matrix))}, {len(matrix.rows):,} rows"


def _head(matrix: Matrix) -> list[Part]:
    return [
        words("currency", matrix.currency),
        words("unit", matrix.unit),
        words("by", ", then ".join(matrix.dimensions)),
        words("bands", matrix.bands or ""),
    ]


def _rows(matrix: Matrix) -> dict[str, MatrixRow]:
    """Return the rows by what they are for: the cells that say something, the band, the first day."""
    found = {}
    for row in matrix.rows:
        # Sorted: where only the order of the dimensions changes, the rows are the same.
        cells = sorted(
            f"{dimension} {value}"
            for dimension, value in zip(matrix.dimensions, row.values, strict=True)
            if value
        ) or ["whatever the event"]
        since = [f"from {said_day(row.valid_from)}"] if row.valid_from else []
        found[", ".join((*cells, *([row.band] if row.band else []), *since))] = row
    return found


def _row(matrix: Matrix, row: MatrixRow) -> list[Part]:
    steps = f"{to_text(row.first_units)}/{to_text(row.following_units)}"
    return [
        words("name", row.name),
        price("price", row.amount, row.per_units, currency=matrix.currency, unit=matrix.unit),
        words("increments", steps),
        money("connect fee", row.connect_fee or None, matrix.currency),
        words("until", said_day(row.valid_to) if row.valid_to else ""),
    ]
