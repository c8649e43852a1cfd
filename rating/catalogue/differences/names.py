"""What products and plans are called: by the name that people know, where it is one thing's."""

from __future__ import annotations

from collections.abc import Iterable

from rating.catalogue.document import Plan, Product


def called(*catalogues: Iterable[Product | Plan]) -> dict[str, str]:
    """Return names by code: the first catalogue's first. The code stands behind a name that
    several have."""
    names: dict[str, str] = {}
    for things in catalogues:
        for thing in things:
            names.setdefault(thing.code, thing.name)
    all_names = list(names.values())
    return {
        code: name if all_names.count(name) == 1 else f"{name} ({code})"
        for code, name in names.items()
    }
