from decimal import Decimal as D

import pytest

from rating.price.increments import Increments, billable_units
from rating.price.units import RoundUnits, UnitRounding, rounded_units


@pytest.mark.parametrize(
    ("rate_card", "used_s", "billable_s"),
    [
        ("60/1", "0", "0"),  # unanswered
        ("60/1", "0.4", "60"),
        ("60/1", "60", "60"),
        ("60/1", "60.001", "61"),
        ("60/1", "61", "61"),
        ("60/1", "61.2", "62"),
        ("60/60", "61", "120"),
        ("30/6", "31", "36"),
        ("1/1", "59", "59"),
        ("1/1", "12345678901234567890123456.01", "12345678901234567890123457"),  # 28 digits
        ("0.01/0.01", "1234567890123456789012345678", "1234567890123456789012345678"),
    ],
)
def test_usage_is_rounded_up_to_whole_increments(rate_card, used_s, billable_s):
    first, following = rate_card.split("/")
    increments = Increments(D(first), D(following))
    assert billable_units(increments, used_units=D(used_s)) == D(billable_s)


@pytest.mark.parametrize(("first", "following"), [("0", "1"), ("60", "0"), ("-1", "1")])
def test_increments_of_nothing_are_a_bug(first, following):
    with pytest.raises(AssertionError):
        Increments(D(first), D(following))


def test_negative_usage_is_a_bug():
    with pytest.raises(AssertionError):
        billable_units(Increments(D(60), D(1)), used_units=D(-1))


@pytest.mark.parametrize(
    ("to", "rule", "used", "rounded"),
    [
        ("1000", "up", "1001", "2000"),
        ("1000", "up", "1000", "1000"),
        ("1000", "up", "0", "0"),
        ("1000", "down", "1999", "1000"),
        ("1000", "down", "999", "0"),
        ("1000", "half_up", "1500", "2000"),
        ("1000", "half_up", "1499.9", "1000"),
        ("0.01", "half_up", "67.539896", "67.54"),
    ],
)
def test_units_are_rounded_to_a_multiple(to, rule, used, rounded):
    rounding = RoundUnits(D(to), UnitRounding(rule))
    assert rounded_units(rounding, used_units=D(used)) == D(rounded)
