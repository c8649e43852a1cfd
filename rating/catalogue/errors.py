"""What is wrong with a catalogue, and where."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher
from fractions import Fraction
from typing import NamedTuple

_ALIKE = Fraction(4, 5)  # a slip in five letters; less, and product:fax is taken for product:data


class CatalogueError(NamedTuple):
    """One thing to correct, by whoever wrote the file."""

    file: str
    line: int  # from 1
    field: str  # "plans.iot-basic.prices.data.price.per", or a column of a card
    expected: str
    found: str

    def __str__(self) -> str:
        """Return one line, as a compiler would print it."""
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.field}: expected {self.expected}, found {self.found}"


def quoted(text: str) -> str:
    """Return what was found, as it is shown: cut where it is long, and never empty."""
    if not text:
        return "nothing"
    shown = text if len(text) <= 60 else text[:57] + "..."
    return repr(shown)


def suggestion(text: str, among: Collection[str]) -> str:
    """Return `` (did you mean increments?)`` where one of the names is much like ``text``, so that
    it can stand behind what was found; empty where none is."""
    best = max((str(name) for name in among), key=lambda name: _likeness(text, name), default="")
    return f" (did you mean {best}?)" if best and _likeness(text, best) >= _ALIKE else ""


def _likeness(one: str, other: str) -> Fraction:
    """Return which share of the letters of both are in both, in their order."""
    blocks = SequenceMatcher(None, other, one).get_matching_blocks()
    return Fraction(2 * sum(block.size for block in blocks), len(one) + len(other))
