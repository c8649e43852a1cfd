"""From the blocks of a file to raw records: their key, their headers, the end record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas import raw
from schemas.flow import Headers
from sources.block import Block


class RawRecord(NamedTuple):
    """One record for the raw topic; ``items`` are those in it, 0 for an end record."""

    key: bytes
    value: bytes
    headers: Headers
    items: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote the usage and how: what every raw record of a file says in its headers."""

    tenant: str
    source: str
    stream: str  # the key: all copies of a record meet in one partition
    format: str
    zone: str | None = None  # IANA name, for formats whose times are local
    reads_cdr_files: bool = False  # its files are of 3GPP TS 32.297, rather than of lines
    names_columns: bool = False  # the first line of a file says what its columns are

    def headers(self) -> Headers:
        """Return the headers of the origin."""
        named = ((raw.TENANT, self.tenant), (raw.SOURCE, self.source), (raw.STREAM, self.stream))
        headers = tuple((name, text.encode()) for name, text in named)
        headers += ((raw.FORMAT, self.format.encode()),)
        if self.zone is not None:
            headers += ((raw.ZONE, self.zone.encode()),)
        return headers


def records_of(
    blocks: Iterable[Block], *, origin: Origin, file_name: str, file_id: str
) -> Iterator[RawRecord]:
    """Yield a record per block, then the end record.

    ``file_id`` is of this attempt to read the file: blocks of an attempt that broke off and of the
    next one must not be counted together. ``file_name`` is a name without folders.
    """
    key = origin.stream.encode()
    # A file name need not be text. What is not is written as escapes.
    named = (
        (raw.SOURCE_FILE, file_name.encode("utf-8", "backslashreplace")),
        (raw.FILE_ID, file_id.encode()),
    )
    of_file = origin.headers() + named
    first_item, sent, sent_bytes, digest = 1, 0, 0, raw.NO_BLOCKS
    for block in blocks:
        if origin.names_columns and not sent:
            # Every block says it again: a reader has one at a time.
            of_file += ((raw.COLUMNS_LINE, block.value.partition(b"\n")[0]),)
        headers = (*of_file, (raw.RECORD, raw.RECORD_BLOCK), *_of_block(block, sent, first_item))
        yield RawRecord(key=key, value=block.value, headers=headers, items=block.items)
        first_item += block.items
        sent += 1
        sent_bytes += block.whole_bytes
        digest = raw.chain_block(digest, block.digest)
    end = raw.FileEnd(blocks=sent, items=first_item - 1, bytes=sent_bytes, digest=digest.hex())
    headers = (*of_file, (raw.RECORD, raw.RECORD_END))
    yield RawRecord(key=key, value=raw.file_end_to_json(end), headers=headers, items=0)


def _of_block(block: Block, number: int, first_item: int) -> Headers:
    headers: Headers = (
        (raw.BLOCK, str(number).encode()),
        (raw.FIRST_LINE, str(first_item).encode()),
    )
    if block.content_type is not None:
        headers += ((raw.CONTENT_TYPE, block.content_type.encode()),)
    headers += block.headers
    if block.oversize:
        headers += (
            (raw.OVERSIZE_BYTES, str(block.whole_bytes).encode()),
            (raw.OVERSIZE_DIGEST, block.digest.hex().encode()),
        )
    return headers
