"""What is wrong with a catalogue, and where."""

from __future__ import annotations

from typing import NamedTuple


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
