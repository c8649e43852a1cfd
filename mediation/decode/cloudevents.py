"""CloudEvents 1.0 in JSON: one event, a batch, one event per line, or binary (`ce_` headers).

Numbers stay exact: a fraction becomes a decimal before anything else sees it, an integer of any
size stays an integer. The event's own ``source`` is part of its record id, since its ``id`` is
unique within that only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple
from decimal import Decimal
from typing import Any, cast

import msgspec

from mediation.decode.cloudevents_mapping import (
    CloudEventsMapping,
    Path,
    QuantityPath,
    TextPath,
    TypeRule,
)
from mediation.decode.item import (
    MAX_TEXT,
    DecodedItem,
    Ignored,
    Item,
    MadeCompiled,
    Outcome,
    check_text,
)
from mediation.decode.local_time import PrintedTime, iso_time
from mediation.decode.ordinary_event import Data, ordinary_event
from mediation.decode.quantity import exact_quantity, quantity_of, scaled
from mediation.decode.written_number import cleaned, is_separated, separated, separation
from mediation.identity import record_id_of
from native import compiled
from schemas import raw
from schemas.decimals import parse_decimal
from schemas.refusal import RefusalReason, Refused

HEADER_PREFIX = "ce_"
_SPECVERSION = HEADER_PREFIX + "specversion"
_BATCH, _ONE = raw.CLOUDEVENTS_BATCH.encode(), raw.CLOUDEVENT.encode()
_BOM = b"\xef\xbb\xbf"
_KAFKA_CONTENT_TYPE = "content-type"  # as the Kafka binding of CloudEvents names it
_STANDARD = ("specversion", "id", "source", "type", "subject", "time")
_REQUIRED = ("id", "source", "type")
_EMPTY_LINE = Ignored("an empty line")
_NO_DATA: Data = {}
_EMPTY_BATCH = Ignored("a batch without events")
_pack = msgspec.msgpack.Encoder().encode
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_native = compiled("cloudevents")

_Part = tuple[int, bytes, Outcome | None]
"""The index and the bytes of an event, and its outcome where that is known; else they are read."""


class Event(msgspec.Struct):
    """The attributes and the data that a mapping reads; those it names beyond these are added."""

    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    type: str | None = None
    subject: str | None = None
    time: str | None = None
    data: object = None


def _exact_number(text: str) -> Decimal | str:
    """Return a JSON fraction as a decimal; one that is out of bounds stays its own text."""
    value = parse_decimal(text)
    return text if value is None else value


class CloudEventsDecoder:
    """A CloudEvents mapping, compiled."""

    def __init__(self, mapping: CloudEventsMapping) -> None:
        self.name = mapping.name
        self.version = mapping.version
        self.digest = mapping.digest
        self.names_columns = False
        self.reads_cdr_files = False
        self._append_time_if_missing = mapping.append_time_if_missing
        # Of all types together: were it of one, an event that comes again as another type would be
        # a duplicate, and what it costs be lost.
        spec = repr([(event_type, astuple(rule)) for event_type, rule in mapping.types]).encode()
        content_version = int.from_bytes(
            hashlib.blake2b(b"cloudevents" + spec, digest_size=2).digest(), "big"
        )
        self._rules = {
            event_type: _Rule(event_type, rule, content_version)
            for event_type, rule in mapping.types
        }
        # Extension attributes that the mapping reads become fields; msgspec skips all others.
        extensions = sorted(
            {path[0] for _, rule in mapping.types for path in _paths_of(rule)}
            - {*_STANDARD, "data"}
        )
        self._attributes = (*_STANDARD, *extensions)
        # defstruct's declared result forgets its base.
        extended = msgspec.defstruct(
            "ExtendedEvent", [(name, str | None, None) for name in extensions], bases=(Event,)
        )
        self._new = cast("type[Event]", extended)
        self._event = msgspec.json.Decoder(self._new, float_hook=_exact_number)
        self._data = msgspec.json.Decoder(object, float_hook=_exact_number)
        self.compiled: Any = _native and _native.OrdinaryEvents(
            mapping.types,
            attributes=self._attributes,
            append_time_if_missing=mapping.append_time_if_missing,
            longest_text=MAX_TEXT,
            content_version=content_version,
            full_quantity=_quantity,
            exact_number=_exact_number,
            canonical=_canonical,
            iso_time=iso_time,
            separations=_separations,
        )

    def decode(self, value: bytes, headers: Mapping[str, bytes]) -> list[Item]:
        """Return an item per event; one that is broken refuses only itself."""
        return list(self.each(value, headers))

    def each(self, value: bytes, headers: Mapping[str, bytes]) -> _Events:
        """Return the items of `decode`, one after the other."""
        return _Events(self, value, headers)

    def parts(self, value: bytes, headers: Mapping[str, bytes]) -> Iterable[_Part]:
        """Return each event's bytes, with its outcome where it is known without them being read."""
        if _SPECVERSION in headers:
            return [(0, value, self._binary(value, headers))]
        content_type = headers.get(raw.CONTENT_TYPE) or headers.get(_KAFKA_CONTENT_TYPE, b"")
        if content_type.startswith(_BATCH):
            return self._batch(value)
        if content_type.startswith(_ONE):
            return [(0, value, None)]
        if headers.get(raw.RECORD) == raw.RECORD_BLOCK:
            return self._lines(value)
        if value.removeprefix(_BOM).lstrip()[:1] == b"[":
            return self._batch(value)
        return [(0, value, None)]

    def _batch(self, value: bytes) -> Iterator[_Part]:
        try:
            elements = _elements.decode(value.removeprefix(_BOM))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield 0, value, _not_readable(error)
            return
        if not elements:
            yield 0, value, _EMPTY_BATCH
        for index, element in enumerate(elements):
            yield index, bytes(element), None

    def _lines(self, value: bytes) -> Iterator[_Part]:
        lines = value.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for index, line in enumerate(lines):
            yield index, line, None if line.strip() else _EMPTY_LINE

    def structured(self, value: bytes) -> Outcome:
        """Return what an event is, given its JSON."""
        try:
            event = self._event.decode(value.removeprefix(_BOM))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _not_readable(error)
        return self._outcome(event)

    def _binary(self, value: bytes, headers: Mapping[str, bytes]) -> Outcome:
        try:
            attributes = {
                name: headers[HEADER_PREFIX + name].decode()
                for name in self._attributes
                if HEADER_PREFIX + name in headers
            }
        except UnicodeDecodeError:
            return Refused(RefusalReason.INVALID_ENCODING, "a ce_ header is not UTF-8")
        try:
            data = self._data.decode(value) if value.strip() else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _not_readable(error)
        return self._outcome(self._new(**attributes, data=data))

    def _outcome(self, event: Event) -> Outcome:
        if event.specversion != "1.0":
            return Refused(RefusalReason.INVALID_FIELD, "specversion is not 1.0")
        if not (event.id and event.source and event.type):
            missing = [name for name in _REQUIRED if not getattr(event, name)]
            return Refused(RefusalReason.MISSING_FIELD, f"{' and '.join(missing)} is missing")
        rule = self._rules.get(event.type)
        if rule is None:
            return Refused(
                RefusalReason.INVALID_FIELD,
                f"type is not one that mapping {self.name}@{self.version} has a rule for",
            )
        started_ms: int | None = None
        if event.time:
            time = iso_time(event.time)
            if time is None or not time[1]:
                return _not_an_instant(time, "time")
            started_ms = time[0]
        elif not self._append_time_if_missing:
            return Refused(RefusalReason.MISSING_FIELD, "time is missing")
        record_id = record_id_of(event.source, event.id)
        if len(record_id) > MAX_TEXT or "\0" in record_id:
            return cast("Refused", check_text(record_id, "source and id"))
        data = event.data
        # Data that is no object has nothing at any path.
        item = rule.ordinary(
            event,
            cast("Data", data) if type(data) is dict else _NO_DATA,
            record_id,
            started_ms,
        )
        if item is not None:
            return item
        return rule.read(event, record_id=record_id, started_ms=started_ms)


class _Events(MadeCompiled):
    """The events of a raw record; each is an item."""

    def __init__(
        self, decoder: CloudEventsDecoder, value: bytes, headers: Mapping[str, bytes]
    ) -> None:
        self._decoder = decoder
        self._parts = decoder.parts(value, headers)

    def __iter__(self) -> Iterator[Item]:
        structured = self._decoder.structured
        for index, value, known in self._parts:
            yield index, value, structured(value) if known is None else known

    def made_compiled(self, maker: object, *about: object) -> list[object] | None:
        """Return what ``maker`` makes of the items, or None where nothing compiled reads them."""
        compiled, in_full = self._decoder.compiled, self._decoder.structured
        if compiled is None:
            return None
        made: list[object] = compiled.items(maker, *about, self._parts, in_full)
        return made


class _Rule:
    """One type's rule, compiled."""

    def __init__(self, event_type: str, rule: TypeRule, content_version: int) -> None:
        self._rule = rule
        self._content_version = content_version
        self.ordinary = ordinary_event(
            event_type,
            rule,
            content_version=content_version,
            value_at=_at,
            full_quantity=_quantity,
            canonical=_canonical,
        )

    def read(self, event: Event, *, record_id: str, started_ms: int | None) -> Outcome:
        """Return the item of an event, or why there is none."""
        rule = self._rule
        quantities: dict[str, Decimal] = {}
        for path in rule.quantities:
            value = None if path.path is None else _at(event, path.path)
            quantity = _quantity(value, path)
            if isinstance(quantity, Refused):
                return quantity
            if quantity is not None:
                quantities[path.unit] = quantity
        texts: list[str | None] = []
        for text_path in (rule.origin, rule.destination, rule.service_class):
            text = _cleaned(event, text_path) if text_path else None
            if isinstance(text, Refused):
                return text
            texts.append(text)
        for text_path, text in ((rule.origin, texts[0]), (rule.destination, texts[1])):
            if text_path is None or text is None or not text_path.number:
                continue
            if is_separated(text):
                return separated(text, ".".join(text_path.path))
        identifiers: list[str] = []
        for each in rule.identifiers:
            text = _text(event, each)
            if isinstance(text, Refused):
                return text
            if text:
                identifiers.append(text)
        if not identifiers:
            names = " and ".join(".".join(each) for each in rule.identifiers)
            return Refused(RefusalReason.MISSING_FIELD, f"{names} is missing: whose usage is it?")
        attributes: dict[str, str] = {}
        for name, each in rule.attributes:
            text = _text(event, each)
            if isinstance(text, Refused):
                return text
            if text:
                attributes[name] = text
        ended_ms = self._ended_ms(event)
        if isinstance(ended_ms, Refused):
            return ended_ms
        content = (
            event.type,
            started_ms,
            identifiers,
            [(unit, _canonical(value)) for unit, value in quantities.items()],
            texts,
            list(attributes.items()),
        )
        return DecodedItem(
            record_id=record_id,
            identifiers=tuple(identifiers),
            started_at_ms=started_ms,
            ended_at_ms=ended_ms,
            product=rule.product,
            usage_kind=rule.usage_kind,
            quantities=quantities,
            origin=texts[0],
            destination=texts[1],
            service_class=texts[2],
            attributes=attributes,
            content=_pack(content),
            content_version=self._content_version,
        )

    def _ended_ms(self, event: Event) -> int | Refused | None:
        if self._rule.ended_at is None:
            return None
        text = _text(event, self._rule.ended_at)
        if text is None or isinstance(text, Refused):
            return text
        return _instant(text, ".".join(self._rule.ended_at))


def _separations(rule: TypeRule) -> list[Callable[[str], bool]]:
    """Return what says of origin and of destination whether it is a number with separators."""
    return [
        separation(number=each is None or each.number) for each in (rule.origin, rule.destination)
    ]


def _paths_of(rule: TypeRule) -> list[Path]:
    paths = [*rule.identifiers, *(path for _, path in rule.attributes)]
    paths += [quantity.path for quantity in rule.quantities if quantity.path]
    paths += [text.path for text in (rule.origin, rule.destination, rule.service_class) if text]
    return [*paths, *([rule.ended_at] if rule.ended_at else [])]


def _not_readable(error: Exception) -> Refused:
    if isinstance(error, msgspec.ValidationError):
        # The text names the type and the path of the field, never its value.
        return Refused(RefusalReason.INVALID_FIELD, str(error)[:200])
    if isinstance(error, UnicodeDecodeError):
        return Refused(RefusalReason.INVALID_ENCODING, "the event is not UTF-8")
    if isinstance(error, RecursionError):
        return Refused(RefusalReason.NOT_JSON, "the event is nested too deeply")
    return Refused(RefusalReason.NOT_JSON, str(error)[:200])


def _instant(text: str, field: str) -> int | Refused:
    time = iso_time(text)
    return time[0] if time is not None and time[1] else _not_an_instant(time, field)


def _not_an_instant(time: PrintedTime | None, field: str) -> Refused:
    if time is None:
        return Refused(RefusalReason.INVALID_TIME, f"{field} is not a time of RFC 3339")
    return Refused(RefusalReason.TIME_WITHOUT_ZONE, f"{field} has no offset from UTC")


def _at(event: object, path: Path) -> object:
    value: object = getattr(event, path[0])
    for key in path[1:]:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, object]", value).get(key)
    return value


def _text(event: Event, path: Path) -> str | Refused | None:
    """Return the text at a path; a number is its digits, a boolean true or false."""
    value = _at(event, path)
    if value is None:
        return None
    field = ".".join(path)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        text = str(value)
    elif isinstance(value, str):
        text = value
    else:
        return Refused(RefusalReason.INVALID_FIELD, f"{field} is no text")
    return check_text(text, field) or text


def _cleaned(event: Event, rule: TextPath) -> str | Refused | None:
    text = _text(event, rule.path)
    if isinstance(text, str):
        text = cleaned(text, rule.remove, rule.strip)
    return text or None


def _quantity(value: object, rule: QuantityPath) -> Decimal | Refused | None:
    if rule.path is None:
        return rule.constant
    field = ".".join(rule.path)
    quantity: Decimal | Refused
    if value is None:
        if rule.optional:
            return None
        return Refused(RefusalReason.MISSING_FIELD, f"{field} is missing")
    if isinstance(value, Decimal):
        quantity = exact_quantity(value, field=field, signed=rule.signed)
    elif isinstance(value, str):
        quantity = quantity_of(value, field=field, signed=rule.signed)
    elif isinstance(value, int):  # true and false too: their texts are no numbers
        quantity = quantity_of(str(value), field=field, signed=rule.signed)
    else:
        return Refused(RefusalReason.INVALID_FIELD, f"{field} is not a number")
    if rule.factor is None or isinstance(quantity, Refused):
        return quantity
    return scaled(quantity, rule.factor, field=field, signed=rule.signed)


def _canonical(value: Decimal) -> str:
    """Return the same text for 12, 12.0 and 12.00: another way of writing is no other content."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
