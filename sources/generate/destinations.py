"""Where calls go: numbers under the prefixes of a rate card, and numbers under none of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sources.generate.draw import Draw, skewed

NUMBER_DIGITS = 12


def prefixes_of(card: str) -> tuple[str, ...]:
    """Return the prefixes of a rate card, each once, in its order.

    `ValueError` where the text has no column ``prefix``.
    """
    rows = csv.DictReader(io.StringIO(card, newline=""))
    if "prefix" not in (rows.fieldnames or ()):
        raise ValueError("the rate card has no column `prefix`")
    found = dict.fromkeys(row["prefix"].strip() for row in rows if row["prefix"])
    return tuple(prefix for prefix in found if prefix)


class Destinations:
    """Numbers to call. Some prefixes are called often, most seldom; which, the seed decides."""

    def __init__(self, prefixes: Sequence[str], draw: Draw) -> None:
        assert prefixes, "a call needs a rate card to draw its destination from"
        shuffled = sorted(prefixes, key=lambda prefix: (draw.bits(32), prefix))
        self._prefixes = skewed(shuffled, head=3)
        self._unknown = _prefix_without_price(prefixes)

    def number(self, draw: Draw) -> str:
        """Return a number that the card has a price for, without a plus."""
        return _number(self._prefixes.pick(draw), draw)

    def unknown_number(self, draw: Draw) -> str:
        """Return a number that the card has no price for."""
        return _number(self._unknown, draw)


def _number(prefix: str, draw: Draw) -> str:
    digits = max(NUMBER_DIGITS - len(prefix), 3)
    return f"{prefix}{draw.below(10**digits):0{digits}d}"


def _prefix_without_price(prefixes: Sequence[str]) -> str:
    """Return four digits under which, and above which, the card has nothing."""
    for candidate in range(9999, 999, -1):
        digits = str(candidate)
        if not any(digits.startswith(known) or known.startswith(digits) for known in prefixes):
            return digits
    raise ValueError("the rate card has a price for every number there is")
