"""What a record of a topic says, as named fields that anybody can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from pipeline.topics import Topics
from schemas import raw, usage

Fields = dict[str, Any]

UNREADABLE = "unreadable"


class Peeked(NamedTuple):
    """One record: where it lies, when the broker took it, and what it says."""

    topic: str
    partition: int
    offset: int
    appended_at_ms: int
    key: str
    kind: str
    fields: Fields


def reader_of(topics: Topics, name: str) -> Callable[[ConsumerRecord], Peeked]:
    """Return what reads the records of a topic. A value that is none of this release's is shown as
    it is, of the kind `UNREADABLE`: who looks into a topic must not be stopped by what is wrong there."""
    read = {topics.raw.name: _raw, topics.normalised.name: _normalised}.get(name, _document)

    def peeked(record: ConsumerRecord) -> Peeked:
        try:
            kind, fields = read(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            kind, fields = UNREADABLE, {"value": _plain(record.value)}
        return Peeked(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            _text(record.key or b""),
            kind,
            fields,
        )

    return peeked


def look_for(
    topics: Topics, name: str, *, where: Sequence[tuple[str, str]], key: str | None
) -> Callable[[ConsumerRecord], Peeked | None]:
    """Return what reads the records of a topic and leaves out those that are not asked for.

    ``where``: fields and what they must say, as text; a dot leads into a field of a field, and
    ``kind`` is the record's.
    """
    read = reader_of(topics, name)

    def look(record: ConsumerRecord) -> Peeked | None:
        if key is not None and _text(record.key or b"") != key:
            return None
        found = read(record)
        said = {"kind": found.kind, **found.fields}
        return found if all(_says(said, field, value) for field, value in where) else None

    return look


def _says(fields: Fields, field: str, value: str) -> bool:
    found: object = fields
    for name in [field] if field in fields else field.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    if isinstance(found, bool):
        return value == ("true" if found else "false")
    return found is not None and str(found) == value


def _raw(record: ConsumerRecord) -> tuple[str, Fields]:
    headers = {name: _text(value or b"") for name, value in record.headers}
    return headers.pop(raw.RECORD, UNREADABLE), {**headers, "value": _plain(record.value)}


def _normalised(record: ConsumerRecord) -> tuple[str, Fields]:
    found = usage.from_wire(record.value or b"")
    kind = found.__struct_config__.tag
    return str(kind), {name: _plain(getattr(found, name)) for name in found.__struct_fields__}


def _document(record: ConsumerRecord) -> tuple[str, Fields]:
    """Return a JSON document, or a MessagePack map; its kind where it names one."""
    value = record.value or b""
    if not value:
        return "mark", {}  # of a whole version that is there
    decode = msgspec.json.decode if value[:1] in (b"{", b"[") else msgspec.msgpack.decode
    fields = decode(value)
    if isinstance(fields, list):
        return "rows", {"rows": _plain(fields)}
    if not isinstance(fields, dict):
        return UNREADABLE, {"value": _plain(fields)}
    named = {str(name): _plain(each) for name, each in fields.items()}
    kind = named.pop("kind", None) or named.pop("suspense_class", None)
    return str(kind or _kind_of_key(record.key)), named


def _kind_of_key(key: bytes | None) -> str:
    """Return the word before the colon of a key such as ``account:acme``; else ``record``."""
    word, colon, _ = _text(key or b"").partition(":")
    return word if colon else "record"


def _plain(value: object) -> object:
    """Return a value without structs, and bytes as text where they are text, else as hex digits."""
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if all(c.isprintable() or c in "\r\n\t" for c in text) else value.hex()
