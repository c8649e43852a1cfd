"""The short way of an ordinary event: what `_Rule.read` of `cloudevents.py` gives, in less time.

As in `ordinary_row.py` nothing is decided here: an event with anything that is not ordinary (a
text that is too long, a quantity that is missing) gets no answer, and goes the full way. That both
give the same item is a law.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter

import msgspec

from mediation.decode.cloudevents_mapping import Path, QuantityPath, TextPath, TypeRule
from mediation.decode.item import MAX_TEXT, DecodedItem
from mediation.decode.local_time import iso_time
from mediation.decode.ordinary_row import without_prefix
from schemas.refusal import Refused

Data = dict[str, object]
OrdinaryEvent = Callable[[object, Data, str, int | None], DecodedItem | None]
"""Reads an event, its data, its record id and its time; None: go the full way."""

ValueAt = Callable[[object, Path], object]
FullQuantity = Callable[[object, QuantityPath], Decimal | Refused | None]
Canonical = Callable[[Decimal], str]

_Quantity = tuple[Decimal, str]  # with its canonical text
_Deep = Callable[[object], object] | None  # None: a key of the data, which is most of them

_REMEMBERED = 10_000  # values of one quantity
_LONGEST_REMEMBERED = 20  # characters
_LARGEST_REMEMBERED = 10**18
_pack = msgspec.msgpack.Encoder().encode


class _Quantities(dict[object, _Quantity | None]):
    """The quantities of one path by its values; usage repeats the small ones."""

    def __init__(self, read: Callable[[object], _Quantity | None]) -> None:
        self._read = read

    def __missing__(self, value: object) -> _Quantity | None:
        """Return the quantity of a value that is not remembered; None: go the full way."""
        quantity = self._read(value)
        # By their very types: True and a decimal would be found under 1.
        if (type(value) is str and len(value) <= _LONGEST_REMEMBERED) or (
            type(value) is int and value < _LARGEST_REMEMBERED
        ):
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = quantity
        return quantity


def ordinary_event(
    event_type: str,
    rule: TypeRule,
    *,
    content_version: int,
    value_at: ValueAt,
    full_quantity: FullQuantity,
    canonical: Canonical,
) -> OrdinaryEvent:
    """Return the reader of ordinary events of a type."""

    def place(path: Path) -> tuple[str, _Deep]:
        if len(path) == 1:
            return "", attrgetter(path[0])
        return (path[1], None) if len(path) == 2 else ("", lambda event: value_at(event, path))

    def quantities_of(path: QuantityPath) -> _Quantities:
        def read(value: object) -> _Quantity | None:
            quantity = full_quantity(value, path)
            return (quantity, canonical(quantity)) if isinstance(quantity, Decimal) else None

        return _Quantities(read)

    def text_place(text: TextPath | None) -> tuple[str, _Deep, tuple[str, ...]]:
        return ("", _nothing, ()) if text is None else (*place(text.path), text.strip)

    quantity_paths = [
        (path.unit, *(place(path.path) if path.path else ("", _nothing)), quantities_of(path))
        for path in rule.quantities
    ]
    text_paths = [text_place(each) for each in (rule.origin, rule.destination, rule.service_class)]
    has_texts = any((rule.origin, rule.destination, rule.service_class))
    identifier_paths = [place(path) for path in rule.identifiers]
    attribute_paths = [(name, *place(path)) for name, path in rule.attributes]
    ended_key, ended_deep = place(rule.ended_at) if rule.ended_at else ("", _nothing)
    has_end = rule.ended_at is not None
    product, usage_kind = rule.product, rule.usage_kind

    def read(
        event: object, data: Data, record_id: str, started_ms: int | None
    ) -> DecodedItem | None:
        quantities: dict[str, Decimal] = {}
        canonical_texts: list[tuple[str, str]] = []
        for unit, key, deep, known in quantity_paths:
            value = data.get(key) if deep is None else deep(event)
            kind = type(value)
            quantity = known[value] if kind is int or kind is str else known.__missing__(value)
            if quantity is None:
                return None
            quantities[unit] = quantity[0]
            canonical_texts.append((unit, quantity[1]))
        texts: list[str | None] = [None, None, None]
        if has_texts:
            for place, (key, deep, strip) in enumerate(text_paths):
                value = data.get(key) if deep is None else deep(event)
                if value is None:
                    continue
                if type(value) is not str or len(value) > MAX_TEXT or "\0" in value:
                    return None
                texts[place] = without_prefix(value, strip) or None
        identifiers: list[str] = []
        for key, deep in identifier_paths:
            value = data.get(key) if deep is None else deep(event)
            if value is None:
                continue
            if type(value) is not str or len(value) > MAX_TEXT or "\0" in value:
                return None
            if value:
                identifiers.append(value)
        if not identifiers:
            return None
        attributes: dict[str, str] = {}
        for name, key, deep in attribute_paths:
            value = data.get(key) if deep is None else deep(event)
            if value is None:
                continue
            if type(value) is not str or len(value) > MAX_TEXT or "\0" in value:
                return None
            if value:
                attributes[name] = value
        ended_ms: int | None = None
        if has_end:
            value = data.get(ended_key) if ended_deep is None else ended_deep(event)
            if value is not None:
                time = iso_time(value) if type(value) is str else None
                if time is None or not time[1]:
                    return None
                ended_ms = time[0]
        content = (
            event_type,
            started_ms,
            identifiers,
            canonical_texts,
            texts,
            list(attributes.items()),
        )
        return DecodedItem(
            record_id,
            tuple(identifiers),
            started_ms,
            ended_ms,
            product,
            usage_kind,
            quantities,
            texts[0],
            texts[1],
            texts[2],
            attributes,
            _pack(content),
            content_version,
        )

    return read


def _nothing(event: object) -> None:
    return None
