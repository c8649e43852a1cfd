"""Where calls go: numbers under the prefixes of a rate card, and numbers under none of them."""

from __future__ import annotations

from collections.abc import Sequence

from sources.generate.draw import Draw, skewed

NUMBER_DIGITS = 12
HOME = "49"  # where all numbers of accounts are from
_HOME_CALLS = 55  # of 100


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
