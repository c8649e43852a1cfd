"""What could not be normalised or rated, with its bytes and its reason (`usage.suspense.v1`)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SuspenseClass(StrEnum):
    """Suspended records wait for somebody; duplicates are listed, and wait for nobody."""

    SUSPENDED = "suspended"
    DUPLICATE = "duplicate"


class Suspended(msgspec.Struct, frozen=True, kw_only=True):
    """One refused record, or one duplicate. ``raw`` is as it came; position is in the topic that
    the stage reads (``topic`` says which)."""

    suspense_id: str
    suspense_class: SuspenseClass
    stage: str
    tenant: str
    source: str
    format: str
    reason: str  # empty for a duplicate
    detail: str
    raw: bytes
    raw_headers: tuple[tuple[str, bytes], ...]
    topic: str
    partition: int
    offset: int
    index: int
    appended_at_ms: int
    identity: str | None = None  # 32 hex digits, where the record could be decoded
    first_copy: tuple[int, int] | None = None  # duplicate: raw offset and index of the first copy
    attempts: int = 1


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Suspended)


def to_wire(record: Suspended) -> bytes:
    """Return the MessagePack map of a record; raw bytes stay bytes."""
    return _encoder.encode(record)


def from_wire(value: bytes) -> Suspended:
    """Return the record of a MessagePack map; `msgspec.ValidationError` where it is none."""
    return _decoder.decode(value)


def error_headers(record: Suspended) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that dead-letter tools read, by the names that Kafka Connect gave them."""
    named = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": record.stage,
        "class.name": record.suspense_class,
        "exception.class.name": record.reason,
        "exception.message": record.detail,
    }
    return tuple((f"__connect.errors.{name}", text.encode()) for name, text in named.items())
