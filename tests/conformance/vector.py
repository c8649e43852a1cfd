"""A vector: a price and usage of a public system in its own words, and the result it gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

SYSTEMS = ("billrun", "cgrates", "killbill", "lago", "misc", "openmeter")


@dataclass(frozen=True)
class Vector:
    """One line of a file of vectors. Numbers that are not text are `Decimal` or `int`."""

    id: str
    system: str  # whose words these are: the stem of the file's name, as a rule
    model: str
    price: Any
    usage: Any
    expected: dict[str, Any]
    exact: Any = None  # the right value where the published one is wrong
    flags: dict[str, Any] = field(default_factory=dict)


_FIELDS = {"id", "source", "model", "price", "usage", "expected", "notes", "exact"}


def read_vectors(file: Path) -> Iterator[Vector]:
    """Yield the vectors of a file of JSON lines."""
    for line in file.read_text().splitlines():
        if not line.strip():
            continue
        stated = json.loads(line, parse_float=Decimal)
        yield Vector(
            id=stated["id"],
            system=system_of(file, stated),
            model=stated["model"],
            price=stated["price"],
            usage=stated["usage"],
            expected=stated["expected"],
            exact=stated.get("exact"),
            flags={name: value for name, value in stated.items() if name not in _FIELDS},
        )


def system_of(file: Path, stated: dict[str, Any]) -> str:
    """Return whose words a vector has: the name of the file begins with it, else the source has it."""
    for system in SYSTEMS:
        if file.stem.startswith(system):
            return system
    source = str(stated.get("source", "")).lower().replace(" ", "")
    return next((system for system in SYSTEMS if system in source), "misc")
