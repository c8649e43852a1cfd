"""Laws of prices by the samples of a month: what a close makes of them."""

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.price.percentile import Directions, PercentileMethod, percentile_two_way
from rating.price.sampling import (
    BOTH,
    IN,
    OUT,
    Billed,
    Missing,
    Sampling,
    WithinInterval,
    added_to,
    level_of,
)
from schemas.ledger import CLOSING, Charge
from tests.ledger_builders import DECEMBER, NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.property.test_rate_month_laws import CATALOGUE, months, run, verified
from tests.property.test_trial_laws import OF_A_LEDGER, trial_of
from tests.rate_world import MemoryStage, account

PRODUCT = "  line: {type: data, usage_kind: data, unit: Mbps}\nplans:"
TEXT = (
    CATALOGUE.replace("plans:", PRODUCT)
    + """
      line:
        product: line
        price:
          model: graduated
          per: 1 Mbps
          tiers: [{upto: 4 Mbps, amount: 3}, {amount: 2}]
          aggregate: {percentile: 70, interval: 60 min, direction_by: way, directions: larger}
"""
)
DOCUMENT = check({"plans.yaml": TEXT.encode()}).document
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UNITS = st.integers(0, 400).map(lambda eighths: Decimal(eighths) / 8)
PERCENTS = st.decimals("0.01", 100, places=2)
METHODS = st.sampled_from(PercentileMethod)
WHOLE_METHODS = [each for each in PercentileMethod if each is not PercentileMethod.LINEAR]


def world():
    return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=compile(DOCUMENT, 7))


def level(records):
    """Return the level of one month's records: the 70th percentile of the larger direction."""
    lines = defaultdict(lambda: defaultdict(Decimal))
    for record in records:
        hour = (record.started_at_ms - SEPTEMBER) // HOUR_MS
        lines[record.attributes["way"]][hour] += record.quantities["Mbps"]
    left = []
    for line in lines.values():
        dropped = len(line) * 30 // 100
        left.append(sorted(line.values())[len(line) - dropped - 1])
    return max(left)


@settings(max_examples=40)
@given(months("line", "line", "line", "data", usage_of_close=4), st.integers(0, 10**6))
def test_closed_months_come_to_the_price_of_their_level_in_whatever_order(records, seed):
    """Also where samples came after the close, or before the first one; each event costs nothing."""
    records = [
        *records,
        period_close(NOVEMBER, DECEMBER, account="a-1", offset=90),
    ]
    random.Random(seed).shuffle(records)
    last = period_close(DECEMBER, DECEMBER + 31 * DAY_MS, account="a-1", offset=91)
    stage = run(world(), [*records, last], ())
    charged, billed = defaultdict(Decimal), defaultdict(Decimal)
    for record in stage.ledger():
        if isinstance(record, Charge) and (record.product, record.account_id) == ("line", "a-1"):
            assert record.usage_kind == CLOSING or not Decimal(record.amount)
            charged[record.usage_period_ms] += Decimal(record.amount)
            billed[record.usage_period_ms] += Decimal(record.billed)
    for month_ms, end_ms in ((SEPTEMBER, OCTOBER), (OCTOBER, NOVEMBER)):
        of_month = [
            record
            for record in records
            if getattr(record, "product", "") == "line"
            and record.account_id == "a-1"
            and month_ms <= record.started_at_ms < end_ms
        ]
        if of_month:
            found = level(of_month)
            assert billed[month_ms] == found
            assert charged[month_ms] == min(found, 4) * 3 + max(found - 4, 0) * 2
    assert not verified(stage)


@settings(max_examples=40)
@given(months("line", "line", "hotline"), st.sets(st.integers(0, 25)))
def test_the_ledger_is_the_same_however_it_is_cut(records, cuts):
    whole, parts = run(world(), records, ()), run(world(), records, cuts)
    assert whole.appends == parts.appends
    assert whole.state == parts.state


@settings(max_examples=40)
@given(months("line", "line", "data", usage_of_close=4))
def test_a_trial_makes_the_charges_of_the_rate_step(records):
    charges = [one for one in run(world(), records, ()).ledger() if isinstance(one, Charge)]
    assert [msgspec.structs.replace(one, **OF_A_LEDGER) for one in trial_of(records, DOCUMENT)] == [
        msgspec.structs.replace(one, **OF_A_LEDGER) for one in charges
    ]


@given(
    st.dictionaries(st.integers(0, 60), UNITS, min_size=1),
    st.dictionaries(st.integers(0, 60), UNITS, min_size=1),
    PERCENTS,
    METHODS,
    st.sampled_from(Directions),
)
def test_a_level_is_the_percentile_of_both_directions(
    inbound, outbound, percent, method, directions
):
    sampling = Sampling(percent=percent, method=method, direction_by="way", directions=directions)
    found = level_of(sampling, {IN: inbound, OUT: outbound}, intervals=0)
    if directions in (Directions.SUM_PER_SAMPLE, Directions.MAX_PER_SAMPLE):
        every = inbound.keys() | outbound.keys()
        inbound = {number: inbound.get(number, Decimal(0)) for number in every}
        outbound = {number: outbound.get(number, Decimal(0)) for number in inbound}
    assert found.units == percentile_two_way(
        [*inbound.values()],
        [*outbound.values()],
        directions=directions,
        percent=percent,
        method=method,
    )


@given(
    st.dictionaries(st.integers(0, 60), UNITS, min_size=1),
    PERCENTS,
    st.sampled_from(WHOLE_METHODS),
    st.integers(0, 90),
)
def test_the_rest_is_all_samples_up_to_the_highest_that_is_billed(
    values, percent, method, intervals
):
    """With missing intervals as samples of nothing, too."""
    highest, rest = (
        level_of(
            Sampling(percent=percent, method=method, missing=Missing.ZERO, billed=billed),
            {BOTH: values},
            intervals=intervals,
        )
        for billed in Billed
    )
    line = rest.lines[0]
    assert line.samples == max(intervals, len(values)) == len(values) + line.made_up
    ordered = sorted([*values.values(), *[Decimal(0)] * line.made_up])
    left = ordered[: line.samples - line.dropped]
    assert highest.units == left[-1]
    assert Fraction(rest.units) == sum(map(Fraction, left))


@pytest.mark.parametrize("within", WithinInterval)
@given(st.lists(UNITS, min_size=1), st.randoms())
def test_the_sample_of_an_interval_does_not_depend_on_the_order(within, units, shuffled):
    def sample(parts):
        total = Decimal(0)
        for place, each in enumerate(parts):
            total += added_to(within, before=total, units=each, is_first=not place)
        return total

    turned = [*units]
    shuffled.shuffle(turned)
    assert sample(units) == sample(turned)
    assert sample(units) == (sum(units) if within is WithinInterval.SUM else max(units))
