"""Files of 3GPP TS 32.297: a header, then charging records, each behind a header of its own.

The header states how many records and bytes there are, why the file was closed and whether
records were lost. Where a record ends is stated twice, by its header and by its BER: a record in
which they differ is damaged, and the next one is looked for where its header says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from mediation.decode import ber

_FIXED = struct.Struct(">IIBBIIIIB20sB")  # up to the lost-CDR indicator
LEAST_HEADER_BYTES = _FIXED.size + 2  # and the length of the routeing filter
_NOT_STATED = 0xFFFFFFFF
_CDR_HEADER_BYTES = 4
_EXTENDED_RELEASE = 7  # then one more octet tells which
BER = 1
FORMATS = {1: "BER", 2: "unaligned PER", 3: "aligned PER", 4: "XER"}

CLOSURE = {
    0: "closed in order",
    1: "size limit",
    2: "time limit",
    3: "record limit",
    4: "closed by hand",
    5: "change of release, version or encoding",
    128: "closed abnormally",
    129: "error of the file system",
    130: "storage of the file system was full",
    131: "error in the file's integrity",
}
_ABNORMAL = 128


class FileHeader(NamedTuple):
    """What a file says of itself."""

    file_bytes: int | None  # None: the writer did not state it
    header_bytes: int
    records: int | None
    sequence: int
    closure: int
    node: bytes  # 20 octets
    lost: int  # the lost-CDR indicator


class Span(NamedTuple):
    """A record in a file or block: ``data[begin:end]`` with its header, ``data[body:end]``."""

    begin: int
    body: int
    end: int
    fault: str = ""  # why it cannot be read
    is_rest: bool = False  # all up to the end: where the next record begins is not known
    value: ber.Outer | None = None  # of a record without a fault


def file_header(data: bytes) -> FileHeader | str:
    """Return the header that a file begins with, or why it is none."""
    if len(data) < LEAST_HEADER_BYTES:
        return f"it has {len(data)} bytes, a file header has {LEAST_HEADER_BYTES} or more"
    file_bytes, header_bytes, _, _, _, _, records, sequence, closure, node, lost = (
        _FIXED.unpack_from(data)
    )
    if not LEAST_HEADER_BYTES <= header_bytes <= len(data):
        return f"its header states {header_bytes:,} bytes of header, the file has {len(data):,}"
    return FileHeader(
        file_bytes=None if file_bytes == _NOT_STATED else file_bytes,
        header_bytes=header_bytes,
        records=None if records == _NOT_STATED else records,
        sequence=sequence,
        closure=closure,
        node=node,
        lost=lost,
    )


def what_is_wrong(header: FileHeader, *, records: int, file_bytes: int) -> str:
    """Return what a file's header says against what there is, empty where all is well."""
    found: list[str] = []
    if header.records is None or header.file_bytes is None:
        found.append("its counts are not stated: its writer did not close it")
    if header.records is not None and header.records != records:
        found.append(f"{header.records:,} records stated, {records:,} found")
    if header.file_bytes is not None and header.file_bytes != file_bytes:
        found.append(f"{header.file_bytes:,} bytes stated, {file_bytes:,} found")
    if header.lost:
        found.append(f"its writer lost {_lost(header.lost)}")
    if header.closure >= _ABNORMAL or header.closure not in CLOSURE:
        found.append(CLOSURE.get(header.closure, f"unknown closure reason {header.closure}"))
    return "; ".join(found)


def spans(data: bytes, at: int = 0) -> Iterator[Span]:
    """Yield the records of ``data[at:]``, to its last byte.

    A record whose own bytes are damaged costs itself. A length that leads nowhere costs all that
    comes behind it: that is one span, with ``is_rest``.
    """
    while at < len(data):
        found = span(data, at)
        yield found
        at = found.end


def count(data: bytes) -> int:
    """Return how many spans there are: what a block of records counts as."""
    return sum(1 for _ in spans(data))


def record_format(data: bytes, begin: int) -> int:
    """Return the encoding that the header of a record states, one of `FORMATS`."""
    return data[begin + 3] >> 5


def span(data: bytes, at: int) -> Span:
    """Return the record that begins at ``at``, which is within ``data``."""
    end = len(data)
    body = _body(data, at, end)
    if body is None:
        return Span(at, end, end, "the header of a record is cut off", is_rest=True)
    stop = body + (data[at] << 8 | data[at + 1])
    if stop > end:
        return Span(
            at, body, end, f"a record of {stop - body:,} bytes, {end - body:,} are left", True
        )
    encoding = record_format(data, at)
    if encoding == BER:
        found = ber.outer(data, body, stop)
        if found is not None and found[3] == stop:
            return Span(at, body, stop, "", False, found)
        fault = "the length of its BER is not that of its header"
    elif encoding in FORMATS:
        fault = f"it is encoded in {FORMATS[encoding]}; only BER is read"
    else:
        fault = f"its header states the unknown encoding {encoding}"
    if stop > body and _may_begin(data, stop, end, like=at):
        return Span(at, body, stop, fault)
    return Span(at, body, end, f"{fault}, and no record begins where it ends", is_rest=True)


def _body(data: bytes, at: int, end: int) -> int | None:
    """Return where the record begins that the header at ``at`` is of."""
    if at + _CDR_HEADER_BYTES > end:
        return None
    body = at + _CDR_HEADER_BYTES + (data[at + 2] >> 5 == _EXTENDED_RELEASE)
    return body if body <= end else None


def _may_begin(data: bytes, at: int, end: int, *, like: int) -> bool:
    """Return whether a record begins at ``at``, or the bytes end there.

    It begins as the record at ``like`` does, or it is as long as both its lengths say: by chance
    neither is found where a damaged length leads to.
    """
    if at == end:
        return True
    body = _body(data, at, end)
    if body is None or body == end:
        return False
    as_other = slice(like + 2, like + 2 + body - at)  # behind the length, up to its first tag
    if data[at + 2 : body + 2] == data[as_other]:
        return True
    stop = body + (data[at] << 8 | data[at + 1])
    found = ber.outer(data, body, min(stop, end))
    return record_format(data, at) == BER and found is not None and found[3] == stop


def _lost(indicator: int) -> str:
    """Return how many records, as the lost-CDR indicator tells it."""
    if indicator == 0xFF:
        return "127 records or more"
    if indicator == 0x80:
        return "records, nobody knows how many"
    if indicator > 0x80:
        return f"{indicator - 0x80} records"
    return f"{indicator} records or more"
