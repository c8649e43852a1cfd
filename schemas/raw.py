"""Names of the headers of a raw record (`usage.raw.v1`) and the limits of its size."""

from __future__ import annotations

import msgspec

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
FIRST_LINE = "first_line"  # number of the block's first line in the file, from 1
COMMAND_ID = "command_id"

MAX_RECORD_BYTES = 256 * 1024  # larger ones are refused as too_large, not cut
MAX_RECORD_ITEMS = 1000
MAX_LEDGER_RECORD_BYTES = 900_000  # encoded, with its headers: below the topic's batch limit


class FileEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end record of a file: what was cut into blocks, so that a lost block shows."""

    blocks: int
    items: int
    bytes: int
    digest: str  # 32 hex digits of BLAKE2b-16 over the bytes of all blocks


class ClosePeriodCommand(msgspec.Struct, frozen=True, tag_field="command", tag="close_period"):
    """Close one account's period [start, end)."""

    tenant: str
    account_id: str
    period_start_ms: int
    period_end_ms: int


def command_to_json(command: ClosePeriodCommand) -> bytes:
    """Return the JSON of a command."""
    return msgspec.json.encode(command)


def command_from_json(value: bytes) -> ClosePeriodCommand:
    """Return the command; `msgspec.DecodeError` or `msgspec.ValidationError` where it is none."""
    return msgspec.json.decode(value, type=ClosePeriodCommand)


def file_end_to_json(end: FileEnd) -> bytes:
    """Return the JSON of a file's end record."""
    return msgspec.json.encode(end)


def file_end_from_json(value: bytes) -> FileEnd:
    """Return a file's end record; `msgspec.DecodeError` where it is none."""
    return msgspec.json.decode(value, type=FileEnd)
