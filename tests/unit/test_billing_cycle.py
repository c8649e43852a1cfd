"""On which days the periods of a customer begin."""

import datetime as dt
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.cycle import Cycle, periods

DATES = st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31))
CYCLES = st.builds(Cycle, st.integers(1, 31), st.integers(1, 12))


def ends(subscribed, cycle, *, of=4, threshold_days=0):
    found = periods(dt.date.fromisoformat(subscribed), cycle, threshold_days=threshold_days)
    return [each.end.isoformat() for each in islice(found, of)]


@pytest.mark.parametrize(
    ("subscribed", "cycle", "expected"),
    [
        ("2026-01-31", Cycle(31), ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-31", Cycle(31), ["2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]),
        ("2026-01-31", Cycle(30), ["2026-02-28", "2026-03-30", "2026-04-30", "2026-05-30"]),
        ("2026-01-10", Cycle(1), ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"]),
        ("2026-01-10", Cycle(10), ["2026-02-10", "2026-03-10", "2026-04-10", "2026-05-10"]),
        ("2026-01-09", Cycle(10), ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10"]),
        ("2026-11-30", Cycle(31, 3), ["2026-12-31", "2027-03-31", "2027-06-30", "2027-09-30"]),
        ("2026-12-31", Cycle(29, 12), ["2027-01-29", "2028-01-29", "2029-01-29", "2030-01-29"]),
    ],
)
def test_billing_days(subscribed, cycle, expected):
    assert ends(subscribed, cycle) == expected


@pytest.mark.parametrize(
    ("subscribed", "first"),
    [
        ("2026-01-10", "2026-02-01"),
        ("2026-01-17", "2026-02-01"),  # fifteen days are left
        ("2026-01-18", "2026-03-01"),  # fourteen
        ("2026-01-20", "2026-03-01"),
        ("2026-02-01", "2026-03-01"),
    ],
)
def test_a_first_period_of_a_few_days_has_a_whole_cycle_more(subscribed, first):
    assert ends(subscribed, Cycle(1), of=1, threshold_days=15) == [first]


@given(DATES, CYCLES, st.integers(0, 40))
def test_periods_follow_each_other_and_end_on_billing_days(subscribed, cycle, threshold_days):
    found = list(islice(periods(subscribed, cycle, threshold_days=threshold_days), 15))
    assert found[0].start == subscribed
    for period, following in pairwise(found):
        assert period.start < period.end == following.start
    for period in found:
        assert period.end == cycle.day_in(period.end.year, period.end.month)
    assert (found[0].end - found[0].start).days >= min(threshold_days, 28)


@given(DATES, CYCLES)
def test_a_whole_cycle_has_its_months(subscribed, cycle):
    _, second, third = islice(periods(subscribed, cycle), 3)
    for period in (second, third):
        months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
        assert months == cycle.months


@pytest.mark.parametrize("cycle", [Cycle(0), Cycle(32), Cycle(1, 0), Cycle(1, -1)])
def test_a_day_that_no_month_has_is_an_error(cycle):
    with pytest.raises(ValueError, match="1 to 31"):
        next(periods(dt.date(2026, 1, 1), cycle))
