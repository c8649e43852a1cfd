"""From a raw record to its items: headers checked, bytes decoded, identities made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import structs

from mediation.changes import FILE_KEY, MARK_KEY, SETTLED_KEY
from mediation.decode.item import MAX_TEXT, DecodedItem, Decoder, Ignored, Item, format_name
from mediation.dedup import content_hash
from mediation.file_progress import BlockSeen, count_items
from mediation.identity import command_identity, file_identity
from mediation.received import (
    Command,
    End,
    Origin,
    Ready,
    Received,
    ReceivedItem,
    Recycling,
    Returned,
)
from schemas import raw, usage
from schemas.flow import Headers, SourceRecord
from schemas.ids import event_identities
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent

# Of all headers of a record. Each refused item of a block carries them into suspense: a thousand
# items make this a thousand times.
MAX_HEADER_BYTES = 8 * 1024
_REMEMBERED = 10_000  # origins and keys; a fleet has a few
_MESSAGES_REMEMBERED = 2_000  # sets of headers, of up to a kilobyte each
_LONGEST_REMEMBERED = 1_024  # bytes of a key; what a client makes up must not fill the memory
_KINDS = (
    raw.RECORD_BLOCK,
    raw.RECORD_END,
    raw.RECORD_MESSAGE,
    raw.RECORD_COMMAND,
    raw.RECORD_RECYCLED,
)
_KIND_OF = {  # of what comes back, as its decoder knows it
    raw.AS_ITEM: raw.RECORD_MESSAGE,
    raw.AS_MESSAGE: raw.RECORD_MESSAGE,
    raw.AS_BLOCK: raw.RECORD_BLOCK,
}
_HEX_DIGEST = re.compile(rb"[0-9a-f]{32}")
_EMPTY = Ignored("an empty record")


MakeItems = Callable[[SourceRecord, Origin, Iterable[Item]], Sequence[ReceivedItem | Ready]]
"""What makes the items of a record out of what its decoder gives."""


class _Message(NamedTuple):
    """What the headers of a message came to; those of a source's next one are the same."""

    origin: Origin
    headers: Mapping[str, bytes]


class Intake:
    """Reads raw records. Remembers what it learnt of headers and keys, nothing else."""

    def __init__(
        self, mappings: Mapping[str, Decoder], *, raw_partition_of: Callable[[bytes], int]
    ) -> None:
        self._decoders = dict(mappings)
        self._decoders |= {format_name(decoder): decoder for decoder in mappings.values()}
        self._raw_partition_of = raw_partition_of
        self._origins: dict[tuple[bytes | None, ...], Origin] = {}  # refused ones are not kept
        self._partitions: dict[bytes, int] = {}
        self._messages: dict[Headers, _Message] = {}

    def unread(self, record: SourceRecord) -> Received:
        """Return a record that broke the step before: refused without a look at its value."""
        refused = Refused(
            RefusalReason.INTERNAL_ERROR,
            "the program failed at this record; the worker's log has the trace",
        )
        headers = _headers(record)
        return _of_suspense(_refused(record, _stated_origin(headers), refused), headers)

    def read(self, record: SourceRecord, make: MakeItems) -> Received:
        """Return the items of a record; one refusal where it cannot be read as a whole."""
        known = self._messages.get(record.headers)
        if known is not None and self._is_sound(record):
            return _decoded(record, known.origin, known.headers, make)
        headers = _headers(record)
        refused = self._check_record(record, headers)
        if refused is not None:
            received = _refused(record, _stated_origin(headers), refused)
            # What lies in another partition settles nothing: its suspense id is known there.
            misrouted = refused.reason is RefusalReason.MISROUTED
            return received if misrouted else _of_suspense(received, headers)
        kind = headers[raw.RECORD]
        if kind == raw.RECORD_COMMAND:
            return _command(record, headers)
        if kind == raw.RECORD_RECYCLED:
            return self._recycled(record, headers)
        origin = self._origin(headers)
        if kind == raw.RECORD_MESSAGE:
            received = _message(record, origin, headers, make)
            self._remember(record, origin, headers)
        else:
            is_end = kind == raw.RECORD_END
            received = _of_file(record, origin, headers, make, is_end=is_end)
        if raw.SOURCE_SEQUENCE in headers:
            sequence = _whole(headers[raw.SOURCE_SEQUENCE], digits=18)
            received = structs.replace(received, sequence=sequence)
        return received

    def _recycled(self, record: SourceRecord, headers: Mapping[str, bytes]) -> Received:
        """Return what comes back from suspense: read as it was the first time, of no file."""
        come_back = raw.RECYCLED_AS
        kind = headers.get(come_back)
        if kind == raw.AS_EVENT:
            received = _returned(record, headers)
        elif kind in _KIND_OF:
            as_then = {**headers, raw.RECORD: _KIND_OF[kind]}
            received = _message(record, self._origin(headers), as_then, in_full)
            if kind == raw.AS_ITEM:
                received = _that_waits(received, headers)
        else:
            refused = Refused(
                RefusalReason.MISSING_HEADER,
                f"header {come_back} is none of item, block, message, event",
            )
            received = _refused(record, _stated_origin(headers), refused)
        if _HEX_DIGEST.fullmatch(headers.get(raw.RECYCLES, b"")) is None:
            refused = Refused(
                RefusalReason.MISSING_HEADER, f"what comes back needs header {raw.RECYCLES}"
            )
            return _refused(record, _stated_origin(headers), refused)
        return _of_suspense(received, headers)

    def _is_sound(self, record: SourceRecord) -> bool:
        """Return whether nothing but the headers can refuse a record as a whole."""
        return (
            len(record.value) <= raw.MAX_RECORD_BYTES
            and record.key is not None
            and self._partition_of(record.key) == record.partition
        )

    def _remember(
        self, record: SourceRecord, origin: Origin | Refused, headers: Mapping[str, bytes]
    ) -> None:
        """Remember headers that came to an origin and nothing else."""
        if isinstance(origin, Refused) or raw.OVERSIZE_BYTES in headers:
            return
        if raw.SOURCE_SEQUENCE in headers or _size(headers) > _LONGEST_REMEMBERED:
            return
        if len(self._messages) >= _MESSAGES_REMEMBERED:
            self._messages.clear()
        self._messages[record.headers] = _Message(origin, headers)

    def _check_record(self, record: SourceRecord, headers: Mapping[str, bytes]) -> Refused | None:
        if len(record.value) > raw.MAX_RECORD_BYTES:
            digest = raw.digest_block(record.value).hex()
            return Refused(
                RefusalReason.TOO_LARGE,
                f"{len(record.value):,} bytes, {raw.MAX_RECORD_BYTES:,} fit; the first "
                f"{raw.OVERSIZE_HEAD_BYTES:,} are kept here, all of them at its position while "
                f"the topic holds it; BLAKE2b-16 {digest}",
            )
        size = _size(headers)
        if size > MAX_HEADER_BYTES:
            return Refused(
                RefusalReason.TOO_LARGE,
                f"{size:,} bytes of headers, {MAX_HEADER_BYTES:,} fit; ours are kept here",
            )
        if record.key is None or self._partition_of(record.key) != record.partition:
            return Refused(
                RefusalReason.MISROUTED,
                "its partition is not that of its key, so copies of it may lie elsewhere; a "
                "producer on librdkafka needs partitioner=murmur2_random",
            )
        if headers.get(raw.RECORD) not in _KINDS:
            return Refused(
                RefusalReason.MISSING_HEADER,
                f"header {raw.RECORD} is none of block, end, message, command",
            )
        return None

    def _partition_of(self, key: bytes) -> int:
        partition = self._partitions.get(key)
        if partition is None:
            partition = self._raw_partition_of(key)
            if len(key) <= _LONGEST_REMEMBERED:
                if len(self._partitions) >= _REMEMBERED:
                    self._partitions.clear()
                self._partitions[key] = partition
        return partition

    def _origin(self, headers: Mapping[str, bytes]) -> Origin | Refused:
        stated = tuple(headers.get(name) for name in (raw.TENANT, raw.SOURCE, raw.FORMAT))
        origin = self._origins.get(stated)
        if origin is not None:
            return origin
        found = self._origin_of(headers)
        if isinstance(found, Origin):
            if len(self._origins) >= _REMEMBERED:
                self._origins.clear()
            self._origins[stated] = found
        return found

    def _origin_of(self, headers: Mapping[str, bytes]) -> Origin | Refused:
        stated = _stated_origin(headers)
        named = {
            raw.TENANT: stated.tenant,
            raw.SOURCE: stated.source,
            raw.FORMAT: stated.format,
        }
        for name, text in named.items():
            if not text:
                return Refused(
                    RefusalReason.MISSING_HEADER,
                    f"header {name} is missing, or no UTF-8 text of at most {MAX_TEXT} characters",
                )
        decoder = self._decoders.get(stated.format)
        if decoder is None:
            loaded = ", ".join(sorted(name for name in self._decoders if "@" in name))
            return Refused(
                RefusalReason.UNKNOWN_FORMAT,
                f"no mapping {stated.format!r} is loaded; there are {loaded}",
            )
        tenant, source = stated.tenant, stated.source
        identity_of = event_identities(tenant=tenant, source=source)
        return Origin(tenant, source, format_name(decoder), decoder, identity_of)


def _headers(record: SourceRecord) -> dict[str, bytes]:
    # Kafka knows headers without a value; to us they are empty.
    return {name: value or b"" for name, value in record.headers}


def _size(headers: Mapping[str, bytes]) -> int:
    return sum([len(name) + len(value) for name, value in headers.items()])


def _stated_origin(headers: Mapping[str, bytes]) -> Origin:
    """Return what the headers say of the origin; empty what they do not say in usable text."""
    return Origin(
        tenant=_stated(headers, raw.TENANT),
        source=_stated(headers, raw.SOURCE),
        format=_stated(headers, raw.FORMAT),
    )


def _stated(headers: Mapping[str, bytes], name: str) -> str:
    try:
        text = (headers.get(name) or b"").decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text or len(text) > MAX_TEXT else text


def _refused(record: SourceRecord, origin: Origin, refused: Refused) -> Received:
    return Received(record, origin, [ReceivedItem(0, record.value, refused)])


def _of_suspense(received: Received, headers: Mapping[str, bytes]) -> Received:
    """Return a record with what it says of the record in suspense that it is the next try of."""
    stated = headers.get(raw.RECYCLES, b"")
    if headers.get(raw.RECORD) != raw.RECORD_RECYCLED or _HEX_DIGEST.fullmatch(stated) is None:
        return received
    record = received.record
    identity = headers.get(raw.RECYCLED_IDENTITY, b"")
    known = _HEX_DIGEST.fullmatch(identity) is not None
    recycling = Recycling(
        suspense_id=stated.decode(),
        key=SETTLED_KEY + bytes.fromhex(stated.decode()),
        identity_key=MARK_KEY + bytes.fromhex(identity.decode()) if known else b"",
        first=_position(headers.get(raw.RECYCLED_FIRST, b"")),
        attempts=_whole(headers.get(raw.RECYCLED_ATTEMPTS)) or 1,
        came_back_ms=record.appended_at_ms,
    )
    first_ms = _whole(headers.get(raw.RECYCLED_APPENDED_MS), digits=15)
    if first_ms is not None:
        record = record._replace(appended_at_ms=min(first_ms, record.appended_at_ms))
    keys = tuple(key for key in (recycling.key, recycling.identity_key) if key)
    return structs.replace(received, record=record, recycling=recycling, keys=keys)


def _that_waits(received: Received, headers: Mapping[str, bytes]) -> Received:
    """Return a record with the one item that comes back, where its bytes hold the others of a split
    record too: each of them waits, or came to something, by itself."""
    identity = headers.get(raw.RECYCLED_IDENTITY, b"")
    if len(received.items) == 1 or _HEX_DIGEST.fullmatch(identity) is None:
        return received
    key = MARK_KEY + bytes.fromhex(identity.decode())
    for item in received.items:
        if item.key == key:
            assert isinstance(item, ReceivedItem), "what comes back is read in full"
            return structs.replace(received, items=[structs.replace(item, index=0)])
    return received  # it is read as others now


def _position(text: bytes) -> tuple[int, int] | None:
    offset, _, index = text.partition(b":")
    at, item = _whole(offset, digits=18), _whole(index)
    return None if at is None or item is None else (at, item)


def _returned(record: SourceRecord, headers: Mapping[str, bytes]) -> Received:
    """Return the event that rate refused."""
    try:
        event = usage.from_wire(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    if not isinstance(event, UsageEvent) or event.provenance.partition != record.partition:
        refused = Refused(
            RefusalReason.INVALID_FIELD, "it is no event that this partition handed on before"
        )
        return _refused(record, _stated_origin(headers), refused)
    origin = Origin(event.tenant, event.source, event.provenance.format)
    key = MARK_KEY + event.identity
    item = ReceivedItem(0, record.value, Returned(event), key, event.content_hash)
    return Received(record, origin, [item])


def _message(
    record: SourceRecord,
    origin: Origin | Refused,
    headers: Mapping[str, bytes],
    make: MakeItems,
) -> Received:
    if isinstance(origin, Refused):
        return _refused(record, _stated_origin(headers), origin)
    if raw.OVERSIZE_BYTES in headers:
        return _refused(record, origin, _oversize(headers))
    return _decoded(record, origin, headers, make)


def _of_file(
    record: SourceRecord,
    origin: Origin | Refused,
    headers: Mapping[str, bytes],
    make: MakeItems,
    *,
    is_end: bool,
) -> Received:
    stated = _stated_origin(headers)
    if not (stated.tenant and stated.source):
        return _message(record, origin, headers, make)  # refused; of which file it is, nobody knows
    file_key = _file_key(stated, headers)
    if is_end:
        return _end(record, stated, file_key)
    block = _block(record.value, headers)
    if not file_key or block is None:
        refused = Refused(
            RefusalReason.MISSING_HEADER,
            f"a block needs headers {raw.FILE_ID} and {raw.BLOCK} that can be read",
        )
        return _refused(record, stated, refused)
    # The block came, whether or not its items can be read.
    received = _message(record, origin, headers, make)
    return structs.replace(received, file_key=file_key, block=block)


def _decoded(
    record: SourceRecord, origin: Origin, headers: Mapping[str, bytes], make: MakeItems
) -> Received:
    assert origin.decoder is not None
    items = make(record, origin, origin.decoder.each(record.value, headers))
    if len(items) > raw.MAX_RECORD_ITEMS:
        refused = Refused(
            RefusalReason.TOO_LARGE,
            f"{len(items):,} items, {raw.MAX_RECORD_ITEMS:,} fit: send them in several records",
        )
        return _refused(record, origin, refused)
    return Received(record, origin, items or [ReceivedItem(0, record.value, _EMPTY)])


def in_full(
    record: SourceRecord, origin: Origin, items: Iterable[Item]
) -> Sequence[ReceivedItem | Ready]:
    """Return the items of a record as they were decoded: `MakeItems` for what must be looked at."""
    assert origin.identity_of is not None
    return [
        ReceivedItem(
            index,
            line,
            outcome,
            MARK_KEY + origin.identity_of(outcome.record_id),
            content_hash(outcome.content),
        )
        if isinstance(outcome, DecodedItem)
        else ReceivedItem(index, line, outcome)
        for index, line, outcome in items
    ]


def _oversize(headers: Mapping[str, bytes]) -> Refused:
    stated = _whole(headers[raw.OVERSIZE_BYTES], digits=15)
    digest = headers.get(raw.OVERSIZE_DIGEST, b"").decode("ascii", "replace")[:32]
    size = "an unknown number of" if stated is None else f"{stated:,}"
    return Refused(
        RefusalReason.TOO_LARGE,
        f"{size} bytes, {raw.MAX_RECORD_BYTES:,} fit; its source kept the first ones, which are "
        f"here; BLAKE2b-16 of all {digest!r}",
    )


def _file_key(origin: Origin, headers: Mapping[str, bytes]) -> bytes:
    file_id = _stated(headers, raw.FILE_ID)
    if not file_id:
        return b""
    return FILE_KEY + file_identity(tenant=origin.tenant, source=origin.source, file_id=file_id)


def _block(value: bytes, headers: Mapping[str, bytes]) -> BlockSeen | None:
    number = _whole(headers.get(raw.BLOCK))
    if number is None:
        return None
    if raw.OVERSIZE_BYTES in headers:
        size = _whole(headers[raw.OVERSIZE_BYTES], digits=15)
        digest = headers.get(raw.OVERSIZE_DIGEST, b"")
        if size is None or not _HEX_DIGEST.fullmatch(digest):
            return None
        return BlockSeen(number, items=1, size_bytes=size, digest=bytes.fromhex(digest.decode()))
    items = count_items(value, _stated(headers, raw.CONTENT_TYPE) or None)
    return BlockSeen(number, items=items, size_bytes=len(value), digest=raw.digest_block(value))


def _end(record: SourceRecord, origin: Origin, file_key: bytes) -> Received:
    if not file_key:
        refused = Refused(
            RefusalReason.MISSING_HEADER, f"the end of a file needs header {raw.FILE_ID}"
        )
        return _refused(record, origin, refused)
    try:
        end = raw.file_end_from_json(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Whatever the file held, nothing says now that all of it came.
        refused = Refused(RefusalReason.FILE_INCOMPLETE, "the end record of the file is no JSON")
        return _refused(record, origin, refused)
    key = MARK_KEY + file_key[1:]
    item = ReceivedItem(0, record.value, End(end, file_key), key, content_hash(record.value))
    return Received(record, origin, [item], file_key=file_key)


def _command(record: SourceRecord, headers: Mapping[str, bytes]) -> Received:
    origin = _stated_origin(headers)
    command_id = _stated(headers, raw.COMMAND_ID)
    if not command_id:
        refused = Refused(RefusalReason.MISSING_HEADER, f"a command needs header {raw.COMMAND_ID}")
        return _refused(record, origin, refused)
    try:
        command = raw.command_from_json(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refused = Refused(RefusalReason.INVALID_COMMAND, "it is not the JSON of a known command")
        return _refused(record, origin, refused)
    key = MARK_KEY + command_identity(tenant=command.tenant, command_id=command_id)
    content = content_hash(raw.command_to_json(command))
    item = ReceivedItem(0, record.value, Command(command), key, content)
    received = Received(record, origin._replace(tenant=command.tenant), [item])
    if isinstance(command, raw.WriteOffCommand):
        keys = [SETTLED_KEY + bytes.fromhex(command.suspense_id)]
        if command.identity is not None:
            keys.append(MARK_KEY + bytes.fromhex(command.identity))
        received = structs.replace(received, keys=tuple(keys))
    return received


def _whole(text: bytes | None, *, digits: int = 9) -> int | None:
    """Return a whole number of at most so many digits."""
    return int(text) if text is not None and text.isdigit() and len(text) <= digits else None
