"""Tags and lengths of BER (ITU-T X.690): the values that somebody wants, found in one pass.

A tag is its identifier octets as one number: 0x83 is [3] primitive, 0xBF22 is [34] constructed.
What is not asked for is passed over by its length and not looked into.
"""

from __future__ import annotations

from typing import NamedTuple

SEQUENCE = 0x30
_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_INDEFINITE = 0x80
_MOST_LENGTH_OCTETS = 4
_MOST_TAG_OCTETS = 4
_MOST_LEVELS = 32  # of lengths that are not stated; a record has a handful


class Damaged(Exception):
    """Bytes that are no BER. ``at`` is where, counted as the bytes that were given."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


class Members(NamedTuple):
    """A list of SEQUENCEs whose own values are wanted: the table of one, how many it fills."""

    table: Table
    slots: int


class Inside(NamedTuple):
    """A constructed value that is looked into; of values with the same tag the first counts."""

    table: Table


Table = dict[int, int | Inside | Members]
"""By tag: the slot that its value goes to, or what is wanted of its inside."""

Value = bytes | None

Outer = tuple[int, int, int, int]
"""Tag, begin and end of the contents, and end of a value."""


def read(
    data: bytes,
    at: int,
    end: int,
    table: Table,
    values: list[Value],
    members: list[list[Value]],
    *,
    once: bool = True,
) -> None:
    """Put the values of ``data[at:end]`` into their slots, those of lists into ``members``.

    `Damaged` where a tag or a length is no BER, or leads past the end; where a value comes a second
    time, if each comes ``once``.
    """
    wanted = table.get
    while at < end:
        begin = at
        tag = data[at]
        at += 1
        if tag & _LONG_TAG == _LONG_TAG:
            tag, at = _long_tag(data, at, end, tag)
        if at >= end:
            raise Damaged("it ends inside a tag", begin)
        length = data[at]
        at += 1
        if length < _INDEFINITE:
            stop = after = at + length
        elif length == _INDEFINITE:
            stop, after = _contents(data, at, end, begin, 0)
        else:
            at, stop = _long_length(data, at, end, length)
            after = stop
        if after > end:
            raise Damaged("a length leads past the end", begin)
        entry = wanted(tag)
        if entry is not None:
            if type(entry) is int:
                if values[entry] is None:
                    values[entry] = data[at:stop]
                elif once:
                    raise Damaged("a value comes a second time", begin)
            elif type(entry) is Members:
                _read_members(data, at, stop, entry, members)
            else:
                assert isinstance(entry, Inside)
                read(data, at, stop, entry.table, values, members, once=False)
        at = after


def outer(data: bytes, at: int, end: int) -> Outer | None:
    """Return tag, begin and end of the contents, and end of the value at ``at``; None where its tag
    and length are no BER or lead past ``end``."""
    begin = at
    try:
        tag = data[at]
        at += 1
        if tag & _LONG_TAG == _LONG_TAG:
            tag, at = _long_tag(data, at, end, tag)
        if at >= end:
            return None
        length = data[at]
        at += 1
        if length < _INDEFINITE:
            stop = after = at + length
        elif length == _INDEFINITE:
            stop, after = _contents(data, at, end, begin, 0)
        else:
            at, stop = _long_length(data, at, end, length)
            after = stop
    except (Damaged, IndexError):
        return None
    return (tag, at, stop, after) if after <= end else None


def tag_of(number: int, *, constructed: bool) -> int:
    """Return the tag of a context-specific number, as it stands in the bytes."""
    first = 0x80 | (_CONSTRUCTED if constructed else 0)
    if number < _LONG_TAG:
        return first | number
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(number & 0x7F | 0x80)
    return int.from_bytes(bytes([first | _LONG_TAG, *reversed(octets)]), "big")


def number_of(tag: int) -> int:
    """Return the number of a tag; of a context-specific one what the specifications put in
    brackets."""
    octets = tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")
    if len(octets) == 1:
        return tag & _LONG_TAG
    number = 0
    for octet in octets[1:]:
        number = number << 7 | octet & 0x7F
    return number


def _read_members(
    data: bytes, at: int, end: int, entry: Members, members: list[list[Value]]
) -> None:
    while at < end:
        found = outer(data, at, end)
        if found is None:
            raise Damaged("a length of a list leads past its end", at)
        tag, begin, stop, after = found
        if tag != SEQUENCE:
            raise Damaged("a list holds something that is no SEQUENCE", at)
        values: list[Value] = [None] * entry.slots
        read(data, begin, stop, entry.table, values, members)
        members.append(values)
        at = after


def _long_tag(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Return a tag of several octets and where its length begins."""
    begin = at - 1
    for _ in range(_MOST_TAG_OCTETS - 1):
        if at >= end:
            break
        octet = data[at]
        at += 1
        tag = tag << 8 | octet
        if octet < 0x80:
            return tag, at
    raise Damaged("a tag does not end", begin)


def _long_length(data: bytes, at: int, end: int, length: int) -> tuple[int, int]:
    """Return where the contents begin and end, of a length of several octets."""
    octets = length & 0x7F
    begin = at + octets
    if octets > _MOST_LENGTH_OCTETS or begin > end:
        raise Damaged("a length is no length", at - 1)
    return begin, begin + int.from_bytes(data[at:begin], "big")


def _contents(data: bytes, at: int, end: int, begin: int, level: int) -> tuple[int, int]:
    """Return the end of the contents and of the value, where its length is not stated."""
    first = data[begin]
    if not first & _CONSTRUCTED:
        raise Damaged("a plain value does not state its length", begin)
    if level > _MOST_LEVELS:
        raise Damaged("its values lie too deep in each other", begin)
    while at + 2 <= end:
        if data[at] == 0 and data[at + 1] == 0:
            return at, at + 2
        inner, tag = at, data[at]
        at += 1
        if tag & _LONG_TAG == _LONG_TAG:
            _, at = _long_tag(data, at, end, tag)
        if at >= end:
            break
        length = data[at]
        at += 1
        if length == _INDEFINITE:
            _, at = _contents(data, at, end, inner, level + 1)
        elif length < _INDEFINITE:
            at += length
        else:
            _, at = _long_length(data, at, end, length)
    raise Damaged("a value whose length is not stated has no end", begin)
