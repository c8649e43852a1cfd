"""A block: some items of a file, as they will lie in one raw record."""

from __future__ import annotations

from typing import NamedTuple

from schemas import raw
from schemas.flow import Headers


class Block(NamedTuple):
    """The bytes of one raw record, within the limits of `schemas.raw`.

    ``whole_bytes`` and ``digest`` are those of the whole item where ``oversize`` is set: then
    ``value`` is only its head.
    """

    value: bytes
    items: int
    whole_bytes: int
    digest: bytes
    content_type: str | None = None
    oversize: bool = False
    headers: Headers = ()  # that no other block has


def block_of(
    value: bytes, *, items: int, content_type: str | None = None, headers: Headers = ()
) -> Block:
    """Return the block of items that fit."""
    assert 0 < items <= raw.MAX_RECORD_ITEMS
    assert 0 < len(value) <= raw.MAX_RECORD_BYTES
    return Block(
        value=value,
        items=items,
        whole_bytes=len(value),
        digest=raw.digest_block(value),
        content_type=content_type,
        headers=headers,
    )


def oversize_block(
    head: bytes, *, whole_bytes: int, digest: bytes, content_type: str | None = None
) -> Block:
    """Return the block that stands for one item that is too large, by its first bytes."""
    return Block(
        value=head[: raw.OVERSIZE_HEAD_BYTES],
        items=1,
        whole_bytes=whole_bytes,
        digest=digest,
        content_type=content_type,
        oversize=True,
    )
