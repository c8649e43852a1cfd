"""A mapping's YAML as values that know their line, and everything that is wrong with them.

Scalars stay the text that stands in the file: "no" is no boolean, 1.10 no binary float. A value
that is refused stands as a harmless one, so that the reading goes on to the next problem; a
document with problems gives no mapping, so none of those is ever used.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.ledger import WITHOUT_USAGE

_NULL_TAG = "tag:yaml.org,2002:null"
CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Problem(NamedTuple):
    """One thing to correct, by whoever wrote the file."""

    file: str
    line: int  # from 1
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return one line, as a compiler would print it."""
        return (
            f"{self.file}:{self.line}: {self.field}: expected {self.expected}, found {self.found}"
        )


class InvalidMapping(ValueError):
    """A mapping that cannot be used, with all that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(str(problem) for problem in problems)
        super().__init__(f"{listed}\nOperator action: correct the mapping, load it again.")


class Part:
    """One value of a document."""

    def __init__(self, node: Node, field: str, file: str, problems: list[Problem]) -> None:
        self._node = node
        self.field = field
        self._file = file
        self._problems = problems

    @property
    def line(self) -> int:
        """Return the line that the value begins at, from 1."""
        return int(self._node.start_mark.line) + 1

    @property
    def is_text(self) -> bool:
        """Return whether the value is a scalar."""
        return isinstance(self._node, ScalarNode)

    @property
    def is_list(self) -> bool:
        """Return whether the value is a sequence."""
        return isinstance(self._node, SequenceNode)

    def problem(self, expected: str, found: str | None = None) -> None:
        """Note what was expected here."""
        found = self._found() if found is None else found
        self._problems.append(Problem(self._file, self.line, self.field, expected, found))

    def text(self, expected: str = "a text") -> str:
        """Return the text of a scalar; noted where it is none, or empty."""
        node = self._node
        if isinstance(node, ScalarNode) and str(node.tag) != _NULL_TAG and node.value:
            return str(node.value)
        self.problem(expected)
        return ""

    def code(self) -> str:
        """Return a name of a-z, 0-9, dot, dash and underscore."""
        text = self.text("a name")
        if text and not CODE.fullmatch(text):
            self.problem("a name of a-z, 0-9, '-', '_' and '.'")
        return text

    def usage_kind(self) -> str:
        """Return a name that is no word of the ledger's own."""
        text = self.code()
        if text in WITHOUT_USAGE:
            self.problem(f"a kind of usage; {text!r} is one of charges without any")
        return text

    def whole_number(self, *, at_least: int, at_most: int) -> int:
        """Return a whole number within bounds."""
        expected = f"a whole number from {at_least} to {at_most:,}"
        text = self.text(expected)
        if text and not (re.fullmatch(r"[0-9]{1,9}", text) and at_least <= int(text) <= at_most):
            self.problem(expected)
            return at_least
        return int(text or at_least)

    def choice(self, options: Collection[str]) -> str:
        """Return one of a few words."""
        expected = " or ".join(options)
        text = self.text(expected)
        if text and text not in options:
            self.problem(expected)
        return text if text in options else next(iter(options))

    def parts(self, expected: str = "a list") -> list[Part]:
        """Return the values of a list; a single scalar is a list of one."""
        node = self._node
        if isinstance(node, SequenceNode):
            return [
                Part(item, f"{self.field}[{index}]", self._file, self._problems)
                for index, item in enumerate(node.value)
            ]
        if isinstance(node, ScalarNode) and str(node.tag) != _NULL_TAG:
            return [self]
        self.problem(expected)
        return []

    def texts(self, expected: str = "a list of texts") -> list[str]:
        """Return a list of texts; a single scalar is a list of one."""
        return [text for part in self.parts(expected) if (text := part.text())]

    def fields(self, expected: str = "a mapping") -> dict[str, Part]:
        """Return the values of a mapping by their keys; a key that comes twice is noted."""
        if not isinstance(self._node, MappingNode):
            self.problem(expected)
            return {}
        fields: dict[str, Part] = {}
        for key, value in self._node.value:
            if not isinstance(key, ScalarNode):
                self.problem(expected, found="a key that is a collection")
                continue
            path = f"{self.field}.{key.value}" if self.field else str(key.value)
            part = Part(value, path, self._file, self._problems)
            if str(key.value) in fields:
                part.problem("each key once", found="it a second time")
            fields[str(key.value)] = part
        return fields

    def known(
        self, *, required: Collection[str] = (), optional: Collection[str] = ()
    ) -> dict[str, Part]:
        """Return the values of a mapping that has these keys and no other."""
        fields = self.fields(f"a mapping with {', '.join([*required, *optional])}")
        refuse_unknown(fields, (*required, *optional))
        for name in required:
            if name not in fields:
                self.problem(f"a key {name}", found="none")
        return {name: part for name, part in fields.items() if name in {*required, *optional}}

    def _found(self) -> str:
        node = self._node
        if isinstance(node, MappingNode):
            return "a mapping"
        if isinstance(node, SequenceNode):
            return "a list"
        text = str(node.value)
        return repr(text if len(text) <= 60 else text[:57] + "...") if text else "nothing"


def refuse_unknown(fields: dict[str, Part], known: Collection[str]) -> None:
    """Note each key that is not known: a key that nobody reads is a rule that nobody keeps."""
    for name, part in fields.items():
        if name not in known:
            part.problem(f"one of the keys {', '.join(known)}", found=repr(name))


def read_document(text: str, file: str, problems: list[Problem]) -> Part | None:
    """Return the root of a YAML document, or None after noting why there is none."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(Problem(file, line, "(file)", "YAML", str(error.problem)))
        return None
    except YAMLError as error:
        problems.append(Problem(file, 1, "(file)", "YAML", str(error).splitlines()[0]))
        return None
    except RecursionError:
        problems.append(Problem(file, 1, "(file)", "YAML of a few levels", "far more levels"))
        return None
    if not isinstance(root, MappingNode):
        problems.append(Problem(file, 1, "(file)", "a mapping such as `kind: delimited`", "none"))
        return None
    return Part(root, "", file, problems)
