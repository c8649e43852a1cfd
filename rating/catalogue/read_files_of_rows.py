"""Reads `cards:` and `matrices:`, and the CSV files that their entries name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rating.catalogue.document import BandSet, Card, CardRow, Matrix, MatrixRow
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.read_card import read_rows
from rating.catalogue.read_matrix import MAX_DIMENSIONS, read_matrix_rows
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import Node
from rating.dimensions import ATTRIBUTE, FIELDS, is_dimension


class RowFiles:
    """The CSV files of a catalogue, as its entries ask for them."""

    def __init__(
        self, texts: Mapping[str, str], bands: Mapping[str, BandSet], errors: list[CatalogueError]
    ) -> None:
        """``texts``: of the CSV files, by name."""
        self._texts = texts
        self._bands = bands
        self._errors = errors
        self._named: set[str] = set()

    def read_cards(self, entries: list[Entry]) -> dict[str, Card]:
        """Return the rate cards by code."""
        cards: dict[str, Card] = {}
        for entry in entries:
            head = self._head(entry, ())
            if head is None:
                continue
            rows: tuple[CardRow, ...] = ()
            if head.file:
                text, bands = self._texts[head.file], self._names(head.bands)
                rows = read_rows(head.file, text, bands=bands, errors=self._errors)
            cards[entry.code] = Card(
                code=entry.code,
                currency=head.currency,
                unit=head.unit,
                bands=head.bands,
                rows=rows,
            )
        return cards

    def read_matrices(self, entries: list[Entry]) -> dict[str, Matrix]:
        """Return the matrices by code."""
        matrices: dict[str, Matrix] = {}
        for entry in entries:
            head = self._head(entry, ("dimensions",))
            if head is None:
                continue
            node = head.values.get("dimensions")
            dimensions = _read_dimensions(entry.reader, node, f"{entry.field}.dimensions")
            rows: tuple[MatrixRow, ...] = ()
            if head.file and dimensions:
                rows = read_matrix_rows(
                    head.file,
                    self._texts[head.file],
                    dimensions=dimensions,
                    bands=self._names(head.bands),
                    errors=self._errors,
                )
            matrices[entry.code] = Matrix(
                code=entry.code,
                currency=head.currency,
                unit=head.unit,
                bands=head.bands,
                dimensions=dimensions,
                rows=rows,
            )
        return matrices

    def complain_about_unnamed(self) -> None:
        """Note the files that no entry named, once all are read."""
        for file in sorted(self._texts):
            if file not in self._named:
                expected = "an entry of `cards:`, `matrices:` or `exchange_rates:` that names it"
                self._errors.append(CatalogueError(file, 1, "(file)", expected, "none"))

    def _head(self, entry: Entry, required: tuple[str, ...]) -> _Head | None:
        """Return what the entries of both sections have, or None where it is no mapping."""
        reader, field = entry.reader, entry.field
        values = reader.record(
            entry.node,
            field,
            required=("file", "currency", "unit", *required),
            optional=("bands",),
        )
        if values is None:
            return None
        currency = reader.currency(values.get("currency"), f"{field}.currency")
        unit = reader.text(values.get("unit"), f"{field}.unit")
        bands = None
        if "bands" in values:
            bands = reader.known(
                values["bands"],
                f"{field}.bands",
                among=self._bands,
                what="the code of a set of bands",
            )
        file = reader.known(
            values.get("file"),
            f"{field}.file",
            among=sorted(self._texts),
            what="a file of the catalogue",
        )
        self._named.add(file)
        return _Head(values, file, currency, unit, bands)

    def _names(self, bands: str | None) -> list[str]:
        return [band.code for band in self._bands[bands].bands] if bands else []


class _Head(NamedTuple):
    """What an entry says beside its rows."""

    values: dict[str, Node]
    file: str
    currency: str
    unit: str
    bands: str | None


def _read_dimensions(reader: Reader, node: Node | None, field: str) -> tuple[str, ...]:
    """Return the dimensions in the order in which they decide."""
    expected = f"a dimension: {', '.join(FIELDS)}, or {ATTRIBUTE} and the name of one"
    items = reader.items(node, field)
    if node is not None and len(items) > MAX_DIMENSIONS:
        reader.complain(
            node, field, expected=f"at most {MAX_DIMENSIONS} dimensions", found=str(len(items))
        )
        return ()
    dimensions: list[str] = []
    for item in items:
        name = reader.text(item, field, expected=expected)
        if name and not is_dimension(name):
            reader.complain(item, field, expected=expected, found=quoted(name))
        elif name in dimensions:
            reader.complain(item, field, expected="each dimension once", found=name)
        elif name:
            dimensions.append(name)
    return tuple(dimensions) if len(dimensions) == len(items) else ()
