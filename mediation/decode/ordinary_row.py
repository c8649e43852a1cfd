"""The short way of an ordinary row: what `_RowReader` of `delimited.py` gives, in a third of the time.

Nothing is decided here. A row with anything that is not ordinary (an empty cell that is needed, an
hour in which the clocks change, a number with a sign) gets no answer, and goes the full way, which
says what a row means. That both give the same item is a law (`test_mediation_decode_laws.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

import msgspec

from mediation.decode.delimited_mapping import LearnZone, QuantityRule
from mediation.decode.item import DecodedItem
from mediation.decode.local_time import (
    SECONDS_MS,
    PrintedMinutes,
    WallClock,
    learnt_offset_ms,
)
from mediation.decode.quantity import PLAIN_DIGITS
from mediation.decode.written_number import is_separated, without, without_prefix
from schemas.refusal import Refused

_SECONDS_BEHIND = re.compile(
    r"\(\?:\^\|(-|_|:|,|/)\)\(\[0-9\]\{([0-9]+),([0-9]+)\}\)\\\.\[0-9\]\+\$"
)

Row = list[str]
Quantity = Decimal | Refused | None
OrdinaryRow = Callable[[Row, int, WallClock | None], DecodedItem | None]
"""Reads a padded row, given how many of its cells are its own; None: go the full way."""

OffsetOf = Callable[[str, str, int], int | None]
"""Tells the offset of a wall clock by the cells that tell it, and by what the clock showed; or not."""

# Its column, remove, strip, what says whether it is a number with separators.
TextAt = tuple[int, tuple[str, ...], tuple[str, ...], Callable[[str], bool]]
NO_TEXT: TextAt = (-1, (), (), is_separated)  # the last cell of a padded row is empty

_MOST_DIGITS = 12  # of seconds since 1970
_pack = msgspec.msgpack.Encoder().encode


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
    offset_of: OffsetOf | None,
    wall_minutes: PrintedMinutes,
    content_version: int,
    quantity_of_text: Callable[[QuantityRule, str], Quantity],
    full_record_id: Callable[[Row, int], str | Refused],
) -> OrdinaryRow:
    """Return the reader of ordinary rows; its first time format must be `iso_time`.

    A closure and not a class: what it needs are local names, which are read in no time.
    """
    seconds_ms = SECONDS_MS
    started_at, ended_at = _first_of(columns.started_at), _first_of(columns.ended_at)
    one_id = columns.identity[0][0] if columns.identity and len(columns.identity[0]) == 1 else -1
    identifiers_of = cells_of(columns.identifiers)
    content_of = cells_of(columns.content)
    # Digits alone are the quantity where they are not multiplied.
    quantity_columns = [
        (rule.unit, at, rule.column is not None and rule.factor is None, rule)
        for rule, at in columns.quantities
    ]
    origin_at, origin_remove, origin_strip, origin_separated = columns.texts[0]
    destination_at, destination_remove, destination_strip, separated = columns.texts[1]
    class_at, class_remove, class_strip, _ = columns.texts[2]
    removes = bool(origin_remove or destination_remove or class_remove)
    allowed, ignore, product_at = columns.allowed, columns.ignore, columns.product
    attribute_columns = columns.attributes
    learn_at, against_at = columns.learn

    def read(row: Row, cells: int, clock: WallClock | None) -> DecodedItem | None:
        for at, values in ignore:
            if row[at] in values:
                return None
        for at, values in allowed:
            if row[at] not in values:
                return None
        if offset_of is not None:
            minutes = wall_minutes
        elif clock is not None:
            minutes = clock.printed
        else:
            return None
        text = started_at(row)
        minute_ms, second_ms = minutes[text[:16]], seconds_ms.get(text[16:])
        if minute_ms is None or second_ms is None:
            return None
        started_ms = minute_ms + second_ms
        ended_ms: int | None = None
        text = ended_at(row)
        if text:
            minute_ms, second_ms = minutes[text[:16]], seconds_ms.get(text[16:])
            if minute_ms is None or second_ms is None:
                return None
            ended_ms = minute_ms + second_ms
            if ended_ms < started_ms:
                return None
        if offset_of is not None:
            offset = offset_of(row[learn_at], row[against_at], started_ms)
            if offset is None:
                return None
            started_ms -= offset
            if ended_ms is not None:
                ended_ms -= offset
        quantities: dict[str, Decimal] = {}
        for unit, at, is_plain, rule in quantity_columns:
            text = row[at]
            if is_plain and text.isdigit() and text.isascii() and len(text) <= PLAIN_DIGITS:
                quantities[unit] = Decimal(text)
            else:
                quantity = quantity_of_text(rule, text)
                if not isinstance(quantity, Decimal):
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
        service_class = row[class_at]
        if removes:
            origin = without(origin, origin_remove)
            destination = without(destination, destination_remove)
            service_class = without(service_class, class_remove)
        if origin.startswith(origin_strip):
            origin = without_prefix(origin, origin_strip)
        if destination.startswith(destination_strip):
            destination = without_prefix(destination, destination_strip)
        # Most are digits, most others a name: neither is worth a call.
        if origin and not origin.isdigit() and origin[0].isdigit() and origin_separated(origin):
            return None
        text = destination
        if text and not text.isdigit() and text[0].isdigit() and separated(text):
            return None
        if service_class.startswith(class_strip):
            service_class = without_prefix(service_class, class_strip)
        attributes: dict[str, str] = {}
        for name, at in attribute_columns:
            if row[at]:
                attributes[name] = row[at]
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


class SecondsBehind(NamedTuple):
    """What a pattern looks for that needs none: seconds behind a separator or at the beginning, so many
    digits, and behind them a dot and digits up to the end."""

    separator: str
    fewest: int
    most: int


def seconds_behind(pattern: re.Pattern[str]) -> SecondsBehind | None:
    """Return what a pattern looks for, where it is of the form of Asterisk's; else None."""
    form = _SECONDS_BEHIND.fullmatch(pattern.pattern)
    if form is None or pattern.flags != re.UNICODE:
        return None
    fewest, most = int(form[2]), int(form[3])
    return SecondsBehind(form[1], fewest, most) if 0 < fewest <= most <= _MOST_DIGITS else None


def offset_reader(learn_zone: LearnZone, wall_minutes: PrintedMinutes) -> OffsetOf:
    """Return what tells the offset of a row's wall clock by the row itself."""

    def offset_of(learn: str, against: str, started_ms: int) -> int | None:
        """Return the offset that the row tells by itself, where it tells one beyond doubt."""
        found = learn_zone.pattern.search(learn)
        if found is None:
            return None
        epoch_s = found[1]
        minute_ms, second_ms = wall_minutes[against[:16]], SECONDS_MS.get(against[16:])
        if minute_ms is None or second_ms is None or started_ms < minute_ms + second_ms:
            return None
        if (
            not epoch_s
            or len(epoch_s) > _MOST_DIGITS
            or not (epoch_s.isascii() and epoch_s.isdigit())
        ):
            return None
        return learnt_offset_ms(
            minute_ms + second_ms, int(epoch_s) * 1000, within_ms=learn_zone.within_ms
        )

    return offset_of


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
