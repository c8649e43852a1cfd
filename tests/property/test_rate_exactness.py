"""What rating computes ahead or in whole numbers is what the plain decimals give, to the digit."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from rating.price.graduated import GraduatedPrice, Tier, charge, tiers_used, undivided_cost
from rating.price.increments import Increments, billable_units
from rating.rounding import RoundingRule
from schemas.decimals import EXACT

whole = st.integers(1, 90).map(Decimal)
used = st.one_of(
    st.integers(0, 10_000).map(Decimal),
    st.decimals(0, 500, places=2, allow_nan=False),
    st.sampled_from([Decimal("6E+1"), Decimal("7.2E+3"), Decimal("60.0"), Decimal("0.00")]),
)


def by_the_book(increments, units):
    """Increments in decimals only, as `billable_units` counts those that are no whole numbers."""
    first, following = increments.first_units, increments.following_units
    if not units:
        return Decimal(0)
    if units <= first:
        return first
    count, rest = EXACT.divmod(EXACT.subtract(units, first), following)
    started = EXACT.add(count, Decimal(1)) if rest else count
    return EXACT.add(first, EXACT.multiply(started, following))


@given(whole, whole, used)
def test_increments_in_whole_numbers_are_those_in_decimals(first, following, units):
    increments = Increments(first, following)
    assert increments.whole is not None
    found = billable_units(increments, used_units=units)
    assert str(found) == str(by_the_book(increments, units))


@given(used)
def test_increments_that_are_written_with_places_keep_them(units):
    increments = Increments(Decimal("60.0"), Decimal("0.5"))
    assert increments.whole is None
    assert str(billable_units(increments, used_units=units)) == str(by_the_book(increments, units))


@st.composite
def prices(draw):
    ends = sorted(draw(st.sets(st.integers(1, 60), max_size=4)))
    amounts = st.decimals(0, 3, places=draw(st.integers(0, 7)), allow_nan=False)
    tiers = [Tier(Decimal(end), draw(amounts)) for end in ends]
    return GraduatedPrice(
        (*tiers, Tier(None, draw(amounts))),
        draw(st.sampled_from([whole, used]).flatmap(lambda s: s).filter(bool)),
    )


def cost(price, units):
    """The cost of the first units, tier by tier, in fractions."""
    total, start = Fraction(0), Fraction(0)
    for tier in price.tiers:
        end = Fraction(units) if tier.upto_units is None else Fraction(tier.upto_units)
        part = min(Fraction(units), end) - start
        if part > 0:
            total += part * Fraction(tier.amount)
        start = max(start, end)
    return total


@given(prices(), used)
def test_the_cost_up_to_a_tier_computed_ahead_is_the_sum_of_its_parts(price, units):
    assert Fraction(undivided_cost(price, units)) == cost(price, units)


@given(prices(), used, used)
def test_a_charge_is_what_the_rounded_cost_grew_by(price, before, units):
    assume(units)
    rounding = RoundingRule()
    found = charge(price, used_before_units=before, used_units=units, rounding=rounding)
    assert sum(Fraction(part.units) for part in found.tiers) == Fraction(units)
    assert found.tiers == tiers_used(price, used_before_units=before, used_units=units)

    def rounded(value):
        scaled = value / Fraction(price.per_units) * 10**10
        return (scaled + Fraction(1, 2)).__floor__()

    after = Fraction(before) + Fraction(units)
    grown = rounded(cost(price, after)) - rounded(cost(price, before))
    assert Fraction(found.amount) * 10**10 == grown
