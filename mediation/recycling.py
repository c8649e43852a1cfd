"""How a record goes through again: what waits in suspense, as the raw record that brings it back.

It goes to the partition in which all copies of it meet, with what the first copy had: its headers, the
instant at which the broker took it, its line in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from schemas import raw, usage
from schemas.flow import Headers
from schemas.proof import NORMALISE
from schemas.refusal import RefusalReason
from schemas.usage import UsageEvent

_OF_RECYCLED = frozenset(
    {
        raw.RECORD,
        raw.RECYCLES,
        raw.RECYCLED_AS,
        raw.RECYCLED_FIRST,
        raw.RECYCLED_APPENDED_MS,
        raw.RECYCLED_ATTEMPTS,
        raw.RECYCLED_IDENTITY,
    }
)
# Refused before a look at its items: the bytes are those of the whole record.
_WHOLE = frozenset(
    {
        RefusalReason.UNKNOWN_FORMAT,
        RefusalReason.MISROUTED,
        RefusalReason.MISSING_HEADER,
        RefusalReason.INTERNAL_ERROR,
    }
)
_BATCHES = (b"application/cloudevents-batch",)
_CONTENT_TYPES = (raw.CONTENT_TYPE, "content-type")  # ours, and that of the CloudEvents binding
_MOST_DIGITS = 12
_MOST_TRIES = 100_000  # of keys; a topic has a few hundred partitions


class Waiting(NamedTuple):
    """A record that waits in suspense, as far as it decides how it comes back."""

    suspense_id: str
    stage: str
    tenant: str
    source: str
    reason: str
    raw: bytes
    raw_headers: Headers
    partition: int  # of the topic that the stage reads
    offset: int
    item: int  # in the record at that offset, from 0
    appended_at_ms: int
    identity: str | None  # 32 hex digits
    attempts: int


class Back(NamedTuple):
    """The raw record that brings a record back."""

    key: str
    value: bytes
    headers: Headers


class Stays(NamedTuple):
    """Why a record cannot come back, and what to do instead."""

    why: str


def raw_partition(waiting: Waiting, raw_partition_of: Callable[[bytes], int]) -> int | Stays:
    """Return the raw partition in which all copies of a record meet."""
    if waiting.stage != NORMALISE:
        event = event_of(waiting)
        return event if isinstance(event, Stays) else event.provenance.partition
    if waiting.reason == RefusalReason.MISROUTED:
        stream = dict(waiting.raw_headers).get(raw.STREAM)
        if not stream:
            return Stays(
                "it lay in another partition than its key says, and has no header "
                f"{raw.STREAM}: have the source send it again"
            )
        return raw_partition_of(stream)
    return waiting.partition


def back(waiting: Waiting, *, raw_partition_of: Callable[[bytes], int]) -> Back | Stays:
    """Return the raw record that brings a record back, or why it cannot."""
    partition = raw_partition(waiting, raw_partition_of)
    if isinstance(partition, Stays):
        return partition
    headers = dict(waiting.raw_headers)
    if waiting.stage != NORMALISE:
        event = event_of(waiting)
        if isinstance(event, Stays):
            return event
        stated: dict[str, bytes] = {
            raw.TENANT: event.tenant.encode(),
            raw.SOURCE: event.source.encode(),
            raw.FORMAT: event.provenance.format.encode(),
            raw.RECYCLED_AS: raw.AS_EVENT,
        }
        first_ms = event.provenance.appended_at_ms
    else:
        kind = _kind(waiting, headers)
        if isinstance(kind, Stays):
            return kind
        stated = {name: value for name, value in headers.items() if name not in _OF_RECYCLED}
        if kind == raw.AS_ITEM:
            stated |= _of_one_item(stated, waiting)
        stated[raw.RECYCLED_AS] = kind
        first_ms = waiting.appended_at_ms
        if waiting.reason != RefusalReason.MISROUTED:
            stated[raw.RECYCLED_FIRST] = _first_copy(waiting, headers)
    stated[raw.RECORD] = raw.RECORD_RECYCLED
    stated[raw.RECYCLES] = waiting.suspense_id.encode()
    stated[raw.RECYCLED_APPENDED_MS] = str(first_ms).encode()
    stated[raw.RECYCLED_ATTEMPTS] = str(waiting.attempts).encode()
    if waiting.identity is not None:
        stated[raw.RECYCLED_IDENTITY] = waiting.identity.encode()
    key = key_of(waiting, partition, raw_partition_of)
    return Back(key, waiting.raw, tuple(stated.items()))


def key_of(waiting: Waiting, partition: int, raw_partition_of: Callable[[bytes], int]) -> str:
    """Return the key of what is sent to a raw partition on account of a record: its stream where that
    is of the partition, else a name that is."""
    try:
        stream = dict(waiting.raw_headers).get(raw.STREAM, b"").decode()
    except UnicodeDecodeError:
        stream = ""
    if waiting.stage == NORMALISE and stream and raw_partition_of(stream.encode()) == partition:
        return stream
    for number in range(_MOST_TRIES):
        name = f"recycled:{waiting.tenant}:{waiting.source}:{number}"
        if raw_partition_of(name.encode()) == partition:
            return name
    raise AssertionError(f"no key is of partition {partition}")


def settling_key(waiting: Waiting, raw_partition_of: Callable[[bytes], int]) -> str:
    """Return the key of the command that gives a record up: of the partition that knows it."""
    partition = raw_partition(waiting, raw_partition_of)
    if isinstance(partition, Stays):  # it never comes back, so any will do
        partition = raw_partition_of(waiting.suspense_id.encode())
    return key_of(waiting, partition, raw_partition_of)


def event_of(waiting: Waiting) -> UsageEvent | Stays:
    """Return the event that rate refused."""
    try:
        event = usage.from_wire(waiting.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Stays("its bytes are no event; report it with the worker's log")
    if isinstance(event, UsageEvent):
        return event
    return Stays("it is a command, not usage: run that command again")


def _kind(waiting: Waiting, headers: dict[str, bytes]) -> bytes | Stays:
    """Return what the bytes of a record that normalise refused are."""
    record = headers.get(raw.RECORD, b"")
    if record == raw.RECORD_COMMAND:
        return Stays("it is a command, not usage: run that command again")
    if record == raw.RECORD_END or waiting.reason == RefusalReason.FILE_INCOMPLETE:
        return Stays(
            "it is the end of a file, not usage: read the file again (`ratemill ingest --again`)"
        )
    if waiting.reason == RefusalReason.CONFLICT:
        return Stays(
            "a record of its identity came before: ask the source which one holds; where it is this "
            "one, take the charge of the other back and have this one sent under an id of its own"
        )
    if waiting.reason == RefusalReason.TOO_LARGE and not _is_small_event(waiting):
        return Stays("suspense has not all of it: have the source write smaller records")
    as_then = headers.get(raw.RECYCLED_AS, b"") if record == raw.RECORD_RECYCLED else b""
    if as_then in (raw.AS_ITEM, raw.AS_EVENT):
        return as_then
    if waiting.reason in _WHOLE and waiting.item == 0:
        is_block = record == raw.RECORD_BLOCK or as_then == raw.AS_BLOCK
        return raw.AS_BLOCK if is_block else raw.AS_MESSAGE
    return raw.AS_ITEM


def _is_small_event(waiting: Waiting) -> bool:
    # Of what is refused whole, nothing is known of its identity: it is cut, or has too many items.
    return waiting.identity is not None


def _first_copy(waiting: Waiting, headers: dict[str, bytes]) -> bytes:
    """Return where the first copy lay: where this one does, unless that came back itself."""
    offset, _, index = headers.get(raw.RECYCLED_FIRST, b"").partition(b":")
    is_position = offset.isdigit() and index.isdigit() and len(index) <= _MOST_DIGITS
    if headers.get(raw.RECORD) == raw.RECORD_RECYCLED and is_position:
        return b"%b:%d" % (offset, int(index) + waiting.item)
    return b"%d:%d" % (waiting.offset, waiting.item)


def _of_one_item(headers: dict[str, bytes], waiting: Waiting) -> dict[str, bytes]:
    """Return the headers that differ for one item of a record, sent alone."""
    changed: dict[str, bytes] = {}
    first = headers.get(raw.FIRST_LINE, b"1")
    if first.isdigit() and len(first) <= _MOST_DIGITS:
        changed[raw.FIRST_LINE] = b"%d" % (int(first) + waiting.item)
    for name in _CONTENT_TYPES:
        if headers.get(name, b"").startswith(_BATCHES):
            changed[name] = raw.CLOUDEVENT.encode()
    if waiting.raw.lstrip()[:1] == b"[":  # an item, whatever a batch looks like
        changed.setdefault(raw.CONTENT_TYPE, raw.CLOUDEVENT.encode())
    return changed
