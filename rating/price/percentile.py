"""Percentile: the level that a line of many samples is billed at, such as a month of bandwidth.

A level and a sample are in one unit, whatever it is: Mbit/s as a rule, a sample each five minutes.
Samples may come in any order. One that is missing is not made up: whoever calls leaves it out, or
hands over a zero. All is exact; where a quotient does not end, dividend and divisor are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from schemas.decimals import EXACT, ZERO

_ONE = Decimal(1)
_HUNDRED = Decimal(100)


class PercentileMethod(StrEnum):
    """Which of n samples in rising order the p-th percentile is.

    The first two say one thing from either end, and agree always. All the ranks agree where p % of
    n is a whole number, and differ elsewhere.
    """

    DISCARD_FLOOR = "discard_floor"  # the next below the floor((100 - p) % of n) highest: carriers
    CEIL_RANK = "ceil_rank"  # the ceil(p % of n)-th from the lowest: Citrix, article CTX573462
    ROUND_RANK = "round_rank"  # the round(p % of n)-th, a half up: LibreNMS, module billing
    FLOOR_RANK = "floor_rank"  # the floor(p % of n)-th, the lowest where that is none
    LINEAR = "linear"  # between two: PERCENTILE of spreadsheets, the default of numpy


class Directions(StrEnum):
    """What becomes of the samples of the two directions of a line."""

    IN = "in"  # the percentile of what came in
    OUT = "out"  # the percentile of what went out
    LARGER = "larger"  # the percentile of each direction, and the larger one of them
    SUM_PER_SAMPLE = "sum_per_sample"  # the percentile of what both make together
    MAX_PER_SAMPLE = "max_per_sample"  # the percentile of the larger direction of each sample


class LevelDays(NamedTuple):
    """A level, and on how many days of the month it was valid."""

    level: Decimal
    days: int


def rank(count: int, *, percent: Decimal, method: PercentileMethod) -> Decimal:
    """Return the place of the percentile among ``count`` samples in rising order, in [1, count].

    Whole but for `LINEAR`, which may lie between two. ``percent`` is in (0, 100], and ``count`` at
    least 1, else `AssertionError`. The definitions are those that `PercentileMethod` names.
    """
    assert count >= 1, "a percentile is one of some samples"
    assert ZERO < percent <= _HUNDRED, "a percentile is above 0 and at most 100"
    samples = Decimal(count)
    match method:
        case PercentileMethod.DISCARD_FLOOR:
            above = _share(samples, EXACT.subtract(_HUNDRED, percent))
            return EXACT.subtract(samples, above.to_integral_value(ROUND_FLOOR, EXACT))
        case PercentileMethod.CEIL_RANK:
            found = _share(samples, percent).to_integral_value(ROUND_CEILING, EXACT)
        case PercentileMethod.ROUND_RANK:
            found = _share(samples, percent).to_integral_value(ROUND_HALF_UP, EXACT)
        case PercentileMethod.FLOOR_RANK:
            found = _share(samples, percent).to_integral_value(ROUND_FLOOR, EXACT)
        case PercentileMethod.LINEAR:
            found = EXACT.add(_ONE, _share(EXACT.subtract(samples, _ONE), percent))
    return max(found, _ONE)


def percentile(
    samples: Sequence[Decimal], *, percent: Decimal, method: PercentileMethod
) -> Decimal:
    """Return the percentile of samples, in their unit; at least one sample, else `AssertionError`.

    One of the samples, but for `LINEAR`: that goes from one sample to the next as far as its rank
    lies between the two; exact. The definitions are those that `PercentileMethod` names.
    """
    place = rank(len(samples), percent=percent, method=method)
    whole, part = EXACT.divmod(place, _ONE)
    ordered = sorted(samples)
    below = ordered[int(whole) - 1]
    if not part:
        return below
    way = EXACT.subtract(ordered[int(whole)], below)
    return EXACT.add(below, EXACT.multiply(way, part))


def percentile_two_way(
    inbound: Sequence[Decimal],
    outbound: Sequence[Decimal],
    *,
    directions: Directions,
    percent: Decimal,
    method: PercentileMethod,
) -> Decimal:
    """Return the percentile of a line's two directions, in the unit of the samples.

    Where it is taken per sample, the n-th of both are of one moment: as many of one as of the
    other, else `AssertionError`. Most carriers bill the `LARGER`; the page "Computing the 95th
    percentile" of HNS has it beside the sum of each sample, which it calls aggregate.
    """
    if directions in (Directions.IN, Directions.OUT):
        samples = inbound if directions is Directions.IN else outbound
        return percentile(samples, percent=percent, method=method)
    if directions is Directions.LARGER:
        return max(
            percentile(inbound, percent=percent, method=method),
            percentile(outbound, percent=percent, method=method),
        )
    assert len(inbound) == len(outbound), "each sample has both directions"
    pairs = zip(inbound, outbound, strict=True)
    if directions is Directions.SUM_PER_SAMPLE:
        samples = [EXACT.add(one, other) for one, other in pairs]
    else:
        samples = [max(pair) for pair in pairs]
    return percentile(samples, percent=percent, method=method)


def share_of_month(
    levels: Sequence[LevelDays], *, days_of_month: int, guaranteed: Decimal = ZERO
) -> tuple[Decimal, Decimal]:
    """Return the largest of level x days / days of the month as a quotient: a dividend, which is in
    level-days, and what it is to be divided by. A price per ``days_of_month`` divides once.

    A level below what is ``guaranteed`` counts as that. At least one level, each of 0 to
    ``days_of_month`` days, else `AssertionError`. Tencent Cloud (document 684/106232, groups of
    days) and Huawei Cloud (eip_billing_0009, a guaranteed bandwidth) bill so, and call it enhanced
    95th percentile.
    """
    assert levels, "at least one level"
    assert all(0 <= days <= days_of_month for _, days in levels), "days of the month"
    dividend = max(EXACT.multiply(max(level, guaranteed), Decimal(days)) for level, days in levels)
    return dividend, Decimal(days_of_month)


def _share(whole: Decimal, percent: Decimal) -> Decimal:
    """Return so many percent of a whole; exact."""
    return EXACT.scaleb(EXACT.multiply(whole, percent), -2)
