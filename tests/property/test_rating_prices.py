"""Laws of the price models, through the real catalogue where state is involved."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from rating.price.graduated import GraduatedPrice, Tier, charge
from rating.price.increments import Increments, billable_units
from rating.price.units import RoundUnits, UnitRounding, rounded_units
from rating.rounding import RoundingRule
from schemas.money import Rounding
from tests.rating_builders import Month, event, price_of

units = st.decimals(min_value=0, max_value=1000, places=3)
positive_units = st.decimals(min_value="0.001", max_value=5000, places=3)
rounding_rules = st.builds(RoundingRule, st.sampled_from(Rounding), st.integers(0, 12))

# Tiers that end close together, and amounts that no two places hold.
PRICE = GraduatedPrice(
    (Tier(D(100), D("0.107")), Tier(D(500), D("0.053")), Tier(None, D("0.011"))), per_units=D(7)
)


@given(units, units, units, rounding_rules)
def test_splitting_usage_never_changes_the_total(before, a, b, rounding):
    """Rating a then b costs exactly what rating a + b costs, rounded as the price says."""

    def cost(used_before, used):
        return charge(PRICE, used_before_units=used_before, used_units=used, rounding=rounding)[0]

    assert cost(before, a) + cost(before + a, b) == cost(before, a + b)


GRADUATED = price_of(
    "{model: graduated, per: 1 GB, rounding: {places: 2}, tiers: [{upto: 10 B, amount: 100000007}, "
    "{upto: 20 B, amount: 210000001}, {amount: 333333333}]}",
    product="data",
)
OVERAGE = price_of(
    "{model: per_unit, amount: 0.07, per: 1 min, rounding: {places: 2}, allowance: a}",
    extra="{a: {units: 30 s}}",
)
few_units = st.lists(st.integers(0, 12), max_size=12)


@given(few_units)
def test_a_month_costs_the_same_however_its_usage_is_split(usages):
    """Many events on graduated tiers come to what one event of the sum comes to, to the cent."""
    month = Month(GRADUATED)
    parts = [month.rate(event("data", B=used)).amount for used in usages]
    assert sum(parts) == Month(GRADUATED).rate(event("data", B=sum(usages))).amount


@given(few_units)
def test_usage_above_an_allowance_costs_the_same_however_it_is_split(usages):
    """What was free and what was charged of many calls are those of one long call."""
    month = Month(OVERAGE)
    parts = [month.rate(event(s=used)) for used in usages]
    whole = Month(OVERAGE).rate(event(s=sum(usages)))
    assert sum(part.amount for part in parts) == whole.amount
    assert sum(part.free for part in parts) == whole.free
    assert sum(part.billed for part in parts) == whole.billed


@given(few_units, st.randoms(use_true_random=False))
def test_the_order_inside_a_month_changes_no_total(usages, random):
    """Records that come late or turned round cost the month the same."""
    turned = list(usages)
    random.shuffle(turned)
    for catalogue, product, unit in ((GRADUATED, "data", "B"), (OVERAGE, "voice", "s")):
        totals = []
        for order in (usages, turned):
            month = Month(catalogue)
            rated = [month.rate(event(product, **{unit: used})) for used in order]
            totals.append((sum(one.amount for one in rated), sum(one.free for one in rated)))
        assert totals[0] == totals[1]


@given(few_units)
def test_what_is_free_and_what_is_billed_are_what_was_used(usages):
    """An allowance loses no unit and gives no more than it has."""
    month = Month(OVERAGE)
    rated = [month.rate(event(s=used)) for used in usages]
    assert all(one.free + one.billed == one.used for one in rated)
    assert sum(one.free for one in rated) == min(30, sum(usages))


@given(first=positive_units, following=positive_units, used=positive_units)
def test_billable_units_cover_the_usage_and_one_increment_less_would_not(first, following, used):
    """The customer is billed whole increments: enough for the usage, and never one too many."""
    billable = billable_units(Increments(first, following), used_units=used)
    assert billable >= used
    assert billable == first or billable - following < used
    assert (billable - first) % following == D(0)


@given(to=positive_units, rule=st.sampled_from(UnitRounding), used=units)
def test_rounded_units_are_a_multiple_less_than_one_away(to, rule, used):
    """Rounding goes to a neighbour, the one that the rule says."""
    rounded = rounded_units(RoundUnits(to, rule), used_units=used)
    assert rounded % to == 0
    match rule:
        case UnitRounding.UP:
            assert used <= rounded < used + to
        case UnitRounding.DOWN:
            assert used - to < rounded <= used
        case UnitRounding.HALF_UP:
            assert abs(rounded - used) * 2 <= to
