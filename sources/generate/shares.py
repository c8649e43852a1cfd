"""How many records of each kind: exact counts, in an order that is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum, unique

from sources.generate.draw import Draw

PER = 10_000
"""Shares are parts of this: 250 are 2.5 %."""


@unique
class Kind(StrEnum):
    """What a generated record is. The values stand in `truth.jsonl` and name the options."""

    ORDINARY = "ordinary"
    UNANSWERED = "unanswered"  # a call of 0 s
    OUT_OF_ORDER = "out_of_order"  # up to six hours older than its neighbours
    LATE = "late"  # days older, within the horizon
    PAST_HORIZON = "past_horizon"  # older than duplicates are remembered for
    DUPLICATE = "duplicate"  # a record of before, byte for byte
    CONFLICT = "conflict"  # the identity of a record of before, with another quantity
    BROKEN = "broken"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    UNKNOWN_DESTINATION = "unknown_destination"


Shares = Mapping[Kind, int]
"""Parts of `PER` for each kind but `ORDINARY`, which is the rest."""

DEFAULT_SHARES: Shares = {
    Kind.UNANSWERED: 1200,
    Kind.OUT_OF_ORDER: 300,
    Kind.LATE: 100,
    Kind.PAST_HORIZON: 10,
    Kind.DUPLICATE: 200,
    Kind.CONFLICT: 5,
    Kind.BROKEN: 40,
    Kind.UNKNOWN_SUBSCRIBER: 50,
    Kind.UNKNOWN_DESTINATION: 20,
}


def counts_of(shares: Shares, *, records: int) -> dict[Kind, int]:
    """Return how many records of each kind, rounded down; `ORDINARY` is the rest.

    `ValueError` where the shares leave no room for it: copies need something to copy.
    """
    counts = {kind: records * shares.get(kind, 0) // PER for kind in Kind}
    assert not counts[Kind.ORDINARY], "the rest is not a share"
    counts[Kind.ORDINARY] = records - sum(counts.values())
    if counts[Kind.ORDINARY] < 1 or min(counts.values()) < 0:
        raise ValueError(f"the shares of the kinds leave no ordinary records among {records}")
    return counts


def kinds_in_order(counts: Mapping[Kind, int], draw: Draw) -> Iterator[Kind]:
    """Yield each kind exactly as often as counted; the first record is ordinary.

    Selection sampling (Knuth, The Art of Computer Programming, 3.4.2): no list of all is held.
    """
    left: dict[Kind, int] = dict(counts)
    del left[Kind.ORDINARY]
    special = sum(left.values())
    ordinary = counts[Kind.ORDINARY] - 1
    yield Kind.ORDINARY
    while special or ordinary:
        place = draw.below(special + ordinary)
        if place >= special:
            ordinary -= 1
            yield Kind.ORDINARY
            continue
        kind = _kind_at(place, left)
        left[kind] -= 1
        special -= 1
        yield kind


def _kind_at(place: int, left: Mapping[Kind, int]) -> Kind:
    for kind, count in left.items():
        if place < count:
            return kind
        place -= count
    raise AssertionError("the place is among those that are left")
