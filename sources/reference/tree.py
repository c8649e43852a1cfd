"""A file as values that know their line. Scalars stay the text that stands there.

So 0049301 is no number, 10.10 no binary float and "no" no boolean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sources.reference.problem import Problem, quoted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value:
    """A text, a list or a table; an empty text where the file says nothing."""

    data: str | Sequence[Value] | Mapping[str, Value]
    line: int

    def shown(self) -> str:
        """Return how a problem shows the value."""
        if isinstance(self.data, str):
            return quoted(self.data)
        return "several fields" if isinstance(self.data, Mapping) else "a list"


class Reader:
    """Reads values of one file; what is wrong is noted, and read as if it were not there."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self._problems = problems

    def complain(self, line: int, field: str, expected: str, found: str) -> None:
        """Note a problem."""
        self._problems.append(Problem(self.file, line, field, expected, found))

    def table(
        self,
        value: Value,
        field: str,
        *,
        required: Sequence[str],
        optional: Sequence[str],
    ) -> Mapping[str, Value] | None:
        """Return the fields of a table that are known; None where it is none.

        A field that nobody reads is noted: whoever wrote it meant something.
        """
        if not isinstance(value.data, Mapping):
            expected = f"the fields {', '.join(required)}"
            self.complain(value.line, field, expected, value.shown())
            return None
        for name, part in value.data.items():
            if name not in (*required, *optional):
                expected = f"one of {', '.join((*required, *optional))}"
                self.complain(part.line, f"{field}.{name}", expected, quoted(name))
        for name in required:
            if name not in value.data:
                self.complain(value.line, f"{field}.{name}", "a value", "nothing")
        return value.data

    def items(self, value: Value | None, field: str) -> Sequence[Value]:
        """Return the values of a list; of nothing, none."""
        if value is None or value.data == "":
            return ()
        if isinstance(value.data, str | Mapping):
            self.complain(value.line, field, "a list", value.shown())
            return ()
        return value.data

    def read(
        self, value: Value | None, field: str, expected: str, accept: Callable[[str], T | None]
    ) -> T | None:
        """Return what ``accept`` makes of a text; None, and noted, where that is None.

        None too where the value is not there at all: `table` noted it, or it is optional.
        """
        if value is None:
            return None
        if isinstance(value.data, str) and value.data:
            accepted = accept(value.data)
            if accepted is not None:
                return accepted
        self.complain(value.line, field, expected, value.shown())
        return None
