"""Lets the global options stand anywhere on the line: people write them last."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

WITH_VALUE = ("--installation", "--data", "--kafka", "--postgres")
FLAGS = ("--debug",)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the global options first; what follows ``--`` stays as it is."""
    first: list[str] = []
    rest: list[str] = []
    coming = iter(arguments)
    for word in coming:
        if word == "--":
            rest += [word, *coming]
        elif word in WITH_VALUE:
            first += [word, *itertools.islice(coming, 1)]
        elif word in FLAGS or word.startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            first.append(word)
        else:
            rest.append(word)
    return first + rest
