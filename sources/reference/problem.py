"""What is wrong with a reference file, and where."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing to correct, by whoever wrote the file. They sort by file and line."""

    file: str
    line: int  # from 1
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return one line, as a compiler would print it."""
        place = f"{self.file}:{self.line}: {self.field}"
        return f"{place}: expected {self.expected}, found {self.found}"


def quoted(text: str) -> str:
    """Return a text as it is shown in a problem: in quotes, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...") if text else "nothing"
