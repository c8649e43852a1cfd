"""Reads `when:`: the condition of a price or of a discount, with every type checked."""

from __future__ import annotations

from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node
from rating.conditions.condition import Condition
from rating.conditions.words import EXAMPLE, ConditionError


def read_condition(reader: Reader, node: Node | None, field: str) -> Condition | None:
    """Return the condition that a text states; None where there is none, or it is refused."""
    if node is None:
        return None
    text = reader.text(node, field, expected=f"a condition such as {EXAMPLE}")
    if not text:
        return None
    try:
        return Condition(text)
    except ConditionError as error:
        found = f"{error.found} (character {error.column} of the condition)"
        reader.complain(node, field, expected=error.expected, found=found)
        return None
