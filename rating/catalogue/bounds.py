"""How large a catalogue may be. What is larger is refused with what to do, before it is read: a check
that never ends, or takes all memory, tells nobody what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import SupportsIndex

from rating.catalogue.errors import CatalogueError

MAX_ERRORS = 1_000
"""That are noted at once; who has more begins with these."""

MAX_FILES = 10_000
MAX_YAML_BYTES = 4_000_000  # 30,000 plans of one price; half a minute and half a gigabyte to read
MAX_CSV_BYTES = 128_000_000
MAX_CATALOGUE_BYTES = 512_000_000

MAX_ROWS = 1_000_000  # of one file; the largest price lists have 200,000
MAX_LINE_CHARACTERS = 10_000
MAX_LINES_OF_A_ROW = 100

MAX_PRICES_OF_A_PLAN = 1_000
MAX_PRICES = 300_000  # of all plans, written out: 10,000 customers of 30 prices each
MAX_ENTRIES = {
    "products": 2_000,
    "calendars": 200,
    "bands": 200,
    "cards": 1_000,
    "matrices": 200,
    "exchange_rates": 200,
    "plans": 30_000,
    "limits": 1_000,
}

MAX_SCENARIO_BYTES = 4_000_000
MAX_SCENARIO_EVENTS = 1_000_000  # of all scenarios of a folder: some minutes

_MB = 1_000_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


class Errors(list[CatalogueError]):
    """The errors of one check, of which the first `MAX_ERRORS` are kept."""

    @property
    def full(self) -> bool:
        """Return whether no more are kept."""
        return len(self) >= MAX_ERRORS

    def append(self, error: CatalogueError) -> None:
        """Keep an error, unless there are enough."""
        if not self.full:
            super().append(error)

    def extend(self, errors: Iterable[CatalogueError]) -> None:
        """Keep each of some errors, unless there are enough."""
        for error in errors:
            self.append(error)

    def __iadd__(self, errors: Iterable[CatalogueError], /) -> Errors:  # type: ignore[override,misc]
        """Keep each of some errors, unless there are enough."""
        self.extend(errors)
        return self

    def insert(self, index: SupportsIndex, error: CatalogueError) -> None:
        """Refused: errors are noted in the order in which they are found."""
        raise AssertionError("append it")

    def found(self) -> tuple[CatalogueError, ...]:
        """Return them by file and line, and behind them that there may be more."""
        found = tuple(sorted(set(self)))
        if not self.full:
            return found
        expected = f"fewer than {MAX_ERRORS:,} errors; correct these and check again"
        return (*found, CatalogueError("(folder)", 1, "(files)", expected, "perhaps more"))


def max_bytes(name: str) -> int:
    """Return how large a file of a catalogue may be, by its name."""
    if name.endswith(".csv"):
        return MAX_CSV_BYTES
    return MAX_SCENARIO_BYTES if name.endswith(".scenario") else MAX_YAML_BYTES


def bytes_to_read(name: str, read: int) -> int:
    """Return how many bytes of a file are enough to check it, or to see that it is too large, where
    so many were ``read`` of the files before it."""
    return max(0, min(max_bytes(name), MAX_CATALOGUE_BYTES - read) + 1)


def too_large(files: Mapping[str, bytes]) -> Iterator[CatalogueError]:
    """Yield what is too large to be looked at."""
    if len(files) > MAX_FILES:
        expected = f"at most {MAX_FILES:,} files; is this the folder of the catalogue?"
        yield CatalogueError("(folder)", 1, "(files)", expected, "more")
    total = sum(map(len, files.values()))
    if total > MAX_CATALOGUE_BYTES:
        expected = f"at most {MAX_CATALOGUE_BYTES // _MB} MB in all files; publish what is in force"
        yield CatalogueError("(folder)", 1, "(files)", expected, "more")
    for name, content in sorted(files.items()):
        most = max_bytes(name)
        if len(content) > most:
            how = _SMALLER if name.endswith(".csv") else "write it as several files"
            expected = f"at most {most // _MB} MB; {how}"
            yield CatalogueError(name, 1, "(file)", expected, "more")


_SMALLER = (
    "leave out rows that are no longer in force, or write several cards and name all in one price, "
    "with choose: longest"
)


class Lines:
    """The lines of a text with their ends, for a reader of records. Where one is too long, or a record
    has too many of them, that is noted and the lines end."""

    def __init__(self, file: str, text: str, errors: list[CatalogueError]) -> None:
        self._file = file
        self._errors = errors
        self._found = _LINE.finditer(text)
        self._number = self._of_record = 0

    def begin_record(self) -> None:
        """Say that what was read so far is read to its end."""
        self._of_record = 0

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line."""
        match = next(self._found)
        self._number += 1
        self._of_record += 1
        if self._of_record > MAX_LINES_OF_A_ROW:
            expected = f"rows of at most {MAX_LINES_OF_A_ROW} lines; a quote is not closed"
            raise self._end(expected, "another line")
        characters = match.end() - match.start()
        if characters > MAX_LINE_CHARACTERS:
            expected = f"lines of at most {MAX_LINE_CHARACTERS:,} characters"
            raise self._end(expected, f"{characters:,}")
        return match[0]

    def _end(self, expected: str, found: str) -> StopIteration:
        self._errors.append(CatalogueError(self._file, self._number, "(row)", expected, found))
        return StopIteration()


def too_many_rows(file: str, line: int) -> CatalogueError:
    """Return what is wrong with a file of more than `MAX_ROWS`; ``line``: of the first one above."""
    expected = f"at most {MAX_ROWS:,} rows; {_SMALLER}"
    return CatalogueError(file, line, "(row)", expected, "another")
