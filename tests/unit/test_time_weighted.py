"""Prices of the average of a level over the month: their edges, and what the check refuses."""

from decimal import Decimal as D
from fractions import Fraction as F

import pytest

from rating.catalogue import changed_within_months, check, compile
from rating.catalogue.differences.prices import version_said
from rating.catalogue.document_parts import document_to_parts
from rating.closing import close_month
from rating.counting import CounterKind
from rating.explain import sentences
from rating.price.time_weighted import Month as Span
from rating.price.time_weighted import of_unit_seconds, unit_seconds
from schemas.money import round_quotient
from tests.rating_builders import Bucket, Month, at, charge_of, event
from tests.unit.test_running_months import NOW

RATE = "{model: per_unit, per: 1 kW, amount: 3, aggregate: time_weighted%s}"
TIERS = (
    "{model: graduated, per: 1 kW, tiers: [{upto: 5 kW, amount: 3, fee: 1}, {amount: 7}], "
    "aggregate: time_weighted%s}"
)
SECONDS = 31 * 86_400 + 3_600  # October in Berlin


def checked(price, *, below_zero="mirror", stated="price: "):
    text = (
        f"products:\n  power: {{type: t, usage_kind: level, unit: kW, below_zero: {below_zero}}}\n"
        "  film: {type: f, usage_kind: event, unit: record}\n"
        "plans:\n  p:\n    currency: EUR\n    allowances: {a: {units: 1 kW}, b: {amount: 1}}\n"
        f"    prices:\n      x: {{product: power, {stated}{price}}}\n"
    )
    return check({"plans.yaml": text.encode()})


def document(price, **how):
    found = checked(price, **how)
    assert found.document is not None, found.errors
    return found.document


def month_of(price, **how):
    return Month(compile(document(price, **how), 7))


def change(kw, local="2026-10-01T00:00", **how):
    return event("power", kW=kw, local=local, **how)


def comes_to(month, *changes):
    return sum(
        rated.amount + rated.restated for rated in (month.rate(each) for each in changes)
    ).normalize()


@pytest.mark.parametrize(
    ("local", "zone", "average"),
    [
        ("2026-10-01T00:00", "Europe/Berlin", F(1)),
        ("2026-10-31T23:59:59.999", "Europe/Berlin", F(1, 1000 * SECONDS)),
        ("2026-10-31T23:00", "Europe/Berlin", F(3600, SECONDS)),
        ("2026-09-30T22:00+00:00", "Europe/Berlin", F(1)),  # the first of October there
        ("2026-10-25T00:30+00:00", "Europe/Berlin", F(7 * 86_400 - 5_400, SECONDS)),
        (
            "2026-10-25T01:30+00:00",
            "Europe/Berlin",
            F(7 * 86_400 - 9_000, SECONDS),
        ),  # the same hour once more
        ("2028-02-29T00:00", "UTC", F(1, 29)),
        ("2026-03-16T12:00", "UTC", F(1, 2)),
    ],
)
def test_a_change_counts_from_its_instant_to_the_end_of_the_month(local, zone, average):
    rated = month_of(RATE % "").rate(change(1, local, zone=zone))
    assert rated.amount == rounded(3 * average)
    assert rated.billed == rounded(average)


def rounded(value):
    return round_quotient(D(value.numerator), D(value.denominator), 10, "ROUND_HALF_UP")


def test_unit_seconds_are_exact():
    span = Span(at("2026-10-01T00:00"), at("2026-11-01T00:00"))
    assert span.seconds == SECONDS
    last = span.end_ms - 1
    assert unit_seconds(span, units=D("-0.003"), at_ms=last) == D("-0.000003")
    with pytest.raises(AssertionError):
        unit_seconds(span, units=D(1), at_ms=span.end_ms)


def test_each_month_begins_at_zero():
    month = month_of(RATE % "")
    assert comes_to(month, change(4, "2026-09-01T00:00")) == 12
    assert comes_to(month, change(2, "2026-10-01T00:00")) == 6
    # What was there before and goes is less than nothing, and costs nothing.
    assert comes_to(month, change(-5, "2026-10-02T00:00")) == -6
    assert comes_to(month, change(9, "2026-10-31T23:00")) == 0


def test_what_comes_late_is_as_if_it_had_come_in_time():
    first, second, third = change(5), change(-3, "2026-10-11T00:00"), change(4, "2026-10-21T00:00")
    one, other = month_of(TIERS % ""), month_of(TIERS % "")
    assert comes_to(one, first, second, third) == comes_to(other, second, third, first)


def test_a_change_of_nothing_is_no_usage():
    rated = month_of(RATE % "").rate(change(0))
    assert (rated.amount, rated.counted) == (0, ())
    assert ("no_usage",) in rated.explanation


def test_a_level_that_falls_has_to_be_kept_by_the_product():
    refused = month_of(RATE % "", below_zero="refuse").rate(change(-1))
    assert refused.reason == "rating.below_zero"
    assert month_of(RATE % "", below_zero="refuse").rate(change(1)).amount == 3


def test_each_subscription_has_its_own_level():
    month = month_of(RATE % "")
    assert comes_to(month, change(4), change(2, subscription="s-2")) == 18
    assert {name for name, _ in month.counted if name.startswith("held:")} == {
        "held:s-1:p/x:kW",
        "held:s-2:p/x:kW",
    }


def test_explain_says_what_the_average_is_and_what_it_costs():
    month = month_of(TIERS % "")
    month.rate(change(4))
    rated = month.rate(change(5, "2026-10-11T00:00"))
    assert sentences(charge_of(rated)) == [
        "Used: 5 kW of power.",
        "Price p/x of catalogue version 7.",
        "5 kW more for the last 1818000 s of the month: 9090000 kW-seconds.",
        "With it the month has 19818000 kW-seconds in 2682000 s: 7.389261745 kW on average.",
        "13410000 kW-seconds in the tier from 0 kW to 5 kW, at 3.00 EUR per kW, held for all of the "
        "month.",
        "The tier above 0 kW begins: 1.00 EUR.",
        "6408000 kW-seconds in the tier above 5 kW, at 7.00 EUR per kW, held for all of the month.",
        "The month came to 13.00 EUR before it, and comes to 32.7248322148 EUR with it.",
        "Rounded half up to 10 decimal places.",
        "Charge: 19.7248322148 EUR.",
    ]
    fallen = month.rate(change(-30, "2026-10-21T12:00"))
    assert fallen.restated == D("-32.7248322148")
    assert sentences(charge_of(fallen))[2:4] == [
        "30 kW less for the last 910800 s of the month: -27324000 kW-seconds.",
        "With it the month has -7506000 kW-seconds in 2682000 s: less than nothing on average, which "
        "costs nothing.",
    ]


def recomputed(explanation):
    """Return what a month comes to by the steps of an explanation alone."""
    total, seconds, held = F(0), F(0), F(0)
    for code, *fields in explanation:
        match code:
            case "average":
                held, seconds = F(fields[0]), F(fields[1])
            case "held_rate":
                total += held * F(fields[0]) / (F(fields[1]) * seconds)
            case "held_tier":
                total += F(fields[2]) * F(fields[3]) / (F(fields[4]) * seconds)
            case "tier_fee":
                total += F(fields[2])
            case "volume":
                total += held * F(fields[2]) / (F(fields[3]) * seconds) + F(fields[4])
            case "packages":
                total += F(fields[2]) * F(fields[3])
            case "came_to":
                return rounded(total), D(fields[0]), D(fields[1])
    raise AssertionError(explanation)


VOLUME = TIERS.replace("graduated", "volume")
PACKAGES = "{model: package, size: 2 kW, amount: 5, aggregate: time_weighted%s}"


@pytest.mark.parametrize("price", [RATE, TIERS, VOLUME, PACKAGES])
def test_the_explanation_by_hand_is_the_charge(price):
    month = month_of(price % "")
    for kw, day in ((3, "03"), (4, "05"), (-2, "11"), ("0.7", "21"), (-9, "22"), (3, "23")):
        rated = month.rate(change(kw, f"2026-10-{day}T07:11"))
        by_hand, was, now = recomputed(rated.explanation)
        assert by_hand == now
        assert rated.amount + rated.restated == now - was


@pytest.mark.parametrize(
    ("key", "stated"),
    [
        ("round_units", "round_units: {to: 1 kW, rule: up}"),
        ("free_records", "free_records: 3"),
        ("free_units", "free_units: 1 kW"),
        ("minimum_units", "minimum_units: 1 kW"),
        ("increments", "increments: 1/1"),
        ("allowance", "allowance: a"),
        ("allowance", "allowance: b"),
    ],
)
def test_what_is_about_the_usage_of_a_record_is_refused(key, stated):
    (error,) = map(str, checked(RATE % f", {stated}").errors)
    assert error.startswith(f"plans.yaml:9: plans.p.prices.x.price.{key}: expected ")
    assert error.endswith(f"found {key} beside aggregate: time_weighted")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (", connect_fee: 1", "no aggregate, which prices the month as a whole"),
        (", unique_by: device", "the name of an attribute where aggregate is unique"),
        (", most: {day: 1}", "most"),
        (", carries: yes", "found the unknown key 'carries'"),
    ],
)
def test_what_is_refused_of_every_aggregate_is_refused_here(stated, expected):
    found = checked(RATE % stated).errors
    assert len(found) == 1
    assert expected in str(found[0])


@pytest.mark.parametrize(
    "stated",
    [
        *(", discount: 10", ", most: {month: 20}", ", least: {month: 2, by_days: yes}"),
        ", commitment: {units: 3 kW, overage: 2, true_up: yes}",
        ", discount_by_usage: {product: film, reached: [{from: 1, percent: 10}]}",
    ],
)
def test_what_is_of_the_month_goes_with_levels_that_fall(stated):
    """Although the product mirrors what is below zero: here a fall is no correction."""
    assert checked(RATE % stated).errors == ()


def test_the_close_knows_a_month_of_which_nothing_was_billed():
    catalogue = compile(document(TIERS % ", first_fee_without_usage: yes"), 7)
    (rule,) = catalogue.plans["p"].offers["power"].entries[0].rules
    for held, amount, due in (("0", "0", 1), ("-500", "0", 1), ("500", "1.2", None)):
        counted = {
            kind: Bucket(1, D(0), D(amount)) for kind in (CounterKind.CAP, CounterKind.CLOSED)
        }
        counted[CounterKind.HELD] = Bucket(1, D(held), D(amount))
        closed = close_month(rule, counted, days=31, days_of_month=31)
        assert (closed and closed.amount) == due


def test_versions_begin_on_the_first_of_a_month():
    stated = (
        f"{{valid_from: 2026-01-01, price: {RATE % ''}}}, {{valid_from: %s, price: {TIERS % ''}}}"
    )
    (error,) = checked(f"[{stated % '2026-10-15'}]", stated="versions: ").errors
    assert "expected the first of a month" in str(error)
    assert checked(f"[{stated % '2026-11-01'}]", stated="versions: ").errors == ()


def test_it_neither_comes_nor_goes_within_a_month():
    plain = document(RATE.replace(", aggregate: time_weighted", "") % "")
    (come,) = changed_within_months(plain, document(RATE % ""), at=NOW)
    assert come.thing == "aggregate time_weighted"
    assert "is new: " in come.text


def test_a_catalogue_with_levels_says_so_to_older_builds():
    assert b'"format":7' in document_to_parts(document(RATE % ""))[0]


def test_a_difference_says_what_is_priced():
    (price,) = document(RATE % "").plans[0].prices
    assert "the average over time" in version_said(price.versions[0], "EUR", "kW")


def test_a_price_of_unit_seconds_is_the_same_for_longer_usage():
    catalogue = compile(document(VOLUME % ""), 7)
    (rule,) = catalogue.plans["p"].offers["power"].entries[0].rules
    priced = of_unit_seconds(rule.model, D(100))
    assert [tier.upto_units for tier in priced.tiers] == [500, None]
    assert priced.divide_by == 100


def test_a_reading_below_zero_is_one_of_nothing():
    month = month_of(RATE.replace("time_weighted", "latest") % ", least: {month: 1}")
    assert month.rate(change(4)).amount == 12
    below = month.rate(change(-5, "2026-10-02T00:00"))
    assert (below.used, below.billed, below.amount, below.restated) == (-5, 0, 0, -12)
    assert "A reading of -5 kW is one of nothing." in sentences(charge_of(below))
    assert month.rate(change(2, "2026-10-03T00:00")).amount == 6
    # Of one that is older than the newest nothing comes.
    late = month.rate(change(-1, "2026-10-02T12:00"))
    assert (late.amount, late.restated) == (0, 0)


def test_no_reading_below_zero_is_the_largest():
    month = month_of(RATE.replace("time_weighted", "max") % "")
    assert month.rate(change(-5)).amount == 0
    assert month.rate(change(3)).amount == 9
    below = month.rate(change(-5))
    assert (below.amount, below.restated, below.counted) == (0, 0, ())
