"""The numbers that a source counts its files or messages with, and which of them never came."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

LATE_WITHIN_MS = 5 * 60_000  # a number that comes so late was late, not missed: the usual setting
# A number this far below the highest is no late one: the source counts anew.
ANEW_BELOW = 1_000
MOST_HOLES = 64  # kept open; of more the oldest are missed at once


class Hole(msgspec.Struct, frozen=True, array_like=True):
    """Numbers that were passed over: ``first <= number < end``."""

    first: int
    end: int
    noticed_at_ms: int


class Numbers(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the numbers of one source."""

    highest: int | None = None
    missed: int = 0  # numbers that did not come in time, since it is watched
    holes: tuple[Hole, ...] = ()
    left_at: int | None = None  # highest before the source counted anew


def seen(
    numbers: Numbers, *, first: int, last: int, at_ms: int, late_ms: int = LATE_WITHIN_MS
) -> Numbers:
    """Return the numbers after a batch that began with one and ended with another.

    What lies between the two counts as seen. A batch that ends below its beginning is read as two
    numbers: the source began anew in it, or its records came in another order.
    """
    numbers = settled(numbers, at_ms=at_ms, late_ms=late_ms)
    parts = ((first, last),) if first <= last else ((first, first), (last, last))
    for begin, end in parts:
        numbers = _seen(numbers, begin, end, at_ms)
    return settled(numbers, at_ms=at_ms, late_ms=late_ms)


def settled(numbers: Numbers, *, at_ms: int, late_ms: int = LATE_WITHIN_MS) -> Numbers:
    """Return the numbers with what has not come in time counted as missed."""
    if not numbers.holes:
        return numbers
    late = numbers.holes[:-MOST_HOLES]
    kept = numbers.holes[-MOST_HOLES:]
    given_up = (*late, *(one for one in kept if one.noticed_at_ms + late_ms <= at_ms))
    if not given_up:
        return numbers
    still = tuple(one for one in kept if one.noticed_at_ms + late_ms > at_ms)
    return replace(numbers, missed=numbers.missed + _size(given_up), holes=still)


def interrupted(numbers: Numbers) -> Numbers:
    """Return the numbers after proofs that nobody has read: what was in them is not known."""
    return replace(numbers, highest=None, holes=(), left_at=None)


def _seen(numbers: Numbers, first: int, last: int, at_ms: int) -> Numbers:
    highest = numbers.highest
    if highest is None:
        return replace(numbers, highest=last)
    if last < highest - ANEW_BELOW:
        return replace(numbers, highest=last, left_at=highest)
    left_at = numbers.left_at
    if left_at is not None and first > highest + ANEW_BELOW and abs(first - left_at) <= ANEW_BELOW:
        # It had not counted anew: an old file had been sent once more.
        return _seen(replace(numbers, highest=left_at, left_at=None), first, last, at_ms)
    holes = tuple(_filled(numbers.holes, first, last + 1))
    if first > highest + 1:
        holes = (*holes, Hole(highest + 1, first, at_ms))
    return replace(numbers, highest=max(highest, last), holes=holes)


def _filled(holes: Iterable[Hole], first: int, end: int) -> Iterable[Hole]:
    """Yield what is left of the holes without ``first <= number < end``."""
    for hole in holes:
        if hole.first < min(first, hole.end):
            yield Hole(hole.first, min(first, hole.end), hole.noticed_at_ms)
        if max(end, hole.first) < hole.end:
            yield Hole(max(end, hole.first), hole.end, hole.noticed_at_ms)


def _size(holes: Iterable[Hole]) -> int:
    return sum(hole.end - hole.first for hole in holes)
