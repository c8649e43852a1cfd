"""The sections of a scenario text: headings at the margin, their lines indented below them."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from rating.catalogue.errors import CatalogueError, quoted, suggestion

CATALOGUE = "Catalogue"
CARD = "Card "
MATRIX = "Matrix "
ACCOUNT = "Account "
SUBSCRIPTION = "Subscription "
SCENARIO = "Scenario: "

_HEADING = re.compile(r"Catalogue|(?:Card|Matrix|Account|Subscription) .+|Scenario: .+")
_WORDS = ("Catalogue", "Card", "Matrix", "Account", "Subscription", "Scenario:")
_HEADINGS = (
    "a heading: 'Catalogue', 'Card <name>', 'Matrix <name>', 'Account on plan <plan> in <currency>, "
    "zone <zone>', 'Subscription <name>' or 'Scenario: <title>'"
)


class Line(NamedTuple):
    """One line of a text."""

    number: int  # from 1
    text: str


class Section(NamedTuple):
    """A heading, and the lines below it."""

    heading: Line
    lines: tuple[Line, ...]

    @property
    def block(self) -> str:
        """Return the lines as a text of their own, without what all of them are indented by."""
        return textwrap.dedent("\n".join(line.text for line in self.lines)).strip("\n") + "\n"

    @property
    def block_line(self) -> int:
        """Return the number of the block's first line."""
        filled = [line.number for line in self.lines if line.text.strip()]
        return filled[0] if filled else self.heading.number


def sections_of(file: str, text: str, errors: list[CatalogueError]) -> list[Section]:
    """Return the sections of a text; what stands before the first heading is prose."""
    found: list[tuple[Line, list[Line]]] = []
    for number, content in enumerate(text.splitlines(), start=1):
        line = Line(number, content)
        if content.startswith((" ", "\t")) or not content.strip():
            if found:
                found[-1][1].append(line)
            elif content.strip():
                expected = "a heading before lines that are indented"
                errors.append(CatalogueError(file, number, "text", expected, quoted(content)))
        elif _HEADING.fullmatch(content.rstrip()):
            found.append((Line(number, content.rstrip()), []))
        elif found:
            found_word = quoted(content) + suggestion(content.partition(" ")[0], _WORDS)
            errors.append(CatalogueError(file, number, "heading", _HEADINGS, found_word))
    return [Section(heading, tuple(lines)) for heading, lines in found]
