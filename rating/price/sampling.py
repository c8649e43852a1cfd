"""Sampling: the samples of a month, one for each interval and direction, and the units billed of them.

What the records of one interval come to is the sample of that interval: their sum, or the largest
of them. Neither depends on the order in which records come. Above its intervals a month knows no
record any more, so its work and memory are bounded by the number of those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import NamedTuple

import msgspec

from rating.price.percentile import Directions, PercentileMethod, percentile, rank
from schemas.decimals import EXACT, ZERO

IN, OUT = "in", "out"
BOTH = ""  # the direction of samples that have none


class WithinInterval(StrEnum):
    """What the records of one interval make of its sample."""

    SUM = "sum"
    LARGEST = "largest"


class Missing(StrEnum):
    """What becomes of an interval without a record."""

    LEFT_OUT = "left_out"  # it is no sample
    ZERO = "zero"  # it is a sample of nothing


class Billed(StrEnum):
    """What of the samples is billed once the highest were dropped."""

    HIGHEST = "highest"  # the highest one that is left: a level
    REST = "rest"  # all that is left, added up


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the samples of a month become the units that it is billed for."""

    percent: Decimal
    method: PercentileMethod = PercentileMethod.DISCARD_FLOOR
    interval_minutes: int = 5  # a part of an hour, so that every day is a whole number of them
    within: WithinInterval = WithinInterval.SUM
    direction_by: str = ""  # an attribute of the event that is in or out; empty: there is one line
    directions: Directions | None = None  # where there is a direction
    missing: Missing = Missing.LEFT_OUT
    billed: Billed = Billed.HIGHEST


class Line(NamedTuple):
    """The samples of one line, and what is billed of them."""

    direction: str  # in, out, or empty
    samples: int  # with those that were made up
    made_up: int  # of an interval without a record
    dropped: int  # the highest ones
    units: Decimal


class Level(NamedTuple):
    """What a month's samples come to."""

    units: Decimal
    lines: tuple[Line, ...]  # none: there was no sample


Samples = Mapping[str, Mapping[int, Decimal]]
"""By direction, and by the number of the interval in its month; in the product's unit."""


def added_to(within: WithinInterval, *, before: Decimal, units: Decimal, is_first: bool) -> Decimal:
    """Return by how much a record of ``units`` changes the sample of its interval."""
    if within is WithinInterval.SUM or is_first:
        return units
    return EXACT.subtract(units, before) if units > before else ZERO


def level_of(sampling: Sampling, samples: Samples, *, intervals: int) -> Level:
    """Return the units that a month is billed for, in the unit of its samples; exact.

    ``intervals``: how many of them the line was there for; those without a sample are made up where
    `Missing.ZERO` says so. A month without any sample has no level: zero units, and no line.
    """
    lines = [
        _line(sampling, direction, values, intervals)
        for direction, values in _lines(sampling, samples)
        if values
    ]
    if not lines:
        return Level(ZERO, ())
    return Level(max(line.units for line in lines), tuple(lines))


def _lines(sampling: Sampling, samples: Samples) -> list[tuple[str, Sequence[Decimal]]]:
    """Return the lines that are looked at, each with its samples in no order."""
    directions = sampling.directions
    if directions is None:
        return [(BOTH, [*samples.get(BOTH, {}).values()])]
    inbound, outbound = samples.get(IN, {}), samples.get(OUT, {})
    if directions is Directions.IN:
        return [(IN, [*inbound.values()])]
    if directions is Directions.OUT:
        return [(OUT, [*outbound.values()])]
    if directions is Directions.LARGER:
        return [(IN, [*inbound.values()]), (OUT, [*outbound.values()])]
    # One direction alone has no record: nothing went that way, for the line was looked at.
    pairs = [
        (inbound.get(number, ZERO), outbound.get(number, ZERO))
        for number in inbound.keys() | outbound.keys()
    ]
    if directions is Directions.SUM_PER_SAMPLE:
        return [(BOTH, [EXACT.add(*pair) for pair in pairs])]
    return [(BOTH, [max(pair) for pair in pairs])]


def _line(sampling: Sampling, direction: str, values: Sequence[Decimal], intervals: int) -> Line:
    made_up = 0
    if sampling.missing is Missing.ZERO:
        made_up = max(intervals - len(values), 0)
    every = [*values, *[ZERO] * made_up]
    percent, method = sampling.percent, sampling.method
    place = rank(len(every), percent=percent, method=method)
    whole = int(place) if place == int(place) else int(place) + 1
    if sampling.billed is Billed.HIGHEST:
        units = percentile(every, percent=percent, method=method)
    else:
        units = reduce(EXACT.add, sorted(every)[:whole])
    return Line(direction, len(every), made_up, len(every) - whole, units)
