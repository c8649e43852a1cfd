"""Writing BER and files of TS 32.297: what `mediation.decode` reads, written without its help."""

from __future__ import annotations

import datetime as dt

MINUTE_MS = 60_000
_FIXED_HEADER_BYTES = 50
RELEASE, VERSION = 7, 2  # release bits of 7: one more octet tells the release
RELEASE_EXTENSION = 8  # Rel-18
BER_PACKET, BER_CIRCUIT, BER_IMS, BER_SMS = 0x27, 0x26, 0x29, 0x2F  # BER, and which document


def tlv(tag: int, contents: bytes, *, constructed: bool = False) -> bytes:
    """Return the value of a context-specific tag, with the shortest length there is."""
    return _tag(tag, constructed) + length(len(contents)) + contents


def group(tag: int, *parts: bytes) -> bytes:
    """Return the constructed value of a context-specific tag."""
    return tlv(tag, b"".join(parts), constructed=True)


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    contents = b"".join(parts)
    return b"\x30" + length(len(contents)) + contents


def length(octets: int) -> bytes:
    """Return the octets of a length."""
    if octets < 0x80:
        return bytes([octets])
    written = octets.to_bytes((octets.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(written)]) + written


def integer(value: int) -> bytes:
    """Return the contents of an INTEGER: as few octets as its sign allows."""
    octets = ((value if value >= 0 else ~value).bit_length() + 8) // 8
    return value.to_bytes(octets, "big", signed=True)


def digits(text: str) -> bytes:
    """Return a TBCD string: two digits in an octet, the earlier one in its lower half."""
    padded = text + "f" * (len(text) % 2)
    return bytes(int(padded[at + 1] + padded[at], 16) for at in range(0, len(padded), 2))


def number(text: str) -> bytes:
    """Return an international telephone number."""
    return b"\x91" + digits(text)


def timestamp(at_ms: int, offset_minutes: int) -> bytes:
    """Return a TimeStamp: local time in whole seconds, and its offset from UTC."""
    local = dt.datetime(1970, 1, 1) + dt.timedelta(  # noqa: DTZ001 - a wall clock
        milliseconds=at_ms + offset_minutes * MINUTE_MS
    )
    sign = b"-" if offset_minutes < 0 else b"+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    return (
        bytes.fromhex(local.strftime("%y%m%d%H%M%S"))
        + sign
        + bytes.fromhex(f"{hours:02}{minutes:02}")
    )


def with_header(record: bytes, document: int) -> bytes:
    """Return a record behind its header of TS 32.297. ``document``: its encoding and its TS."""
    head = len(record).to_bytes(2, "big") + bytes([RELEASE << 5 | VERSION, document])
    return head + bytes([RELEASE_EXTENSION]) + record


HEADER_BYTES = _FIXED_HEADER_BYTES + 4


def file_header(
    *,
    records: int,
    record_bytes: int,
    sequence_number: int,
    opened: dt.datetime,
    closed: dt.datetime,
    node: bytes,
    closure: int = 0,
    lost: int = 0,
) -> bytes:
    """Return the `HEADER_BYTES` that a file begins with. ``node``: 4 octets of an address."""
    release = bytes([RELEASE << 5 | VERSION])
    return b"".join(
        (
            (HEADER_BYTES + record_bytes).to_bytes(4, "big"),
            HEADER_BYTES.to_bytes(4, "big"),
            release * 2,
            _minute(opened),
            _minute(closed),
            records.to_bytes(4, "big"),
            sequence_number.to_bytes(4, "big"),
            bytes([closure]),
            b"\xff" * 4 + bytes(10) + b"\xff\xff" + node,
            bytes([lost]),
            bytes(2),  # no routeing filter
            bytes(2),  # no private extension
            bytes([RELEASE_EXTENSION]) * 2,
        )
    )


def _tag(number: int, constructed: bool) -> bytes:
    first = 0x80 | (0x20 if constructed else 0)
    if number < 0x1F:
        return bytes([first | number])
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.insert(0, number & 0x7F | 0x80)
    return bytes([first | 0x1F, *octets])


def _minute(at: dt.datetime) -> bytes:
    """Return the minute of a header: no year, no second."""
    offset = at.utcoffset()
    assert offset is not None
    minutes = offset // dt.timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    bits = at.month << 28 | at.day << 23 | at.hour << 18 | at.minute << 12
    return (bits | (minutes >= 0) << 11 | hours << 6 | rest).to_bytes(4, "big")
