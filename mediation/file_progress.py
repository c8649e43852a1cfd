"""Whether all of a file arrived: its blocks are counted, its end record says what there were."""

from __future__ import annotations

import struct
from typing import NamedTuple

import msgspec

from mediation.decode import cdr_file
from schemas import raw

_PROGRESS = struct.Struct(">IIiQQ16s")
PROGRESS_BYTES = _PROGRESS.size
_MOST = 2**64 - 1  # more is no file, and must not stop a partition
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class FileProgress(NamedTuple):
    """What arrived so far of one attempt to read a file: 44 bytes."""

    next_block: int = 0
    blocks: int = 0
    first_missing: int = -1  # -1: none is missing
    items: int = 0
    size_bytes: int = 0
    digest: bytes = raw.NO_BLOCKS


NOTHING = FileProgress()


class BlockSeen(NamedTuple):
    """One block of a file as it arrived."""

    number: int
    items: int
    size_bytes: int
    digest: bytes


def progress_to_bytes(progress: FileProgress) -> bytes:
    """Return the 44 bytes of a file's progress."""
    return _PROGRESS.pack(*progress)


def progress_from_bytes(value: bytes) -> FileProgress:
    """Return the progress of 44 bytes."""
    return FileProgress(*_PROGRESS.unpack(value))


def count_items(value: bytes, content_type: str | None) -> int:
    """Return the items of a block as its source counts them: lines, events of a batch, charging records."""
    if content_type is None:
        return value.count(b"\n") + (not value.endswith(b"\n") and bool(value))
    if content_type == raw.CLOUDEVENTS_BATCH:
        try:
            return len(_elements.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 1
    if content_type == raw.CDRS:
        return cdr_file.count(value)
    return 1


def after_block(progress: FileProgress, block: BlockSeen) -> FileProgress:
    """Return the progress after one more block; a block that came already changes nothing."""
    if block.number < progress.next_block:
        return progress
    missing = progress.first_missing
    if missing < 0 and block.number > progress.next_block:
        missing = progress.next_block
    return FileProgress(
        next_block=block.number + 1,
        blocks=progress.blocks + 1,
        first_missing=missing,
        items=min(progress.items + block.items, _MOST),
        size_bytes=min(progress.size_bytes + block.size_bytes, _MOST),
        digest=raw.chain_block(progress.digest, block.digest),
    )


def what_is_missing(progress: FileProgress, end: raw.FileEnd) -> str | None:
    """Return what of a file did not arrive as its end record says, or None."""
    stated = (end.blocks, end.items, end.bytes)
    arrived = (progress.blocks, progress.items, progress.size_bytes)
    if stated == arrived and end.digest == progress.digest.hex() and progress.first_missing < 0:
        return None
    told = "the file has {:,} blocks, {:,} items, {:,} bytes".format(*stated)
    came = "{:,} blocks, {:,} items, {:,} bytes arrived".format(*arrived)
    if progress.first_missing >= 0:
        why = f"block {progress.first_missing} is the first that is missing"
    elif progress.blocks < end.blocks:
        why = f"all from block {progress.next_block} on are missing"
    elif stated == arrived:
        why = "their bytes are not those of the file"
    else:
        why = "more arrived than there is"
    return f"{told}; {came}; {why}"
