"""What was meant by a name, a unit or a quantity that is written almost as we read it.

Only for messages: nothing is ever read as what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import SequenceMatcher
from fractions import Fraction

from rating.units import names_into
from schemas.decimals import parse_decimal

_ALIKE = Fraction(4, 5)  # a slip in five letters; less, and product:fax is taken for product:data
_QUANTITY = re.compile(r"(?:(-?[0-9.]+)\s*)?([A-Za-z][A-Za-z0-9_-]*)")
_LONGEST_NAME = 100  # letters; a longer text is no slip of a name
_MOST_NAMES = 500  # that are compared letter by letter
_LEAST_LETTERS = 3  # of the beginning of a name: sec for second, but not m for min


def closest(text: str, among: Collection[str]) -> str | None:
    """Return the one of the names that is most like ``text``; None where none is much like it, and
    where finding it would take long."""
    if len(text) > _LONGEST_NAME or len(among) > _MOST_NAMES:
        return None
    best = max((str(name) for name in among), key=lambda name: _likeness(text, name), default="")
    return best if best and _likeness(text, best) >= _ALIKE else None


def meant_quantity(text: str, *, unit: str | None = None) -> str:
    """Return `` (did you mean 10 GB?)`` for ``10GB`` or ``10 gb``, to stand behind what was found.

    ``unit``: what the quantity is to be converted into; None: any. Empty where nothing is near.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or (match[1] is not None and parse_decimal(match[1]) is None):
        return ""
    name = meant_unit(match[2], unit=unit)
    if name is None and unit is None:
        name = match[2]  # a unit of a site's own
    shown = name if name is None or match[1] is None else f"{match[1]} {name}"
    return "" if shown in (None, text) else f" (did you mean {shown}?)"


def meant_unit(name: str, *, unit: str | None = None) -> str | None:
    """Return the unit that a name is another spelling of, among those that can be written in
    ``unit`` (None: all); None where it is like none of them."""
    names = names_into(unit)
    if name in names:
        return name
    folded = name.casefold()
    for known in names:
        if known.casefold() == folded:
            return known
    if len(name) >= _LEAST_LETTERS:
        for known in names:
            if known.casefold().startswith(folded):
                return known
    return closest(name, names)


def meant_name(text: str, among: Collection[str]) -> str:
    """Return `` Did you mean voice?``, to stand behind a sentence; empty where no name is near."""
    found = closest(text, among)
    return "" if found is None else f" Did you mean {found}?"


def _likeness(one: str, other: str) -> Fraction:
    """Return which share of the letters of both are in both, in their order."""
    blocks = SequenceMatcher(None, other, one).get_matching_blocks()
    return Fraction(2 * sum(block.size for block in blocks), len(one) + len(other))
