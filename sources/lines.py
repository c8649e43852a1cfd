"""Cutting a file of lines into blocks, without holding more of it than one block and one chunk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import chain

from schemas import raw
from sources.block import Block, block_of, oversize_block


def cut_lines(chunks: Iterable[bytes]) -> Iterator[Block]:
    """Yield the blocks of the lines in ``chunks``; their values joined are the chunks joined.

    A line ends with its LF and keeps it (and a CR before it). The last one may have none. A line
    longer than a block is told by an oversize block. Where the chunks were cut does not matter.
    """
    coming = iter(chunks)
    held = b""
    for chunk in coming:
        held += chunk
        # Only more than a block's worth: then a block is the same wherever the chunks were cut.
        while len(held) > raw.MAX_RECORD_BYTES:
            end, items = _whole_lines(held)
            if items:
                yield block_of(held[:end], items=items)
                held = held[end:]
            else:
                block, held = _long_line(held, coming)
                yield block
    while held:
        items = held.count(b"\n") + (not held.endswith(b"\n"))
        end = len(held)
        if items > raw.MAX_RECORD_ITEMS:
            end, items = _whole_lines(held)
        yield block_of(held[:end], items=items)
        held = held[end:]


def _whole_lines(held: bytes) -> tuple[int, int]:
    """Return how many bytes and lines, all of them whole, go into the next block."""
    end = held.rfind(b"\n", 0, raw.MAX_RECORD_BYTES) + 1
    items = held.count(b"\n", 0, end)
    if items <= raw.MAX_RECORD_ITEMS:
        return end, items
    end = 0
    for _ in range(raw.MAX_RECORD_ITEMS):
        end = held.index(b"\n", end) + 1
    return end, raw.MAX_RECORD_ITEMS


def _long_line(held: bytes, coming: Iterator[bytes]) -> tuple[Block, bytes]:
    """Return the block of the line that ``held`` begins with, and what was read behind it."""
    digest = hashlib.blake2b(digest_size=raw.DIGEST_BYTES)
    whole_bytes = 0
    rest = b""
    for part in chain([held], coming):
        end = part.find(b"\n") + 1 or len(part)
        digest.update(part[:end])
        whole_bytes += end
        if part[:end].endswith(b"\n"):
            rest = part[end:]
            break
    return oversize_block(held, whole_bytes=whole_bytes, digest=digest.digest()), rest
