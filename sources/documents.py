"""Cutting one JSON document into blocks: an array into its elements, anything else as it is."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from schemas import raw
from sources.block import Block, block_of, oversize_block
from sources.lines import cut_lines

# A document can only be understood whole. A larger one is no use to anybody: one event per line
# has no such limit.
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024

_elements = msgspec.json.Decoder(list[msgspec.Raw])
_anything = msgspec.json.Decoder(msgspec.Raw)


def is_json(data: bytes) -> bool:
    """Return whether the bytes are one JSON value."""
    try:
        _anything.decode(data)
    except msgspec.DecodeError:
        return False
    return True


def cut_document(data: bytes) -> Iterator[Block]:
    """Yield the blocks of a file that is one JSON document; the bytes of each event stay exact.

    An array is cut into arrays within the limits of a block. A file of one event per line that is
    merely called `.json` is cut by lines. What is no JSON at all is one item: it is refused whole.
    """
    if not data.strip():
        return
    if not is_json(data):
        first_line = next(line for line in data.splitlines() if line.strip())
        if is_json(first_line):
            yield from cut_lines([data])
        else:
            yield _one_item(data)
    elif data.lstrip().startswith(b"["):
        yield from _batches([bytes(element) for element in _elements.decode(data)])
    else:
        yield _one_item(data)


def _one_item(data: bytes) -> Block:
    if len(data) <= raw.MAX_RECORD_BYTES:
        return block_of(data, items=1, content_type=raw.CLOUDEVENT)
    digest = raw.digest_block(data)
    return oversize_block(data, whole_bytes=len(data), digest=digest, content_type=raw.CLOUDEVENT)


def _batches(events: list[bytes]) -> Iterator[Block]:
    gathered: list[bytes] = []
    size = len(b"[]")
    for event in events:
        room = size + len(event) <= raw.MAX_RECORD_BYTES
        if gathered and not (room and len(gathered) < raw.MAX_RECORD_ITEMS):
            yield _batch(gathered)
            gathered, size = [], len(b"[]")
        if len(event) + len(b"[]") > raw.MAX_RECORD_BYTES:
            yield _one_item(event)
        else:
            gathered.append(event)
            size += len(event) + len(b",")
    if gathered:
        yield _batch(gathered)


def _batch(events: list[bytes]) -> Block:
    return block_of(
        b"[" + b",".join(events) + b"]", items=len(events), content_type=raw.CLOUDEVENTS_BATCH
    )
