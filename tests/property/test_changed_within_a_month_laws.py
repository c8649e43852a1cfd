"""Laws of a price that another catalogue changes within a month: what `publish` lets through is exact
by itself, what it refuses would not be."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import changed_within_months, compile
from tests.rating_builders import Month, document_of, event, files_of

NOW = dt.datetime(2026, 10, 20, 12, tzinfo=dt.UTC)
TIERS = "{model: graduated, per: 1 B, tiers: [{upto: 10 B, amount: 0.333}, {amount: 0.1}]"
EVENT = "{model: per_unit, amount: 0.333, per: 1 B"
OF_THE_MONTH = (
    "",
    ", discount: 10",
    ", discount: [33.3, 5]",
    ", rounding: {rule: up, places: 0}",
    ", rounding: {rule: half_even, places: 1, times: 1.19}",
    ", most: {month: 2.50}",
    ", most: {month: 7.00}",
    ", commitment: {amount: 3, overage: 2}",
    ", commitment: {units: 12 B, overage: 0.5}",
)
CAPPED = (", most: {month: 2.50}", ", most: {month: 7.00}", ", most: {month: 4, day: 1}")
USAGE = st.lists(st.integers(1, 30), min_size=1, max_size=8)


def document(price):
    """Return a catalogue of one price."""
    price = f"{{product: data, price: {price}}}}}"
    return document_of(
        files_of(f"plans:\n  p:\n    currency: EUR\n    prices:\n      x: {price}\n")
    )


def month(price):
    return Month(compile(document(price), 1))


def things(old, new):
    """Return what `publish` refuses of a change in October."""
    found = changed_within_months(document(old), document(new), at=NOW)
    return [each.thing for each in found]


def rated(priced, usage):
    """Return the amounts of usage."""
    return [priced.rate(event("data", B=units)).amount for units in usage]


@given(st.sampled_from(OF_THE_MONTH), st.sampled_from(OF_THE_MONTH), USAGE, USAGE)
def test_tiers_are_charged_what_usage_adds_by_the_new_terms(old, new, before, after):
    """Discount, rounding, most and commitment: from then on, and nothing that was charged changes."""
    assert not things(TIERS + old, TIERS + new)
    changed, always_new = month(TIERS + old), month(TIERS + new)
    rated(changed, before)
    rated(always_new, before)
    changed.catalogue = always_new.catalogue
    amounts = rated(changed, after)
    assert amounts == rated(always_new, after)
    assert all(amount >= 0 for amount in amounts)
    assert not changed.restated


@given(st.sampled_from(CAPPED), st.sampled_from(CAPPED), USAGE, USAGE)
def test_another_most_of_the_month_is_less_what_was_charged(old, new, before, after):
    assert things(EVENT + old, EVENT + new) in ([], ["most of a day"])
    priced = month(EVENT + old)
    charged = sum(rated(priced, before))
    priced.catalogue = month(EVENT + new).catalogue
    most = Decimal(new.partition("month: ")[2].partition("}")[0].partition(",")[0])
    added = sum(rated(priced, after))
    assert charged + added <= max(charged, most)
    if "day" not in new:
        assert added == min(
            sum(Decimal(units) * Decimal("0.333") for units in after),
            max(most - charged, Decimal(0)),
        )


@given(USAGE, USAGE)
def test_a_most_that_is_gone_leaves_what_was_charged(before, after):
    assert not things(EVENT + CAPPED[0], EVENT)
    priced = month(EVENT + CAPPED[0])
    rated(priced, before)
    priced.catalogue = month(EVENT).catalogue
    assert sum(rated(priced, after)) == sum(after) * Decimal("0.333")


def test_a_new_most_of_a_month_would_not_know_what_was_charged():
    """10 is charged, then 2.50 once more: so it is refused within a month."""
    assert things(EVENT, EVENT + CAPPED[0]) == ["most of the month"]
    priced = month(EVENT)
    assert rated(priced, [30]) == [Decimal("9.99")]
    priced.catalogue = month(EVENT + CAPPED[0]).catalogue
    assert sum(rated(priced, [30, 30])) == Decimal("2.50")


@pytest.mark.parametrize(
    "counted", [", least: {month: 1}", ", commitment: {amount: 1, true_up: yes}"]
)
def test_a_new_most_of_a_month_whose_money_is_counted_is_exact(counted):
    old = EVENT + counted
    new = EVENT + counted + ", most: {month: 2.50}"
    assert not things(old, new)
    priced = month(old)
    (charged,) = rated(priced, [6])
    priced.catalogue = month(new).catalogue
    assert charged + sum(rated(priced, [30])) == Decimal("2.50")


@pytest.mark.parametrize(
    ("since", "refused"),
    [("2026-10-20", True), ("2026-10-21", True), ("2026-10-22", False)],
)
def test_a_new_most_of_a_day_begins_on_a_day_that_has_begun_nowhere(since, refused):
    """At noon in UTC of the 20th, the 21st has begun at UTC+14."""
    plain, capped = f"{EVENT}}}", f"{EVENT}, most: {{day: 1}}}}"
    text = (
        "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: data, versions: "
        f"[{{valid_from: 2026-01-01, price: {plain}}}, {{valid_from: {since}, price: {capped}}}]}}\n"
    )
    found = changed_within_months(document(EVENT), document_of(files_of(text)), at=NOW)
    assert [each.thing for each in found] == ["most of a day"] * refused
    if refused:
        assert "valid_from: 2026-10-22, the first day that has begun nowhere" in found[0].text


RESTATING = (
    (TIERS.replace("graduated", "volume"), "model volume"),
    (f"{TIERS}, aggregate: latest", "aggregate latest"),
)


@pytest.mark.parametrize(("price", "thing"), RESTATING)
@pytest.mark.parametrize("change", OF_THE_MONTH[1:])
def test_what_restates_earlier_charges_changes_with_none_of_its_terms(price, thing, change):
    """The next charge would bring all of the month to them."""
    assert things(price, price + change) == [thing]
    assert things(price + change, price) == [thing]
    assert not things(price + change, price + change)


@pytest.mark.parametrize("change", OF_THE_MONTH[1:])
def test_samples_are_priced_at_the_close_by_all_terms(change):
    price = f"{EVENT}, aggregate: {{percentile: 95}}"
    if "commitment" not in change:
        assert things(price, price + change) == ["percentile of the month"]


@pytest.mark.parametrize("aggregate", ["time_weighted", "daily"])
def test_a_level_over_time_is_brought_to_all_terms(aggregate):
    text = files_of(
        "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: corrected, price: "
        f"{{model: per_unit, amount: 1, per: 1 s, aggregate: {aggregate}TERMS}}}}\n"
    )["plans.yaml"].decode()
    old, new = (
        document_of({"plans.yaml": text.replace("TERMS", terms).encode()})
        for terms in ("", ", discount: 10")
    )
    (found,) = changed_within_months(old, new, at=NOW)
    assert found.thing == f"aggregate {aggregate}"


def test_a_discount_by_usage_is_rounded_anew():
    reached = "discount_by_usage: {product: message, reached: [{from: 5, percent: 10}]}"
    price = f"{EVENT}, {reached}"
    assert things(price, f"{price}, rounding: {{places: 0}}") == ["discount_by_usage"]
    assert not things(price, f"{price}, discount: 10")
    then = price.replace("product: message", "product: message, from_then: yes")
    assert not things(then, f"{then}, rounding: {{places: 0}}")


def test_a_most_of_a_later_month_does_not_say_that_this_one_was_counted():
    """It may have been published today, and begin at once tomorrow: 9.99 was charged, then 2.50 more."""
    plain, capped = f"{EVENT}}}", f"{EVENT}{CAPPED[0]}}}"

    def versions(*prices):
        listed = ", ".join(f"{{valid_from: {day}, price: {price}}}" for day, price in prices)
        text = "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: data, versions: "
        return document_of(files_of(f"{text}[{listed}]}}\n"))

    planned = versions(("2026-01-01", plain), ("2026-11-01", capped))
    at_once = versions(("2026-01-01", capped))
    assert not changed_within_months(document(EVENT), planned, at=NOW)
    found = changed_within_months(planned, at_once, at=NOW)
    assert [each.thing for each in found] == ["most of the month"]
    assert "to 31 October 2026" in found[0].text
    # One that has begun is counted from its month on, whichever day it began on.
    begun = versions(("2026-01-01", plain), ("2026-10-15", capped))
    earlier = versions(("2026-01-01", plain), ("2026-10-01", capped))
    assert not changed_within_months(begun, earlier, at=NOW)


@pytest.mark.parametrize(
    "new",
    [
        TIERS,
        f"{EVENT}, commitment: {{amount: 1, overage: 2}}",
        f"{EVENT}, aggregate: max",
        "{model: package, size: 5 B, amount: 1",
    ],
    ids=["tiers", "commitment", "max", "package"],
)
@pytest.mark.parametrize("old", [EVENT, EVENT + CAPPED[0]], ids=["plain", "capped"])
def test_a_most_of_units_that_were_not_counted_would_be_charged_once_more(old, new):
    """Of a price of events, which counts money or nothing: so it is refused within a month."""
    assert things(old, new + CAPPED[0]) == ["most of the month's units"]
    priced = month(old)
    assert rated(priced, [30])[0] >= Decimal("2.50")
    priced.catalogue = month(new + CAPPED[0]).catalogue
    assert sum(rated(priced, [30, 30])) == Decimal("2.50")
    # Units that are counted come to no more than it.
    assert not things(new, new + CAPPED[0])
    priced = month(new)
    charged = sum(rated(priced, [30]))
    priced.catalogue = month(new + CAPPED[0]).catalogue
    assert charged + sum(rated(priced, [30, 30])) == max(charged, Decimal("2.50"))
