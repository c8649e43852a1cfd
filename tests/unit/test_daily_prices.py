"""Prices of a level day by day: what is explained, counted and refused."""

from decimal import Decimal as D
from fractions import Fraction as F

import pytest

from rating.catalogue import changed_within_months, check, compile, levels_that_only_rise
from rating.catalogue.differences.prices import version_said
from rating.catalogue.document_parts import document_to_parts
from rating.charging import rated_usage
from rating.closing import close_month
from rating.counting import CounterKind
from rating.explain import sentences
from rating.rate import charge, select
from rating.trial import Tallies
from tests.property.test_daily_laws import World, rounded
from tests.rating_builders import VERSION, Bucket, charge_of, event
from tests.unit.test_running_months import NOW
from tests.unit.test_time_weighted import checked, document

TIERS = "tiers: [{upto: 5 kW, amount: 10, fee: 100}, {amount: 5, fee: 50}], aggregate: daily%s}"
GRADUATED = f"{{model: graduated, per: 1 kW, {TIERS}"
VOLUME = f"{{model: volume, per: 1 kW, {TIERS}"
THIRDS = "{model: per_unit, per: 7 kW, amount: 1, aggregate: daily%s}"
PACKAGES = "{model: package, size: 2 kW, amount: 5, aggregate: daily%s}"


def world(price):
    return World(compile(document(price % ""), VERSION))


def change(kw, local="2026-11-01T00:00", **how):
    return event("power", kW=kw, local=local, **how)


def explained(month, usage, priced):
    selected = select(month.catalogue, usage, "p", "EUR")
    return sentences(charge_of(rated_usage(selected, priced)))


def test_explain_says_what_each_day_has_and_what_is_due_once():
    month = world(GRADUATED)
    month.rate(change(2, "2026-11-10T12:00"))
    usage = change(5, "2026-11-16T12:00")
    assert explained(month, usage, month.rate(usage)) == [
        "Used: 5 kW of power.",
        "Price p/x of catalogue version 7.",
        "5 kW more from day 16 of 30 on.",
        "Days 10 to 15: 2 kW, for these days 4.00 EUR.",
        "Days 16 to 30: 7 kW, for these days 30.00 EUR.",
        "7 kW at the most on a day: fees of 150.00 EUR, once.",
        "The month came to 114.00 EUR before it, and comes to 184.00 EUR with it.",
        "Rounded half up to 10 decimal places.",
        "Charge: 70.00 EUR.",
    ]
    usage = change(-7, "2026-11-30T12:00")
    fallen = month.rate(usage)
    assert explained(month, usage, fallen)[2:5] == [
        "7 kW less from day 30 of 30 on.",
        "Days 10 to 15: 2 kW, for these days 4.00 EUR.",
        "Days 16 to 29: 7 kW, for these days 28.00 EUR.",
    ]
    assert (fallen.amount, fallen.restated) == (0, -2)
    assert fallen.causes == fallen.explanation[1:4]


def recomputed(explanation):
    """Return what a month comes to by the steps of an explanation alone."""
    total = F(0)
    for code, *fields in explanation:
        match code:
            case "days":
                total += F(fields[3]) / F(fields[4])
                assert rounded(F(fields[3]) / F(fields[4])) == D(fields[5])
            case "highest_day":
                total += F(fields[1])
            case "came_to":
                return rounded(total), D(fields[0]), D(fields[1])
    raise AssertionError(explanation)


@pytest.mark.parametrize("price", [GRADUATED, VOLUME, THIRDS, PACKAGES])
def test_the_explanation_by_hand_is_the_charge(price):
    month = world(price)
    for kw, day in ((3, "03"), (4, "05"), (-2, "11"), ("0.7", "21"), (-9, "22"), (3, "23")):
        priced = month.rate(change(kw, f"2026-11-{day}T07:11"))
        by_hand, was, now = recomputed(priced.explanation)
        assert by_hand == now
        assert priced.amount + priced.restated == now - was


def test_a_rise_into_a_cheaper_tier_is_restated_where_the_month_comes_to_less():
    month = world(VOLUME.replace("fee: 100", "fee: 0").replace("fee: 50", "fee: 0"))
    assert month.rate(change(5)).amount == 50
    dearer = month.rate(change(1))
    assert (dearer.amount, dearer.restated) == (0, -20)
    # A fall back to the dearer tier is no charge of its event either.
    back = month.rate(change(-1))
    assert (back.amount, back.restated) == (0, 20)


def test_what_is_counted_is_the_change_of_the_day_and_what_the_month_came_to():
    month = world(GRADUATED)
    month.rate(change(2, "2026-11-10T12:00"))
    month.rate(change(-1, "2026-11-10T23:00"))
    found = {
        name: (tally.records, tally.quantity, tally.amount)
        for (name, _), tally in month.tallies.found.items()
    }
    assert found == {
        "held:s-1:p/x*days:kW": (2, 21, 107),
        "level:s-1:p/x/day:kW": (2, 1, 0),
    }


@pytest.mark.parametrize(("local", "days"), [("2026-02-01", 28), ("2028-02-01", 29), ("2026-11-01", 30), ("2026-10-31", 31)])  # fmt: skip
def test_an_event_asks_for_each_day_of_its_month(local, days):
    selected = select(world(GRADUATED).catalogue, change(1, f"{local}T00:00"), "p", "EUR")
    assert selected.days == days
    assert len(selected.counting) == 1 + days
    assert [each.month_day for each in selected.counting] == list(range(days + 1))
    with pytest.raises(AssertionError, match="several days have one name"):
        charge(selected, {})


def test_other_counters_of_a_price_come_after_its_days():
    price = GRADUATED % ", first_fee_without_usage: yes, least: {month: 3}"
    catalogue = compile(document(price), VERSION)
    usage, tallies = change(1, "2026-02-28T23:00"), Tallies()
    selected = select(catalogue, usage, "p", "EUR")
    assert [each.kind for each in selected.counting[-2:]] == [CounterKind.CAP, CounterKind.CLOSED]
    month = World(catalogue)
    assert month.rate(usage).amount == rounded(F(10, 28) + 100)
    assert tallies.before(usage, selected)[-1].amount == 0


def test_the_close_knows_a_month_of_which_nothing_was_billed():
    catalogue = compile(document(GRADUATED % ", first_fee_without_usage: yes"), VERSION)
    (rule,) = catalogue.plans["p"].offers["power"].entries[0].rules
    for held, amount, due in (("0", "0", 100), ("1", "100.3", None)):
        counted = {
            kind: Bucket(1, D(0), D(amount)) for kind in (CounterKind.CAP, CounterKind.CLOSED)
        }
        counted[CounterKind.HELD] = Bucket(1, D(held), D(amount))
        closed = close_month(rule, counted, days=30, days_of_month=30)
        assert (closed and closed.amount) == due


def test_what_is_about_the_usage_of_a_record_is_refused():
    (error,) = map(str, checked(THIRDS % ", increments: 1/1").errors)
    assert error.endswith("found increments beside aggregate: daily")


def test_it_is_said_where_catalogues_differ_and_refused_within_a_month():
    plain = document(THIRDS.replace(", aggregate: daily", "") % "")
    daily = document(THIRDS % "")
    (come,) = changed_within_months(plain, daily, at=NOW)
    assert come.thing == "aggregate daily"
    (price,) = daily.plans[0].prices
    assert "the level of each day" in version_said(price.versions[0], "EUR", "kW")
    assert b'"format":7' in document_to_parts(daily)[0]


def test_another_plan_that_rates_the_same_usage_has_no_levels():
    text = (
        "products:\n  power: {type: t, usage_kind: level, unit: kW, below_zero: mirror}\n"
        f"plans:\n  p:\n    currency: EUR\n    prices: {{x: {{product: power, price: {THIRDS % ''}}}}}\n"
        "  q:\n    currency: EUR\n    also_rated: {cost: p}\n"
        "    prices: {x: {product: power, price: {model: flat, amount: 1}}}\n"
    )
    (error,) = map(str, check({"plans.yaml": text.encode()}).errors)
    assert "aggregate" in error


@pytest.mark.parametrize(
    ("below_zero", "aggregate", "says"),
    [
        ("refuse", "daily", {"seats": ["p/s"]}),
        ("refuse", "time_weighted", {"seats": ["p/s"]}),
        ("refuse", "max", {}),
        ("mirror", "daily", {}),
    ],
)
def test_a_level_that_can_only_rise_is_told(below_zero, aggregate, says):
    text = (
        f"products:\n  seats: {{type: x, usage_kind: event, unit: seat, below_zero: {below_zero}}}\n"
        "plans:\n  p: {currency: EUR, prices: {s: {product: seats, price: {model: graduated, "
        f"per: 1 seat, aggregate: {aggregate}, tiers: [{{amount: 10.00}}]}}}}}}}}\n"
    )
    found = check({"p.yaml": text.encode()})
    assert found.errors == ()
    assert levels_that_only_rise(found.document) == says
