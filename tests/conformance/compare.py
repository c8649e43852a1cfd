"""Holds what the engine made of a vector against what its system says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.money import round_amount

_PLACES = {"_cents": 0, "_2dp": 2, "_3dp": 3, "_5dp": 5}


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return what differs among the keys of ``found``; all of ``expected`` if it has none of them.

    An adapter gives what the engine says; a key of ``expected`` that it leaves out is something that
    the system prints and no price: it must give one at least.
    """
    common = [key for key in expected if key in found]
    if not common:
        return [f"nothing of {sorted(expected)} was found, but {sorted(found)}"]
    wrong = []
    for key in common:
        if not same(expected[key], found[key], places=_places(key)):
            wrong.append(f"{key}: expected {expected[key]}, found {found[key]}")
    return wrong


def _places(key: str) -> int | None:
    return next((places for ending, places in _PLACES.items() if key.endswith(ending)), None)


def same(expected: Any, found: Any, *, places: int | None = None) -> bool:
    """Return whether two values are the same: numbers by value, lists and mappings by their parts.

    ``places``: how many the system keeps of its figure; ours, which keeps ten, is rounded to them.
    """
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and expected.keys() == found.keys()
            and all(same(expected[key], found[key], places=places) for key in expected)
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(found, list | tuple)
            and len(expected) == len(found)
            and all(same(e, f, places=places) for e, f in zip(expected, found, strict=True))
        )
    ours, theirs = number(found), number(expected)
    if ours is None or theirs is None or isinstance(expected, bool):
        return bool(expected == found)
    if places is not None:
        ours = round_amount(ours, decimal_places=places)
    return ours == theirs


def number(value: Any) -> Decimal | None:
    """Return the decimal that a value states, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
