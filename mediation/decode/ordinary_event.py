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
from mediation.decode.quantity import PLAIN_DIGITS
from mediation.decode.written_number import separation, without, without_prefix
from schemas.refusal import Refused

Data = dict[str, object]
OrdinaryEvent = Callable[[object, Data, str, int | None], DecodedItem | None]
"""Reads an event, its data, its record id and its time; None: go the full way."""

ValueAt = Callable[[object, Path], object]
FullQuantity = Callable[[object, QuantityPath], Decimal | Refused | None]
Canonical = Callable[[Decimal], str]

_Deep = Callable[[object], object] | None  # None: a key of the data, which is most of them

_LARGEST_PLAIN = 10**PLAIN_DIGITS
_NUMBERS = 2  # of the texts: origin and destination
_pack = msgspec.msgpack.Encoder().encode


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

    def text_place(
        text: TextPath | None,
    ) -> tuple[str, _Deep, tuple[str, ...], tuple[str, ...]]:
        if text is None:
            return "", _nothing, (), ()
        return *place(text.path), text.remove, text.strip

    quantity_paths = [
        (
            path.unit,
            *(place(path.path) if path.path else ("", _nothing)),
            path.path is not None and path.factor is None,
            path,
        )
        for path in rule.quantities
    ]
    text_paths = [text_place(each) for each in (rule.origin, rule.destination, rule.service_class)]
    separates = tuple(
        separation(number=each is None or each.number) for each in (rule.origin, rule.destination)
    )
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
        for unit, key, deep, is_plain, path in quantity_paths:
            value = data.get(key) if deep is None else deep(event)
            # Not isinstance: true and false are no numbers.
            if is_plain and type(value) is int and 0 <= value < _LARGEST_PLAIN:
                quantities[unit] = Decimal(value)
                canonical_texts.append((unit, str(value)))
            else:
                quantity = full_quantity(value, path)
                if not isinstance(quantity, Decimal):
                    return None
                quantities[unit] = quantity
                canonical_texts.append((unit, canonical(quantity)))
        texts: list[str | None] = [None, None, None]
        if has_texts:
            for place, (key, deep, remove, strip) in enumerate(text_paths):
                value = data.get(key) if deep is None else deep(event)
                if value is None:
                    continue
                if type(value) is not str or len(value) > MAX_TEXT or "\0" in value:
                    return None
                if remove:
                    value = without(value, remove)
                value = without_prefix(value, strip)
                # Most are digits, most others a name: neither is worth a call.
                if (
                    place < _NUMBERS
                    and value
                    and not value.isdigit()
                    and value[0].isdigit()
                    and separates[place](value)
                ):
                    return None
                texts[place] = value or None
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
                # A fraction of a second may have any number of digits: a time can be too long.
                if type(value) is not str or len(value) > MAX_TEXT:
                    return None
                time = iso_time(value)
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
