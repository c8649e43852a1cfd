"""What is wrong with a catalogue, and where."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from rating.meant import closest


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
    best = closest(text, among)
    return "" if best is None else f" (did you mean {best}?)"
