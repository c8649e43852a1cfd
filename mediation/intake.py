"""From a raw record to its items: headers checked, bytes decoded, identities made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from mediation.changes import FILE_KEY, MARK_KEY
from mediation.decode.item import MAX_TEXT, DecodedItem, Decoder, Ignored, format_name
from mediation.dedup import CONTENT_HASH_BYTES, content_hash
from mediation.file_progress import BlockSeen, count_items
from mediation.identity import command_identity, file_identity
from schemas import raw
from schemas.flow import SourceRecord
from schemas.ids import event_identities
from schemas.raw import ClosePeriodCommand, FileEnd
from schemas.refusal import RefusalReason, Refused

# Of all headers of a record. Each refused item of a block carries them into suspense: a thousand
# items make this a thousand times.
MAX_HEADER_BYTES = 8 * 1024
_REMEMBERED = 10_000  # origins and keys; a fleet has a few
_LONGEST_REMEMBERED = 1_024  # bytes of a key; what a client makes up must not fill the memory
_KINDS = (raw.RECORD_BLOCK, raw.RECORD_END, raw.RECORD_MESSAGE, raw.RECORD_COMMAND)
_HEX_DIGEST = re.compile(rb"[0-9a-f]{32}")
_EMPTY = Ignored("an empty record")
_NONE = (b"",)


class Origin(NamedTuple):
    """Who wrote a record, and how: what its headers say, or as much of it as they do."""

    tenant: str = ""
    source: str = ""
    format: str = ""  # "asterisk@1"; as the header states it where no such mapping is loaded
    decoder: Decoder | None = None
    identity_of: Callable[[str], bytes] | None = None  # of a record id; None as the decoder


class Command(NamedTuple):
    """A command, read."""

    command: ClosePeriodCommand


class End(NamedTuple):
    """The end record of a file, read."""

    end: FileEnd
    file_key: bytes


Outcome = DecodedItem | Refused | Ignored | Command | End

Item = tuple[int, bytes, Outcome]
"""Its index in the raw record; its own bytes; what it is."""


class ReceivedItem(msgspec.Struct, frozen=True, gc=False):
    """One item of a raw record. ``key`` is the state key of its mark, empty where it has none."""

    index: int
    raw: bytes
    outcome: Outcome
    key: bytes = b""
    content_hash: bytes = b""


class Received(NamedTuple):
    """A raw record, read. Items, keys and content hashes belong together by their places."""

    record: SourceRecord
    origin: Origin
    items: Sequence[Item]
    keys: Sequence[bytes]  # state keys of the marks, empty where an item has none
    content_hashes: Sequence[bytes]
    sequence: int | None = None
    file_key: bytes = b""  # state key of the file that it is a block of
    block: BlockSeen | None = None


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

    def unread(self, record: SourceRecord) -> Received:
        """Return a record that broke the step before: refused without a look at its value."""
        refused = Refused(
            RefusalReason.INTERNAL_ERROR,
            "the program failed at this record; the worker's log has the trace",
        )
        return _refused(record, _stated_origin(_headers(record)), refused)

    def read(self, record: SourceRecord) -> Received:
        """Return the items of a record; one refusal where it cannot be read as a whole."""
        headers = _headers(record)
        refused = self._check_record(record, headers)
        if refused is not None:
            return _refused(record, _stated_origin(headers), refused)
        kind = headers[raw.RECORD]
        if kind == raw.RECORD_COMMAND:
            return _command(record, headers)
        origin = self._origin(headers)
        if kind == raw.RECORD_MESSAGE:
            received = _message(record, origin, headers)
        else:
            received = _of_file(record, origin, headers, is_end=kind == raw.RECORD_END)
        if raw.SOURCE_SEQUENCE in headers:
            sequence = _whole(headers[raw.SOURCE_SEQUENCE], digits=18)
            received = received._replace(sequence=sequence)
        return received

    def _check_record(self, record: SourceRecord, headers: Mapping[str, bytes]) -> Refused | None:
        if len(record.value) > raw.MAX_RECORD_BYTES:
            digest = raw.digest_block(record.value).hex()
            return Refused(
                RefusalReason.TOO_LARGE,
                f"{len(record.value):,} bytes, {raw.MAX_RECORD_BYTES:,} fit; the first "
                f"{raw.OVERSIZE_HEAD_BYTES:,} are kept here, all of them at its position while "
                f"the topic holds it; BLAKE2b-16 {digest}",
            )
        size = 0
        for name, value in headers.items():
            size += len(name) + len(value)
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
    return Received(record, origin, [(0, record.value, refused)], _NONE, _NONE)


def _message(
    record: SourceRecord, origin: Origin | Refused, headers: Mapping[str, bytes]
) -> Received:
    if isinstance(origin, Refused):
        return _refused(record, _stated_origin(headers), origin)
    if raw.OVERSIZE_BYTES in headers:
        return _refused(record, origin, _oversize(headers))
    return _decoded(record, origin, headers)


def _of_file(
    record: SourceRecord,
    origin: Origin | Refused,
    headers: Mapping[str, bytes],
    *,
    is_end: bool,
) -> Received:
    stated = _stated_origin(headers)
    if not (stated.tenant and stated.source):
        return _message(record, origin, headers)  # refused; of which file it is, nobody knows
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
    received = _message(record, origin, headers)
    return received._replace(file_key=file_key, block=block)


def _decoded(record: SourceRecord, origin: Origin, headers: Mapping[str, bytes]) -> Received:
    decoder, identity_of = origin.decoder, origin.identity_of
    assert decoder is not None
    assert identity_of is not None
    items = decoder.decode(record.value, headers)
    if len(items) > raw.MAX_RECORD_ITEMS:
        refused = Refused(
            RefusalReason.TOO_LARGE,
            f"{len(items):,} items, {raw.MAX_RECORD_ITEMS:,} fit: send them in several records",
        )
        return Received(record, origin, [(0, record.value, refused)], _NONE, _NONE)
    if not items:
        return Received(record, origin, [(0, record.value, _EMPTY)], _NONE, _NONE)
    keys: list[bytes] = []
    hashes: list[bytes] = []
    for _, _, outcome in items:
        if type(outcome) is DecodedItem:
            keys.append(MARK_KEY + identity_of(outcome.record_id))
            # `dedup.content_hash`, without the call.
            hashes.append(blake2b(outcome.content, digest_size=CONTENT_HASH_BYTES).digest())
        else:
            keys.append(b"")
            hashes.append(b"")
    return Received(record, origin, items, keys, hashes)


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
    return Received(
        record,
        origin,
        [(0, record.value, End(end, file_key))],
        (key,),
        (content_hash(record.value),),
        file_key=file_key,
    )


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
    items = [(0, record.value, Command(command))]
    return Received(record, origin._replace(tenant=command.tenant), items, (key,), (content,))


def _whole(text: bytes | None, *, digits: int = 9) -> int | None:
    """Return a whole number of at most so many digits."""
    return int(text) if text is not None and text.isdigit() and len(text) <= digits else None
