"""Where calls go: numbers under the prefixes of a rate card, and numbers under none of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Sequence

from sources.generate.draw import Draw, skewed

NUMBER_DIGITS = 12
HOME = "49"  # where all numbers of accounts are from
_HOME_CALLS = 55  # of 100


def prefixes_of(cards: Iterable[str]) -> tuple[str, ...]:
    """Return the prefixes that every one of some rate cards has a price for, each once.

    `ValueError` where a card has no column ``prefix``, or they have no destination in common.
    """
    read = [_prefixes(card) for card in cards]
    found = dict.fromkeys(
        prefix
        for prefixes in read
        for prefix in prefixes
        if all(_is_priced(prefix, others) for others in read)
    )
    if not found:
        raise ValueError("the rate cards have no destination in common")
    return tuple(found)


def _prefixes(card: str) -> dict[str, None]:
    rows = csv.DictReader(io.StringIO(card, newline=""))
    if "prefix" not in (rows.fieldnames or ()):
        raise ValueError("a rate card has no column `prefix`")
    return dict.fromkeys(row["prefix"].strip() for row in rows if row["prefix"])


def _is_priced(number: str, prefixes: Container[str]) -> bool:
    """Return whether a prefix, or one that it begins with, is among some."""
    return any(number[:length] in prefixes for length in range(1, len(number) + 1))


class Destinations:
    """Numbers to call: more than half at home, then all over the card.

    Some prefixes are called often, most seldom; which ones, the seed decides.
    """

    def __init__(self, prefixes: Sequence[str], draw: Draw) -> None:
        assert prefixes, "a call needs a rate card to draw its destination from"
        shuffled = sorted(prefixes, key=lambda prefix: (draw.bits(32), prefix))
        self._anywhere = skewed(shuffled, head=3)
        home = [prefix for prefix in shuffled if prefix.startswith(HOME)]
        self._home = skewed(home, head=3) if home else self._anywhere
        self._unknown = _prefix_without_price(prefixes)

    def number(self, draw: Draw) -> str:
        """Return a number that the card has a price for, without a plus."""
        prefixes = self._home if draw.below(100) < _HOME_CALLS else self._anywhere
        return _number(prefixes.pick(draw), draw)

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
