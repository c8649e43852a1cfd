"""Laws of daily prices: a month is the sum of its days, each a share of what its level costs, whoever adds
them up, however changes are split, and in whatever order they arrive."""

import datetime as dt
from calendar import monthrange
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.charging import charge_after
from rating.rate import select
from rating.trial import Tallies
from schemas.money import round_quotient
from tests.rating_builders import event

ZONE = "Europe/Berlin"
TIERS = "tiers: [{upto: 2 kW, amount: 3, fee: 0.5}, {upto: 5 kW, amount: 1}, {amount: 0.7, per: 3 kW, fee: 2}]"
PRICES = {
    "rate": "{model: per_unit, per: 3 kW, amount: 1.07, aggregate: daily}",
    "tiers": f"{{model: graduated, per: 1 kW, aggregate: daily, {TIERS}}}",
    "reached": f"{{model: volume, per: 1 kW, aggregate: daily, {TIERS}}}",
    "packages": "{model: package, size: 2 kW, amount: 5, aggregate: daily}",
}
CATALOGUE = (
    "products:\n"
    + "".join(
        f"  {code}: {{type: power, usage_kind: level, unit: kW, below_zero: mirror}}\n"
        for code in PRICES
    )
    + "plans:\n  p:\n    currency: EUR\n    prices:\n"
    + "".join(
        f"      {code}: {{product: {code}, price: {price}}}\n" for code, price in PRICES.items()
    )
)
COMPILED = compile(check({"plans.yaml": CATALOGUE.encode()}).document, 7)


def cost(code, level):
    """Return what a level costs for all of a month, and the fees, by the words of the price lists."""
    if level <= 0:
        return Fraction(0), Fraction(0)
    match code:
        case "rate":
            return level / 3 * Fraction("1.07"), 0
        case "tiers":
            within = min(level, 2) * 3 + max(min(level, 5) - 2, 0)
            return within + max(level - 5, 0) / 3 * Fraction("0.7"), Fraction(
                "2.5" if level > 5 else "0.5"
            )
        case "reached":
            if level <= 2:
                return level * 3, Fraction("0.5")
            return (level, 0) if level <= 5 else (level / 3 * Fraction("0.7"), 2)
        case "packages":
            return Fraction(-(-level // 2) * 5), 0


def month_cost(code, month, changes):
    days = monthrange(*map(int, month.split("-")))[1]
    levels = [
        sum((Fraction(change) for day, _, change in changes if day <= each), Fraction(0))
        for each in range(1, days + 1)
    ]
    total = sum(cost(code, level)[0] for level in levels) / days + cost(code, max(levels))[1]
    return rounded(total), rounded(sum(max(level, 0) for level in levels) / Fraction(days))


def rounded(value):
    value = Fraction(value)
    return round_quotient(Decimal(value.numerator), Decimal(value.denominator), 10, "ROUND_HALF_UP")


class World:
    """Rates changes one after the other, with all counters in memory."""

    def __init__(self, catalogue=COMPILED, plan="p"):
        self.catalogue, self.plan, self.tallies = catalogue, plan, Tallies()

    def rate(self, usage):
        selected = select(self.catalogue, usage, self.plan, "EUR")
        priced = charge_after(selected, self.tallies.before(usage, selected))
        self.tallies.add(usage, selected, priced.counts)
        return priced


# The last and first minutes of days, and those of the days on which clocks change.
clocks = st.sampled_from(["00:00", "00:01", "02:30", "12:00", "23:59:59.999"])
changes_of_a_month = st.lists(
    st.tuples(st.integers(1, 28), clocks, st.decimals(min_value=-9, max_value=9, places=2)),
    max_size=8,
)
MONTHS = ["2026-10", "2026-03", "2026-02", "2028-02", "2026-11"]


def rate(world, code, month, changes):
    return [
        world.rate(event(code, local=f"{month}-{day:02}T{clock}", kW=change))
        for day, clock, change in changes
    ]


def total(rated):
    return sum(each.amount + each.restated for each in rated)


@given(st.sampled_from(sorted(PRICES)), st.sampled_from(MONTHS), changes_of_a_month)
def test_a_month_comes_to_its_days_in_whatever_order_changes_arrive(code, month, changes):
    rated = rate(World(), code, month, changes)
    amount, average = month_cost(code, month, changes)
    assert total(rated) == amount
    assert sum(each.billed for each in rated) == average
    assert all(each.amount >= 0 for each in rated)


@given(
    st.sampled_from(sorted(PRICES)),
    changes_of_a_month,
    st.decimals(min_value=-9, max_value=9, places=2),
    st.integers(1, 31),
)
def test_splitting_a_change_or_moving_it_within_its_day_changes_no_total(code, changes, part, day):
    parts = [(day, "08:00", change - part) for day, _, change in changes]
    parts += [(day, "23:00", part) for day, _, _ in changes]
    # What comes and goes on one day was never there.
    parts += [(day, "09:00", part), (day, "07:00", -part)]
    one, other = World(), World()
    assert total(rate(one, code, "2026-10", changes)) == total(rate(other, code, "2026-10", parts))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"])
def test_a_day_is_one_of_the_accounts_zone(zone):
    """The last instant of a day counts all of it, and the next one does not."""
    start = dt.datetime(2026, 11, 16, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    for at, days in ((start - dt.timedelta(milliseconds=1), 16), (start, 15)):
        local = at.isoformat(timespec="milliseconds")
        priced = World().rate(event("rate", local=local, zone=zone, kW=3))
        assert priced.amount == rounded(Fraction("1.07") * days / 30)


def test_a_month_that_leaves_a_day_out_has_one_less():
    """Samoa had no 30 December 2011."""
    world = World()
    for day in (1, 29, 31):
        world.rate(event("rate", local=f"2011-12-{day:02}T12:00", zone="Pacific/Apia", kW=3))
    found = world.rate(event("rate", local="2011-12-31T13:00", zone="Pacific/Apia", kW=-3))
    assert sum(t.amount for (n, _), t in world.tallies.found.items() if n.startswith("held:")) == (
        rounded(Fraction("1.07") * (30 + 2) / 30)
    )
    assert found.restated == -rounded(Fraction("1.07") / 30)
