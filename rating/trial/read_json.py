"""The values of a text of JSON, each with its line: JSON Lines, one object over lines, or a list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from rating.catalogue.errors import quoted
from rating.trial.read_event import Number


class Value(NamedTuple):
    """One value."""

    line: int  # from 1: where it begins
    value: object


class NotJson(NamedTuple):
    """What is no JSON, and where."""

    line: int
    expected: str
    found: str


_SPACE = re.compile(r"\s*")


class _Refused(ValueError):
    """JSON that says nothing that can be relied on."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.expected, self.found = expected, found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused("each field once", f"{quoted(twice)} again")
    return found


def _no_number(text: str) -> NoReturn:
    raise _Refused("a decimal", text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_float=Number,  # digits, never a binary float
    parse_int=Number,
    parse_constant=_no_number,
)


def values_in(lines: Iterable[bytes]) -> Iterator[Value | NotJson]:
    """Yield the values of a text, and what is none.

    Where the first line that is not empty ends what it begins, every line is a value, and one that
    is no JSON is passed by after it is told; else all is one text, and ends where it is no JSON.
    """
    numbered = enumerate(lines, start=1)
    for number, content in numbered:
        line = _decoded(number, content)
        if isinstance(line, str) and not line.strip():
            continue
        if isinstance(line, str) and _is_whole(line):
            text = _decoded(number, b"".join([content, *(rest for _, rest in numbered)]))
            yield from [text] if isinstance(text, NotJson) else _whole(number, text)
            return
        yield line if isinstance(line, NotJson) else _value(number, line)
        yield from _lines(numbered)
        return


def _decoded_value(text: str, at: int) -> tuple[object, int]:
    """Return the value at a place, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except RecursionError:
        raise _Refused("flat fields", "lists or objects inside each other without end") from None
    if "\\u" in text[at:end]:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise _Refused("whole characters", f"half of one: {half}") from None
    return value, end


def _is_whole(first_line: str) -> bool:
    """Return whether the first line is no value, but the beginning of one, or of a list."""
    text = first_line.strip()
    return not text.endswith("}") or text.startswith("[")


def _decoded(number: int, content: bytes) -> str | NotJson:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = number + content.count(b"\n", 0, error.start)
        return NotJson(line, "UTF-8", f"the byte 0x{content[error.start]:02x}")


def _lines(numbered: Iterator[tuple[int, bytes]]) -> Iterator[Value | NotJson]:
    for number, content in numbered:
        line = _decoded(number, content)
        if isinstance(line, NotJson):
            yield line
        elif line.strip():
            yield _value(number, line)


def _value(number: int, line: str) -> Value | NotJson:
    text = line.strip()
    try:
        value, end = _decoded_value(text, 0)
    except ValueError as error:
        return _not_json(error, number, text, 0)
    if end < len(text):
        return NotJson(number, "one object a line", quoted(text[end:].strip()))
    return Value(number, value)


def _whole(first: int, text: str) -> Iterator[Value | NotJson]:
    at = _after_space(text, 0)
    inside = text[at : at + 1] == "["
    at = _after_space(text, at + inside)
    line, counted = first, 0
    while at < len(text):
        line, counted = line + text.count("\n", counted, at), at
        if inside and text[at] == "]":
            inside, at = False, _after_space(text, at + 1)
            continue
        try:
            value, end = _decoded_value(text, at)
        except ValueError as error:
            yield _not_json(error, line, text, at)
            return
        yield Value(line, value)
        at = _after_space(text, end)
        if inside and text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif inside and text[at : at + 1] != "]":
            line += text.count("\n", counted, at)
            yield NotJson(line, "',' or ']' after an event", quoted(text[at : at + 20].strip()))
            return
    if inside:
        yield NotJson(line + text.count("\n", counted), "']' at the end of the list", "nothing")


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None, "no space is some too"
    return match.end()


def _not_json(error: ValueError, line: int, text: str, begins: int) -> NotJson:
    """Return what is wrong with the value that begins at a place of a text, on a line."""
    if isinstance(error, _Refused):
        return NotJson(line, error.expected, error.found)
    assert isinstance(error, json.JSONDecodeError)
    found = quoted(text[error.pos : error.pos + 20].strip())
    return NotJson(line + text.count("\n", begins, error.pos), f"JSON ({error.msg})", found)
