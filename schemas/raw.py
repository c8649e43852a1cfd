"""Names of the headers of a raw record (`usage.raw.v1`) and the limits of its size."""

from __future__ import annotations

import hashlib

import msgspec

from schemas.correction import Id, MonthCorrected

TENANT = "tenant"
SOURCE = "source"
STREAM = "stream"
FORMAT = "format"
ZONE = "zone"  # IANA name, for formats whose times are local
RECORD = "record"  # "block" (items of a file), "end" (of a file), "message" (one), "command"
SOURCE_FILE = "source_file"
SOURCE_SEQUENCE = "source_sequence"
FILE_ID = "file_id"  # one attempt to read one file
BLOCK = "block"  # number of the block in the file, from 0
FIRST_LINE = "first_line"  # number of the block's first line (or item) in the file, from 1
CONTENT_TYPE = "content_type"  # how the items lie in the value; absent: one item per line
COLUMNS_LINE = "columns_line"  # the file's line of column names, for formats that are read by it
OVERSIZE_BYTES = "oversize_bytes"  # the value is only the head of one item of this many bytes
OVERSIZE_DIGEST = "oversize_digest"  # 32 hex digits of BLAKE2b-16 over that whole item
FIRST_BYTE = "first_byte"  # of a block of a binary file: where it begins in the file, from 0
CDR_FILE_RECORDS = "cdr_file_records"  # whole charging records that a file's reader found in it
CDR_FILE_BYTES = "cdr_file_bytes"  # and its bytes; beside the file's own header, to compare
CDR_FAULT = "cdr_fault"  # why no record is looked for in a block
COMMAND_ID = "command_id"
# Of what comes back from suspense, besides what it had.
RECYCLES = "recycles"  # its suspense id
RECYCLED_AS = "recycled_as"  # what the value is, see below
RECYCLED_FIRST = "recycled_first"  # "offset:index" of its first copy in this partition
RECYCLED_APPENDED_MS = "recycled_appended_ms"  # when the broker took the first copy
RECYCLED_ATTEMPTS = "recycled_attempts"  # how often it was tried before
RECYCLED_IDENTITY = "recycled_identity"  # 32 hex digits, where the refused record had one

CLOUDEVENT = "application/cloudevents+json"  # the value is one item
CLOUDEVENTS_BATCH = "application/cloudevents-batch+json"  # a JSON array of items
CDRS = "application/x-3gpp-cdr"  # charging records, each behind its header of TS 32.297
CDR_FILE_HEADER = "application/x-3gpp-cdr-file-header"  # the value is one item
CDR_FILE_REST = "application/x-3gpp-cdr-rest"  # bytes in which no record is found: one item

RECORD_BLOCK, RECORD_END, RECORD_MESSAGE, RECORD_COMMAND = b"block", b"end", b"message", b"command"
RECORD_RECYCLED = b"recycled"

# One item of a record; a record whole; an event of `schemas.usage` that rate refused.
AS_ITEM, AS_BLOCK, AS_MESSAGE, AS_EVENT = b"item", b"block", b"message", b"event"

MAX_RECORD_BYTES = 256 * 1024  # of a value; a larger item is refused as too_large
MAX_RECORD_ITEMS = 1000
OVERSIZE_HEAD_BYTES = 16 * 1024  # what is kept of an item that is too large, to recognise it by
MAX_LEDGER_RECORD_BYTES = 900_000  # encoded, with its headers: below the topic's batch limit


DIGEST_BYTES = 16
NO_BLOCKS = bytes(DIGEST_BYTES)  # the chain of digests before the first block


class FileEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end record of a file: what was cut into blocks, so that a lost block shows.

    An item that is too large counts as a block of one item, with the bytes and the digest that its
    headers state. ``items`` of a file of lines are its lines, empty ones included.
    """

    blocks: int
    items: int
    bytes: int
    digest: str  # 32 hex digits: `chain_block` over the digests of all blocks, from `NO_BLOCKS`


class ClosePeriodCommand(msgspec.Struct, frozen=True, tag_field="command", tag="close_period"):
    """Close one account's period [start, end)."""

    tenant: str
    account_id: str
    period_start_ms: int
    period_end_ms: int


class CorrectMonthCommand(msgspec.Struct, frozen=True, tag_field="command", tag="correct_month"):
    """Correct what an account was charged for the usage of a month."""

    tenant: str
    account_id: str
    correction: MonthCorrected


class WriteOffCommand(msgspec.Struct, frozen=True, tag_field="command", tag="write_off"):
    """Give up a record that waits in suspense."""

    tenant: str
    suspense_id: Id
    identity: Id | None = None  # of the record, where it had one


RawCommand = ClosePeriodCommand | CorrectMonthCommand | WriteOffCommand

_command_decoder: msgspec.json.Decoder[RawCommand] = msgspec.json.Decoder(RawCommand)


def digest_block(value: bytes) -> bytes:
    """Return the 16-byte digest of the bytes of one block."""
    return hashlib.blake2b(value, digest_size=DIGEST_BYTES).digest()


def chain_block(previous: bytes, digest: bytes) -> bytes:
    """Return the chain of digests after one more block; a reader needs no block but the last."""
    return hashlib.blake2b(previous + digest, digest_size=DIGEST_BYTES).digest()


def command_to_json(command: RawCommand) -> bytes:
    """Return the JSON of a command."""
    return msgspec.json.encode(command)


def command_from_json(value: bytes) -> RawCommand:
    """Return the command; `msgspec.DecodeError` or `msgspec.ValidationError` where it is none."""
    return _command_decoder.decode(value)


def file_end_to_json(end: FileEnd) -> bytes:
    """Return the JSON of a file's end record."""
    return msgspec.json.encode(end)


def file_end_from_json(value: bytes) -> FileEnd:
    """Return a file's end record; `msgspec.DecodeError` where it is none."""
    return msgspec.json.decode(value, type=FileEnd)
