"""Percentiles, held against the words of their definitions in fractions."""

import math
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.price.percentile import (
    Directions,
    LevelDays,
    PercentileMethod,
    percentile,
    percentile_two_way,
    rank,
    share_of_month,
)

P95 = D(95)
HALF = Fraction(1, 2)
SAMPLES = st.decimals(-1000, 10**12, places=3)
LINES = st.lists(SAMPLES, min_size=1, max_size=60)
PERCENTS = st.decimals("0.01", 100, places=2)
METHODS = st.sampled_from(PercentileMethod)


def defined(samples, percent, method):
    """Return what the words of a definition make of samples, as a fraction."""
    rising = sorted(Fraction(sample) for sample in samples)
    n, share = len(rising), Fraction(percent) / 100
    match method:
        case PercentileMethod.DISCARD_FLOOR:
            left = list(rising)
            for _ in range(math.floor(n * (1 - share))):
                left.remove(max(left))
            return max(left)
        case PercentileMethod.CEIL_RANK:
            return rising[math.ceil(n * share) - 1]
        case PercentileMethod.ROUND_RANK:
            return rising[max(math.floor(n * share + HALF), 1) - 1]
        case PercentileMethod.FLOOR_RANK:
            return rising[max(math.floor(n * share), 1) - 1]
        case PercentileMethod.LINEAR:
            at = (n - 1) * share
            below, above = rising[math.floor(at)], rising[math.ceil(at)]
            return below + (above - below) * (at - math.floor(at))


@given(LINES, PERCENTS, METHODS)
def test_each_method_is_what_its_definition_says(samples, percent, method):
    found = percentile(samples, percent=percent, method=method)
    assert Fraction(found) == defined(samples, percent, method)


@given(LINES, PERCENTS, METHODS)
def test_the_order_of_the_samples_does_not_matter(samples, percent, method):
    found = percentile(samples, percent=percent, method=method)
    assert percentile(samples[::-1], percent=percent, method=method) == found
    assert min(samples) <= found <= max(samples)


@given(st.integers(1, 10_000), PERCENTS)
def test_the_highest_ones_discarded_leave_the_rank_that_is_rounded_up(count, percent):
    ranks = {
        rank(count, percent=percent, method=method)
        for method in (PercentileMethod.DISCARD_FLOOR, PercentileMethod.CEIL_RANK)
    }
    assert len(ranks) == 1


@given(st.integers(1, 500))
def test_the_ranks_agree_where_the_share_is_whole(twenties):
    ranks = {
        rank(20 * twenties, percent=P95, method=method)
        for method in PercentileMethod
        if method is not PercentileMethod.LINEAR
    }
    assert ranks == {D(19 * twenties)}


@given(st.lists(st.tuples(SAMPLES, SAMPLES), min_size=1, max_size=40), PERCENTS, METHODS)
def test_directions_are_combined_before_or_after(pairs, percent, method):
    inbound, outbound = [one for one, _ in pairs], [other for _, other in pairs]
    found = {
        directions: Fraction(
            percentile_two_way(
                inbound, outbound, directions=directions, percent=percent, method=method
            )
        )
        for directions in Directions
    }
    each = [defined(line, percent, method) for line in (inbound, outbound)]
    larger = max(each)
    together = [Fraction(one) + Fraction(other) for one, other in pairs]
    assert found == {
        Directions.IN: each[0],
        Directions.OUT: each[1],
        Directions.LARGER: larger,
        Directions.SUM_PER_SAMPLE: defined(together, percent, method),
        Directions.MAX_PER_SAMPLE: defined([max(pair) for pair in pairs], percent, method),
    }
    assert larger <= found[Directions.MAX_PER_SAMPLE]


@given(
    st.lists(st.tuples(st.decimals(0, 10**6, places=3), st.integers(0, 28)), min_size=1),
    st.integers(28, 31),
    st.decimals(0, 10**6, places=3),
)
def test_a_month_has_the_largest_share_of_its_levels(levels, days_of_month, guaranteed):
    dividend, divide_by = share_of_month(
        [LevelDays(*each) for each in levels], days_of_month=days_of_month, guaranteed=guaranteed
    )
    floor = Fraction(guaranteed)
    shares = [max(Fraction(each), floor) * days / days_of_month for each, days in levels]
    assert Fraction(dividend) / Fraction(divide_by) == max(shares)


def test_a_month_of_five_minutes_discards_the_highest_432():
    samples = [D(n) for n in range(1, 8641)]
    found = percentile(samples, percent=P95, method=PercentileMethod.DISCARD_FLOOR)
    assert (found, len(samples) - found) == (8208, 432)


@pytest.mark.parametrize(
    ("method", "found"),
    [
        (PercentileMethod.DISCARD_FLOOR, "32"),
        (PercentileMethod.CEIL_RANK, "32"),
        (PercentileMethod.ROUND_RANK, "31"),
        (PercentileMethod.FLOOR_RANK, "31"),
        (PercentileMethod.LINEAR, "31.4"),
    ],
)
def test_five_methods_on_33_samples(method, found):
    samples = [D(n) for n in range(33, 0, -1)]
    assert percentile(samples, percent=P95, method=method) == D(found)


@pytest.mark.parametrize("method", PercentileMethod)
def test_one_sample_is_every_percentile(method):
    assert percentile([D("0.7")], percent=D(1), method=method) == D("0.7")


def test_samples_of_many_digits_are_not_rounded():
    low, high = D("0." + "1" * 27), D("9" * 27)
    found = percentile([low, high], percent=D("99.99"), method=PercentileMethod.LINEAR)
    assert Fraction(found) == Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction("0.9999")


@pytest.mark.parametrize("percent", ["0", "-5", "100.01"])
def test_a_percentile_is_above_0_and_at_most_100(percent):
    with pytest.raises(AssertionError, match="at most 100"):
        percentile([D(1)], percent=D(percent), method=PercentileMethod.CEIL_RANK)


def test_no_samples_have_no_percentile():
    with pytest.raises(AssertionError, match="some samples"):
        percentile([], percent=P95, method=PercentileMethod.CEIL_RANK)


def test_per_sample_each_one_has_both_directions():
    with pytest.raises(AssertionError, match="both directions"):
        percentile_two_way(
            [D(1), D(2)],
            [D(1)],
            directions=Directions.SUM_PER_SAMPLE,
            percent=P95,
            method=PercentileMethod.CEIL_RANK,
        )
