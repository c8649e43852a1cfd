"""A YAML file as a tree of texts with their lines.

Scalars stay the text that stands in the file: 0.10 never becomes a binary float, 0049 never the
number 49, and "no" never a boolean. What a text means is decided where it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from rating.catalogue.errors import CatalogueError, quoted

_NULL_TAG = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; empty where the file says nothing, ``~`` or ``null``."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys in the order of the file; a key that comes twice is here twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int


Node = Scalar | Sequence | Mapping


def under(node: Node, *keys: str) -> Node:
    """Return what lies under keys, one in the other; as far as there is something."""
    for name in keys:
        if isinstance(node, Mapping):
            node = next((value for key, value in node.entries if key.text == name), node)
    return node


def parse_yaml(file: str, text: str, errors: list[CatalogueError]) -> Node | None:
    """Return the tree of a file, or None after adding to ``errors`` why there is none."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        errors.append(CatalogueError(file, line, "(file)", "YAML", str(error.problem)))
        return None
    except YAMLError as error:
        errors.append(CatalogueError(file, 1, "(file)", "YAML", str(error).splitlines()[0]))
        return None
    except RecursionError:
        errors.append(CatalogueError(file, 1, "(file)", "YAML of a few levels", "far more levels"))
        return None
    if root is None:
        errors.append(CatalogueError(file, 1, "(file)", "a mapping such as `plans:`", "nothing"))
        return None
    return _Grower(file, errors).tree(root)


class _Grower:
    """Turns the nodes of the parser into a tree."""

    def __init__(self, file: str, errors: list[CatalogueError]) -> None:
        self._file = file
        self._errors = errors
        self._grown: dict[int, Node] = {}  # by the parser's node: an alias is the same node again

    def tree(self, node: object) -> Node:
        assert isinstance(node, ScalarNode | SequenceNode | MappingNode)
        if id(node) in self._grown:
            return self._grown[id(node)]
        line = node.start_mark.line + 1
        if node.anchor:
            # The line of an alias is that of its anchor, so an error in it would name the wrong
            # one. It is read on all the same: there may be more to correct.
            self._complain(line, "values written out, no anchors", quoted(f"&{node.anchor}"))
        self._grown[id(node)] = Scalar("", line)  # what a cycle finds
        grown = self._grown[id(node)] = self._grow(node, line)
        return grown

    def _grow(self, node: ScalarNode | SequenceNode | MappingNode, line: int) -> Node:
        if isinstance(node, ScalarNode):
            is_null = str(node.tag) == _NULL_TAG
            return Scalar("" if is_null else str(node.value), line)
        if isinstance(node, SequenceNode):
            return Sequence(tuple(self.tree(item) for item in node.value), line)
        entries = []
        for key, value in node.value:
            name = self.tree(key)
            if isinstance(name, Scalar):
                entries.append((name, self.tree(value)))
            else:
                self._complain(name.line, "a plain key", "a collection")
        return Mapping(tuple(entries), line)

    def _complain(self, line: int, expected: str, found: str) -> None:
        self._errors.append(CatalogueError(self._file, line, "(file)", expected, found))
