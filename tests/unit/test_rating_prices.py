"""The price models, each on its own."""

from decimal import Decimal as D
from fractions import Fraction

import pytest

from rating.price import graduated
from rating.price.allowance import Allowance, Taken, take
from rating.price.graduated import GraduatedPrice, Tier
from rating.price.per_unit import (
    PerUnitPrice,
    undivided_cost,
    undivided_cost_as_it_grows,
)
from rating.rounding import RoundingRule, growth, rounded
from schemas.money import Rounding

TEN_PLACES = RoundingRule()
CENTS = RoundingRule(decimal_places=2)


def charged(price, billed, rounding=TEN_PLACES):
    return rounded(rounding, undivided_cost(price, D(billed)), divide_by=price.per_units)


def test_a_price_per_minute_is_divided_after_the_seconds_are_multiplied():
    """61 s at 0.10 per 60 s; 0.10 / 60 rounded first would give 0.1016666687."""
    price = PerUnitPrice(D("0.10"), D(60))
    assert charged(price, 61) == D("0.1016666667")


@pytest.mark.parametrize(
    ("billed", "amount"),
    [("60", "0.15"), ("0.6", "0.051")],
    ids=["with its fee", "a part of a minute, the whole fee"],
)
def test_the_connect_fee_comes_once_per_record_that_is_billed(billed, amount):
    price = PerUnitPrice(D("0.10"), D(60), connect_fee=D("0.05"))
    assert charged(price, billed) == D(amount)


def test_the_fee_and_the_seconds_are_rounded_together():
    """0.004 + 0.004 is a cent; rounded apart it is none."""
    price = PerUnitPrice(D("0.004"), D(60), connect_fee=D("0.004"))
    assert charged(price, 60, CENTS) == D("0.01")


def test_what_grows_over_a_month_is_rounded_as_a_whole():
    """Three parts of 0.0033...: each alone is 0.00, together a cent."""
    price = PerUnitPrice(D("0.01"), D(3))
    costs = [undivided_cost_as_it_grows(price, D(n)) for n in range(4)]
    parts = [
        growth(CENTS, before=costs[n], after=costs[n + 1], divide_by=price.per_units)
        for n in range(3)
    ]
    assert parts == [D("0.00"), D("0.01"), D("0.00")]


def test_a_quantity_and_a_price_of_many_digits_stay_exact():
    """28 digits times 24 do not fit the default context, which would raise or round."""
    price = PerUnitPrice(D("1.00000000000000000000001"), D(1))
    billed = D("1000000000000000.000000000001")
    amount = charged(price, billed, RoundingRule(decimal_places=20))
    assert amount == D("1000000000000000.00000001000100000000")


def test_the_most_that_a_source_can_send_at_the_highest_price_is_rounded_by_its_rule():
    """A source's 28 digits, a price of 24, per a unit of 22 places: 74 digits before the point."""
    price = PerUnitPrice(D("9" * 24), D("0.0000000000000000000017"))
    up, down = (
        charged(price, "9" * 28, RoundingRule(rule, 20)) for rule in (Rounding.UP, Rounding.DOWN)
    )
    exact = Fraction(int("9" * 24)) * int("9" * 28) / Fraction("0.0000000000000000000017")
    assert Fraction(down) < exact < Fraction(up)
    assert Fraction(up) - Fraction(down) == Fraction(1, 10**20)


TV_1 = GraduatedPrice(
    (
        Tier(D(10), D("1.00")),
        Tier(D(20), D("1.25")),
        Tier(D(50), D("1.50")),
        Tier(None, D("2.00")),
    ),
    per_units=D(1),
)


@pytest.mark.parametrize(
    ("before", "used", "amount"),
    [
        ("0", "55", "77.50"),
        ("0", "0", "0"),
        ("0", "10", "10.00"),
        ("0", "20", "22.50"),
        ("0", "50", "67.50"),
        ("10", "10", "12.50"),
        ("9", "2", "2.25"),
        ("100", "1", "2.00"),
        ("0", "10.000000001", "10.00000000125"),
    ],
)
def test_each_unit_is_priced_by_its_own_tier(before, used, amount):
    twelve_places = RoundingRule(decimal_places=12)
    found = graduated.charge(
        TV_1, used_before_units=D(before), used_units=D(used), rounding=twelve_places
    )
    assert found.amount == D(amount)
    assert sum(part.units for part in found.tiers) == D(used)


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (Tier(D(10), D(1)),),
        (Tier(None, D(1)), Tier(D(10), D(2))),
        (Tier(None, D(1)), Tier(None, D(2))),
        (Tier(D(20), D(1)), Tier(D(10), D(2)), Tier(None, D(3))),
        (Tier(D(10), D(1)), Tier(D(10), D(2)), Tier(None, D(3))),
    ],
    ids=["none", "no open tier", "open tier first", "two open tiers", "falling", "an empty tier"],
)
def test_tiers_that_leave_a_gap_or_overlap_are_a_bug(tiers):
    with pytest.raises(AssertionError):
        GraduatedPrice(tiers, D(1))


@pytest.mark.parametrize(
    ("taken", "units", "free"),
    [
        ("0", "10", "10"),
        ("995", "10", "5"),
        ("1000", "10", "0"),
        ("1200", "10", "0"),  # a smaller allowance came into force in the month
        ("999.5", "0.5", "0.5"),
    ],
)
def test_an_allowance_gives_what_is_left_of_it(taken, units, free):
    allowance = Allowance("p/a", D(1000))
    assert take(allowance, taken_before=D(taken), wanted=D(units)) == Taken(D(free), D(free))


@pytest.mark.parametrize(
    ("rule", "before", "after", "grown"),
    [
        (Rounding.HALF_UP, "0", "0.005", "0.01"),
        (Rounding.HALF_UP, "0.005", "0.010", "0.00"),
        (Rounding.UP, "0.001", "0.002", "0.00"),
        (Rounding.DOWN, "0.009", "0.011", "0.01"),
    ],
)
def test_growth_is_the_difference_of_rounded_totals(rule, before, after, grown):
    rounding = RoundingRule(rule, 2)
    assert growth(rounding, before=D(before), after=D(after), divide_by=D(1)) == D(grown)
