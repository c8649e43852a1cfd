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
    return _tree(root, file, errors)


def _tree(node: object, file: str, errors: list[CatalogueError]) -> Node:
    assert isinstance(node, ScalarNode | SequenceNode | MappingNode)
    line = node.start_mark.line + 1
    if node.anchor:
        # An alias is the same node again, at one line for all its uses; and a cycle has no end.
        found = quoted(f"&{node.anchor}")
        errors.append(CatalogueError(file, line, "(file)", "values written out, no anchors", found))
        return Scalar("", line)
    if isinstance(node, ScalarNode):
        is_null = str(node.tag) == _NULL_TAG
        return Scalar("" if is_null else str(node.value), line)
    if isinstance(node, SequenceNode):
        return Sequence(tuple(_tree(item, file, errors) for item in node.value), line)
    entries = []
    for key, value in node.value:
        name = _tree(key, file, errors)
        if isinstance(name, Scalar):
            entries.append((name, _tree(value, file, errors)))
        else:
            errors.append(CatalogueError(file, name.line, "(file)", "a plain key", "a collection"))
    return Mapping(tuple(entries), line)
