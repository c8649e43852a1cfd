"""A condition as its words, each with its column. What is no word of the language is refused here,
before the expression library sees any of it: functions, arithmetic, regular expressions, clocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from rating.conditions.names import ALONE, Name, NameOf

MAX_LENGTH = 500
"""Of a condition, in characters; more is a table that wants to be plans or cards."""

EXAMPLE = 'account.vip == "gold" and quantity > 100'
NAMES = f"event.<attribute>, account.<attribute>, subscription.<attribute>, {', '.join(ALONE)}"

_WORD = re.compile(
    r"""
      (?P<text> "[^"\\\n]*" | '[^'\\\n]*' )
    | (?P<number> -?[0-9]+(?:\.[0-9]+)?(?![\w.]) )
    | event\s*\[\s*(?P<quoted> "[^"\\\n]*" | '[^'\\\n]*' )\s*\]
    | (?P<name> [A-Za-z_$][\w$]*(?:\.[\w$]+)* )
    | (?P<sign> == | != | <= | >= | < (?![<]) | > (?![>]) | [()\[\],] )
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"\s*")
_ATTRIBUTE = re.compile(r"[a-z0-9_.-]{1,64}")  # of events: as mappings name them
_HOLDER_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,63}")  # as reference data names them
_KEYWORDS = ("and", "or", "not", "in")
_MAX_DIGITS = 24
_SHOWN = 20  # characters of what is no word


class ConditionError(Exception):
    """What is wrong with a condition, and at which character of it, from 1."""

    def __init__(self, column: int, expected: str, found: str) -> None:
        super().__init__(f"column {column}: expected {expected}, found {found}")
        self.column = column
        self.expected = expected
        self.found = found


class Kind(Enum):
    """What a word is."""

    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"  # and the keywords


class Word(NamedTuple):
    """A word, and where it stands."""

    kind: Kind
    text: str  # as it is written
    column: int
    name: Name | None = None

    @property
    def is_value(self) -> bool:
        """Return whether it stands for a value."""
        return self.kind is not Kind.SIGN


def words_of(text: str) -> list[Word]:
    """Return the words of a condition. Raises `ConditionError`."""
    if not text.strip():
        raise ConditionError(1, f"a condition such as {EXAMPLE}", "nothing")
    if len(text) > MAX_LENGTH:
        raise ConditionError(
            MAX_LENGTH + 1, f"at most {MAX_LENGTH} characters", f"{len(text)} characters"
        )
    return list(_words(text))


def _words(text: str) -> Iterator[Word]:
    at = _end_of_space(text, 0)
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise _no_word(text, at)
        yield _word(match, at + 1)
        at = _end_of_space(text, match.end())


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None, "it matches nothing, too"
    return found.end()


def _word(match: re.Match[str], column: int) -> Word:
    written = match[0]
    if match["text"]:
        return Word(Kind.TEXT, written, column)
    if match["number"]:
        if len(written) > _MAX_DIGITS:
            expected = f"a number of at most {_MAX_DIGITS} characters"
            raise ConditionError(column, expected, written)
        return Word(Kind.NUMBER, written, column)
    if match["quoted"]:
        attribute = match["quoted"][1:-1]
        return Word(Kind.NAME, written, column, _event_attribute(attribute, column))
    if written in _KEYWORDS or match["sign"]:
        return Word(Kind.SIGN, written, column)
    return Word(Kind.NAME, written, column, _name(written, column))


def _name(written: str, column: int) -> Name:
    of, dot, attribute = written.partition(".")
    if not dot and of in ALONE:
        return Name(NameOf.USAGE, of)
    if dot and of == NameOf.EVENT.value:
        return _event_attribute(attribute, column)
    is_of_holder = dot and of in (NameOf.ACCOUNT.value, NameOf.SUBSCRIPTION.value)
    if is_of_holder and _HOLDER_ATTRIBUTE.fullmatch(attribute):
        return Name(NameOf(of), attribute)
    raise ConditionError(column, f"one of the names {NAMES}", repr(written))


def _event_attribute(attribute: str, column: int) -> Name:
    if not _ATTRIBUTE.fullmatch(attribute):
        expected = "an attribute of the event, of a-z, 0-9, '-', '_' and '.'"
        raise ConditionError(column, expected, repr(attribute))
    return Name(NameOf.EVENT, attribute)


def _no_word(text: str, at: int) -> ConditionError:
    rest = text[at : at + _SHOWN].split("\n")[0]
    if rest[0] in "\"'":
        return ConditionError(
            at + 1, "a text between quotes, on one line and without a backslash", repr(rest)
        )
    expected = "names, texts, numbers, == != < <= > >=, in, and, or, not, ( ), [ ]"
    return ConditionError(at + 1, f"{expected}, such as {EXAMPLE}", repr(rest))
