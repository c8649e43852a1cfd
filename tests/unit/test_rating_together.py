"""Keys of a price that are right one by one, and refused together; and prices that cannot be
calculated with."""

import pytest

from rating.catalogue import check
from tests.rating_builders import PRODUCTS

HEAD = PRODUCTS
BANDS = "bands:\n  hours: {day: [Mon-Sun 08:00-18:00], night: otherwise}\n"


def errors_of(price, *, product="voice", allowances="", versions="", extra=""):
    text = HEAD + extra + "plans:\n  p:\n    currency: EUR\n"
    if allowances:
        text += f"    allowances: {allowances}\n"
    stated = f"versions: [{versions}]" if versions else f"price: {price}"
    text += f"    prices:\n      x: {{product: {product}, {stated}}}\n"
    return [str(error) for error in check({"plans.yaml": text.encode()}).errors]


PER_UNIT = "{model: per_unit, amount: 1, per: 1 s, %s}"
CALL = "{model: call, rates: [{amount: 1, per: 1 s, increment: 1 s}], %s}"
TIERS = "tiers: [{upto: 10 s, amount: 1, per: 1 s}, {amount: 1, per: 1 s}]"


@pytest.mark.parametrize(
    ("price", "allowances", "field", "expected"),
    [
        (
            PER_UNIT % "connect_fee: 1, commitment: {amount: 5, true_up: yes}",
            "",
            "connect_fee",
            "no commitment, which prices the month as a whole",
        ),
        *(
            (
                f"{{model: graduated, {TIERS}, free_units: 1 s, above_allowance: goes_on, "
                f"aggregate: {aggregate}}}",
                "",
                "above_allowance",
                "from_start: free units of several records are no place among the tiers",
            )
            for aggregate in ("max", "latest", "unique, unique_by: x")
        ),
        (
            PER_UNIT % "connect_fee: 1, aggregate: max",
            "",
            "connect_fee",
            "no aggregate, which prices the month as a whole",
        ),
        (
            PER_UNIT % "fee_when_free: yes, free_units: 1 s",
            "",
            "fee_when_free",
            "a price with connect_fee or fee",
        ),
        (
            f"{{model: graduated, {TIERS}, first_fee_without_usage: yes, "
            "free_units: 1 s, above_allowance: goes_on}",
            "",
            "first_fee_without_usage",
            "tiers that begin above what is free: above_allowance: from_start",
        ),
        (
            "{model: graduated, tiers: [{upto: 10 s, fee: 5}, {amount: 1, per: 1 s}], "
            "allowance: a, above_allowance: goes_on}",
            "{a: {units: 1 s}}",
            "above_allowance",
            "from_start, or tiers without a fee: that of a tier which begins with free units would "
            "never be charged",
        ),
        (
            PER_UNIT % "commitment: {amount: 5, true_up: yes}, least: {month: 7}",
            "",
            "least",
            "either a least of the month, or a commitment with true_up",
        ),
        (
            PER_UNIT % "commitment: {amount: 5, true_up: yes}, most: {month: 4}",
            "",
            "commitment",
            "no more than the most of the month, 4",
        ),
        (
            PER_UNIT % "least: {event: 1}, rounding: {times: 1.1}",
            "",
            "least",
            "a rounding without times: is it before the exchange, or after?",
        ),
        (
            PER_UNIT % "allowance: a, rounding: [{places: 4}, {times: 1.1}]",
            "{a: {amount: 5}}",
            "allowance",
            "a rounding without times, or an allowance in units",
        ),
        (
            CALL % "allowance: a",
            "{a: {units: 60 s, consume: increments}}",
            "allowance",
            "one that takes exact units, where rates change on the way",
        ),
        (
            PER_UNIT % "allowance: a, increments: 60/60, minimum_units: 30 s",
            "{a: {units: 60 s, consume: increments}}",
            "minimum_units",
            "an allowance that takes exact units",
        ),
        (
            "{model: graduated, tiers: [{percent: 5, per: 1 s}]}",
            "",
            "tiers[1].per",
            "no per: a percentage is of 100",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_by_its_line(price, allowances, field, expected):
    found = errors_of(price, allowances=allowances)
    where = f"plans.p.prices.x.price.{field}: expected {expected}, "
    assert any(where in error for error in found), found
    assert all(error.startswith("plans.yaml:") for error in found)


def test_an_allowance_gives_at_least_one_of_its_steps():
    found = errors_of(
        PER_UNIT % "allowance: a", allowances="{a: {units: 60 s, consume: steps, step: 2 min}}"
    )
    assert len(found) == 1
    assert (
        "plans.p.allowances.a.step: expected no more than the units, 60 s, found 120 s" in found[0]
    )


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (  # thirty tiers of unlike units: a common multiple of a hundred and more digits
            "{model: graduated, tiers: ["
            + "".join(
                f"{{upto: {place + 1} s, amount: 1, per: {10_007 + 30 * place} s}}, "
                for place in range(30)
            )
            + "{amount: 1, per: 1 s}]}",
            "fewer digits, discounts, or different numbers of units in `per`",
        ),
        (
            PER_UNIT % f"discount: [{', '.join(['0.12345678901234567890'] * 5)}]",
            "fewer digits, discounts, or different numbers of units in `per`",
        ),
        (
            "{model: per_unit, amount: 0, per: 1 s, commitment: {units: 100 s, true_up: yes}}",
            "a price that comes to something",
        ),
        (
            PER_UNIT % "commitment: {units: 100 s, true_up: yes}, most: {month: 99}",
            "a commitment of no more than the most of the month, 99",
        ),
    ],
)
def test_a_price_that_cannot_be_calculated_with_is_refused_at_the_check(price, expected):
    (error,) = errors_of(price)
    assert f"plans.p.prices.x: expected {expected}" in error


def test_a_price_that_restates_its_month_changes_at_the_first_of_one():
    volume = f"{{model: volume, {TIERS}}}"
    graduated = volume.replace("volume", "graduated")

    def versions(price, since):
        return (
            f"{{valid_from: 2026-10-01, price: {price}}}, {{valid_from: {since}, price: {price}}}"
        )

    (error,) = errors_of("", versions=versions(volume, "2026-11-15"))
    assert "versions[2].valid_from: expected the first of a month" in error
    assert not errors_of("", versions=versions(volume, "2026-11-01"))
    assert not errors_of("", versions=versions(graduated, "2026-11-15"))


def test_a_most_by_units_begins_at_the_first_of_a_month():
    """What single charges came to before it was not counted in units: it could be charged once more."""
    single = PER_UNIT % "most: {month: 2.50}"
    graduated = f"{{model: graduated, {TIERS}, most: {{month: 2.50}}}}"

    def versions(before, price, since):
        return (
            f"{{valid_from: 2026-10-01, price: {before}}}, {{valid_from: {since}, price: {price}}}"
        )

    (error,) = errors_of("", versions=versions(single, graduated, "2026-11-15"))
    assert "versions[2].valid_from: expected the first of a month: its most of the month" in error
    assert not errors_of("", versions=versions(single, graduated, "2026-11-01"))
    for before, price in ((graduated, single), (graduated, graduated), (single, single)):
        assert not errors_of("", versions=versions(before, price, "2026-11-15"))


def test_bands_have_bands():
    found = errors_of(PER_UNIT % "increments: 1/1", extra="bands: {hours: {}}\n")
    assert len(found) == 1
    assert "bands.hours: expected bands that cover the week" in found[0]


def test_seasons_of_the_same_days_have_hours_of_their_own():
    seasons = (
        "bands:\n  hours:\n    hot: ['06-01..08-31 Mon-Fri 08:00-18:00']\n"
        "    late: ['%s']\n    rest: otherwise\n"
    )
    found = errors_of(PER_UNIT % "increments: 1/1", extra=seasons % "08-31..02-01 Fri 17:00-20:00")
    assert len(found) == 1
    assert "06-01..08-31 in hot and 08-31..02-01 in late at Fri 17:00" in found[0]
    for fine in ("09-01..05-31 Fri 17:00-20:00", "08-31..02-01 Fri 18:00-20:00"):
        assert not errors_of(PER_UNIT % "increments: 1/1", extra=seasons % fine)
