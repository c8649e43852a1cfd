"""The short way of an ordinary row: what `_RowReader` of `delimited.py` gives, in a third of the time.

Nothing is decided here. A row with anything that is not ordinary (an empty cell that is needed, an
hour in which the clocks change, a number with a sign) gets no answer, and goes the full way, which
says what a row means. That both give the same item is a law (`test_mediation_decode_laws.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from operator import itemgetter

import msgspec

from mediation.decode.delimited_mapping import LearnZone, QuantityRule
from mediation.decode.item import DecodedItem
from mediation.decode.local_time import PrintedMinutes, WallClock, learnt_offset_ms
from schemas.refusal import Refused

Row = list[str]
Quantity = Decimal | Refused | None
OrdinaryRow = Callable[[Row, int, WallClock | None], DecodedItem | None]
"""Reads a padded row, given how many of its cells are its own; None: go the full way."""

TextAt = tuple[int, tuple[str, ...]]
NO_TEXT: TextAt = (-1, ())  # the last cell of a padded row is empty

_REMEMBERED = 10_000  # quantities of one column, about a megabyte
_LONGEST_REMEMBERED = 20  # characters
_pack = msgspec.msgpack.Encoder().encode


class Quantities(dict[str, Quantity]):
    """The quantities of the texts of one column; usage repeats the small ones."""

    def __init__(self, read: Callable[[str], Quantity]) -> None:
        self._read = read

    def __missing__(self, text: str) -> Quantity:
        """Return the quantity of a text that is not remembered."""
        quantity = self._read(text)
        if len(text) <= _LONGEST_REMEMBERED and isinstance(quantity, Decimal):
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = quantity
        return quantity


class Columns(msgspec.Struct, frozen=True):
    """Where a mapping's columns stand in a row."""

    started_at: tuple[int, ...]
    ended_at: tuple[int, ...]
    identity: tuple[tuple[int, ...], ...]
    identifiers: tuple[int, ...]
    quantities: tuple[tuple[QuantityRule, int], ...]
    texts: tuple[TextAt, TextAt, TextAt]  # origin, destination, service class
    attributes: tuple[tuple[str, int], ...]
    allowed: tuple[tuple[int, frozenset[str]], ...]
    ignore: tuple[tuple[int, frozenset[str]], ...]
    content: tuple[int, ...]
    product: int  # -1: the same for every row
    learn: tuple[int, int]  # column with the instant, column with the wall clock


def ordinary_row(
    columns: Columns,
    *,
    products: dict[str, str],
    product_otherwise: str | None,
    usage_kind: str,
    learn_zone: LearnZone | None,
    content_version: int,
    quantity_of_text: Callable[[QuantityRule, str], Quantity],
    full_record_id: Callable[[Row, int], str | Refused],
) -> OrdinaryRow:
    """Return the reader of ordinary rows; its first time format must be `iso_time`.

    A closure and not a class: what it needs are local names, which are read in no time.
    """
    wall_ms = PrintedMinutes(lambda wall_ms: wall_ms).ms
    started_at, ended_at = _first_of(columns.started_at), _first_of(columns.ended_at)
    one_id = columns.identity[0][0] if columns.identity and len(columns.identity[0]) == 1 else -1
    identifiers_of = cells_of(columns.identifiers)
    content_of = cells_of(columns.content)
    attribute_names = tuple(name for name, _ in columns.attributes)
    attributes_of = cells_of(tuple(at for _, at in columns.attributes))
    quantity_columns = [
        (rule.unit, at, Quantities(partial(quantity_of_text, rule)))
        for rule, at in columns.quantities
    ]
    (origin_at, origin_strip), (destination_at, destination_strip), (class_at, class_strip) = (
        columns.texts
    )
    allowed, ignore, product_at = columns.allowed, columns.ignore, columns.product
    learn_at, against_at = columns.learn

    def offset_of(row: Row, started_ms: int) -> int | None:
        """Return the offset that the row tells by itself, where it tells one beyond doubt."""
        assert learn_zone is not None
        found = learn_zone.pattern.search(row[learn_at])
        if found is None:
            return None
        seconds, against_ms = found[1], wall_ms(row[against_at])
        if against_ms is None or started_ms < against_ms:
            return None
        if not seconds or len(seconds) > 12 or not (seconds.isascii() and seconds.isdigit()):
            return None
        return learnt_offset_ms(against_ms, int(seconds) * 1000, within_ms=learn_zone.within_ms)

    def read(row: Row, cells: int, clock: WallClock | None) -> DecodedItem | None:
        for at, values in ignore:
            if row[at] in values:
                return None
        for at, values in allowed:
            if row[at] not in values:
                return None
        started_text, ended_text = started_at(row), ended_at(row)
        ended_ms: int | None = None
        if learn_zone is None:
            if clock is None:
                return None
            started_ms = clock.printed.ms(started_text)
            if ended_text:
                ended_ms = clock.printed.ms(ended_text)
        else:
            started_ms = wall_ms(started_text)
            offset = None if started_ms is None else offset_of(row, started_ms)
            if started_ms is None or offset is None:
                return None
            started_ms -= offset
            if ended_text:
                ended_ms = wall_ms(ended_text)
                ended_ms = None if ended_ms is None else ended_ms - offset
        if started_ms is None:
            return None
        if ended_text and (ended_ms is None or ended_ms < started_ms):
            return None
        quantities: dict[str, Decimal] = {}
        for unit, at, known in quantity_columns:
            quantity = known[row[at]]
            if type(quantity) is not Decimal:
                return None
            quantities[unit] = quantity
        product = product_otherwise
        if product_at >= 0:
            product = products.get(row[product_at], product_otherwise)
        if product is None:
            return None
        record_id = row[one_id] if one_id >= 0 else ""
        if not record_id or "/" in record_id or "~" in record_id:
            made = full_record_id(row, cells)
            if isinstance(made, Refused):
                return None
            record_id = made
        identifiers = identifiers_of(row)
        if not all(identifiers):
            identifiers = tuple(filter(None, identifiers))
            if not identifiers:
                return None
        origin, destination = row[origin_at], row[destination_at]
        if origin.startswith(origin_strip):
            origin = without_prefix(origin, origin_strip)
        if destination.startswith(destination_strip):
            destination = without_prefix(destination, destination_strip)
        service_class = row[class_at]
        if service_class.startswith(class_strip):
            service_class = without_prefix(service_class, class_strip)
        attributes = dict(zip(attribute_names, attributes_of(row), strict=True))
        if not all(attributes.values()):
            attributes = {name: text for name, text in attributes.items() if text}
        return DecodedItem(
            record_id,
            identifiers,
            started_ms,
            ended_ms,
            product,
            usage_kind,
            quantities,
            origin or None,
            destination or None,
            service_class or None,
            attributes,
            _pack(content_of(row)),
            content_version,
        )

    return read


def without_prefix(text: str, prefixes: tuple[str, ...]) -> str:
    """Return a text without the first of the prefixes that it begins with."""
    for prefix in prefixes:
        if text.startswith(prefix):
            return text[len(prefix) :]
    return text


def cells_of(columns: tuple[int, ...]) -> Callable[[Row], tuple[str, ...]]:
    """Return what takes the cells of some columns out of a row."""
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda row: tuple([row[at] for at in columns])


def _first_of(columns: tuple[int, ...]) -> Callable[[Row], str]:
    """Return what finds the first cell of some columns that is not empty; else it is empty."""

    def first(row: Row) -> str:
        for at in columns:
            if row[at]:
                return row[at]
        return ""

    return first if len(columns) != 1 else itemgetter(columns[0])
