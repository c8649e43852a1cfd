"""Cutting a file of charging records (3GPP TS 32.297) into blocks, at the ends of its records."""

from __future__ import annotations

from collections.abc import Iterator

from mediation.decode import cdr_file
from schemas import raw
from schemas.flow import Headers
from sources.block import Block, block_of

# Its header states what all of it holds, so that it is looked at whole before any of it is sent.
MAX_CDR_FILE_BYTES = 256 * 1024 * 1024

_SEQUENCE = b"\x30"  # what each event of a split record begins with


def is_cut_off(data: bytes) -> bool:
    """Return whether a file is shorter than its header says, or has no end of its header."""
    header = cdr_file.file_header(data)
    if isinstance(header, str):
        return len(data) < cdr_file.LEAST_HEADER_BYTES
    return header.file_bytes is None or len(data) < header.file_bytes


def cut_cdr_file(data: bytes) -> Iterator[Block]:
    """Yield the blocks of a file; their values joined are the file.

    The first one is the file's header, with what was found in the file to compare it with. Then
    come its records. Bytes in which no record is found are items as large as a block.
    """
    if not data:
        return
    header = cdr_file.file_header(data)
    if isinstance(header, str):
        yield from _rest(data, 0, header, ())
        return
    of_file: Headers = ((raw.SOURCE_SEQUENCE, str(header.sequence).encode()),)
    spans = list(cdr_file.spans(data[header.header_bytes :]))
    whole = [span for span in spans if not span.is_rest]
    found: Headers = (
        (raw.CDR_FILE_RECORDS, str(len(whole)).encode()),
        (raw.CDR_FILE_BYTES, str(len(data)).encode()),
    )
    head = data[: header.header_bytes]
    if len(head) > raw.MAX_RECORD_BYTES:
        yield from _rest(data, 0, "the header of the file is larger than a block", of_file)
        return
    yield block_of(
        head, items=1, content_type=raw.CDR_FILE_HEADER, headers=of_file + found + _at(0)
    )
    records = data[header.header_bytes :]
    yield from _blocks(records, whole, of_file, header.header_bytes)
    for span in spans[len(whole) :]:
        at = header.header_bytes + span.begin
        yield from _rest(data, at, span.fault, of_file)


def _blocks(
    records: bytes, whole: list[cdr_file.Span], of_file: Headers, offset: int
) -> Iterator[Block]:
    begin = items = most_events = 0
    end = 0
    for span in whole:
        # At most so many events come of it; a block of more than a record may hold is refused.
        events = 1 + records.count(_SEQUENCE, span.body, span.end)
        too_large = span.end - begin > raw.MAX_RECORD_BYTES
        if items and (too_large or most_events + events > raw.MAX_RECORD_ITEMS):
            yield _block(records[begin:end], items, of_file, offset + begin)
            begin, items, most_events = end, 0, 0
        items += 1
        most_events += events
        end = span.end
    if items:
        yield _block(records[begin:end], items, of_file, offset + begin)


def _block(value: bytes, items: int, of_file: Headers, at: int) -> Block:
    return block_of(value, items=items, content_type=raw.CDRS, headers=of_file + _at(at))


def _rest(data: bytes, at: int, fault: str, of_file: Headers) -> Iterator[Block]:
    for begin in range(at, len(data), raw.MAX_RECORD_BYTES):
        value = data[begin : begin + raw.MAX_RECORD_BYTES]
        why: Headers = ((raw.CDR_FAULT, fault.encode()),)
        yield block_of(
            value,
            items=1,
            content_type=raw.CDR_FILE_REST,
            headers=of_file + why + _at(begin),
        )


def _at(byte: int) -> Headers:
    return ((raw.FIRST_BYTE, str(byte).encode()),)
