"""Select and charge, through the real catalogue."""

from decimal import Decimal as D

import pytest

from rating.rate import Filtered, RatedUsage
from schemas.decimals import to_text
from schemas.refusal import RefusalReason, Refused
from tests.rating_builders import CARD_HEADER, Month, catalogue_of, event, price_of

PER_MINUTE = "{model: per_unit, amount: 0.10, per: 1 min, increments: 60/60}"
CARD = (
    f"{CARD_HEADER},connect_fee\n4930,Germany Berlin,0.10,60,60,1,0.05\n49,Germany,0.02,60,60,1,\n"
)
PLANS = """
    plans:
      p:
        currency: EUR
        prices:
          home:
            product: voice
            destinations: ["4930", "4940"]
            versions:
              - valid_from: 2026-10-01
                valid_to: 2026-11-01
                price: {model: per_unit, amount: 0.06, per: 1 min}
              - valid_from: 2026-12-01
                price: {model: per_unit, amount: 0.12, per: 1 min}
          abroad:
            product: voice
            destinations: ["1"]
            price: {model: rate_card, card: world}
          messages: {product: message, price: {model: flat, amount: 0.09}}
          silent: {product: silent, price: {model: per_unit, amount: 1, per: 1 s}}
"""


@pytest.fixture(scope="module")
def catalogue():
    return catalogue_of(PLANS, world=CARD)


def refusal(catalogue, usage, plan="p", currency="EUR"):
    refused = Month(catalogue, plan, currency).rate(usage)
    assert isinstance(refused, Refused)
    assert "Operator action:" in refused.detail
    return refused


@pytest.mark.parametrize(
    ("usage", "plan", "currency", "reason"),
    [
        (event(to="4930", s=60), "q", "EUR", RefusalReason.UNKNOWN_PLAN),
        (event(to="4930", s=60), "p", "GBP", RefusalReason.CURRENCY_MISMATCH),
        (event("data", B=60), "p", "EUR", RefusalReason.UNKNOWN_PRODUCT),
        (event(to="4930", min=1), "p", "EUR", RefusalReason.MISSING_QUANTITY),
        (event(to="4950", s=60), "p", "EUR", RefusalReason.UNKNOWN_DESTINATION),
        (event(s=60), "p", "EUR", RefusalReason.UNKNOWN_DESTINATION),
        (event(to="1212", s=60), "p", "EUR", RefusalReason.UNKNOWN_DESTINATION),
    ],
    ids=[
        "no such plan",
        "a plan in another currency",
        "a product without a price",
        "a quantity in another unit",
        "a number that no price of the plan is for",
        "no number where prices are by number",
        "a number that the card does not know",
    ],
)
def test_what_cannot_be_priced_is_refused(catalogue, usage, plan, currency, reason):
    assert refusal(catalogue, usage, plan, currency).reason is reason


def test_a_refusal_shows_no_whole_number(catalogue):
    detail = refusal(catalogue, event(to="49551234567", s=60)).detail
    assert "4955..." in detail
    assert "49551" not in detail


@pytest.mark.parametrize(
    ("local", "amount"),
    [
        ("2026-09-30T23:59", None),
        ("2026-10-01T00:00", "0.06"),
        ("2026-10-31T23:59", "0.06"),
        ("2026-11-01T00:00", None),
        ("2026-12-01T00:00", "0.12"),
    ],
)
def test_the_version_in_force_at_the_event_prices_it(catalogue, local, amount):
    rated = Month(catalogue).rate(event(to="4930", local=local, s=60))
    if amount is None:
        assert isinstance(rated, Refused)
        assert rated.reason is RefusalReason.NO_TARIFF_IN_FORCE
    else:
        assert rated.amount == D(amount)


def test_a_date_is_midnight_in_the_zone_of_the_account(catalogue):
    """One instant, 22:30 UTC: still September in London, October in Berlin."""
    berlin = event(to="4930", local="2026-09-30T22:30+00:00", zone="Europe/Berlin", s=60)
    london = event(to="4930", local="2026-09-30T22:30+00:00", zone="Europe/London", s=60)
    assert Month(catalogue).rate(berlin).amount == D("0.06")
    assert isinstance(Month(catalogue).rate(london), Refused)


def test_no_usage_costs_nothing_or_is_filtered_as_the_product_says(catalogue):
    rated = Month(catalogue).rate(event(to="4930", s=0))
    assert (rated.amount, rated.used, rated.billed) == (0, 0, 0)
    assert to_text(rated.amount) == "0.0000000000"
    assert isinstance(Month(catalogue).rate(event("silent", s=0)), Filtered)
    assert Month(catalogue).rate(event("silent", s=1)).amount == 1


def test_no_usage_counts_nothing():
    """Neither a first increment nor a connect fee, nor a place in an allowance or a tier."""
    catalogue = price_of(
        "{model: per_unit, amount: 1, per: 1 s, increments: 60/60, connect_fee: 1, allowance: a}",
        extra="{a: {units: 90 s}}",
    )
    rated = Month(catalogue).rate(event(s=0))
    assert (rated.amount, rated.billed, rated.free, rated.counted) == (0, 0, 0, ())


def test_a_product_counted_in_records_needs_no_quantity(catalogue):
    rated = Month(catalogue).rate(event("message"))
    assert (rated.amount, rated.used, rated.unit) == (D("0.09"), 1, "record")


def test_the_first_price_that_matches_wins():
    card = f"{CARD_HEADER}\n49,Germany,9,60,60,60\n"
    catalogue = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              special: {product: voice, destinations: ["4930"], price: {model: flat, amount: 1}}
              national: {product: voice, destinations: ["49"], price: {model: flat, amount: 2}}
              world: {product: voice, price: {model: rate_card, card: world}}
        """,
        world=card,
    )
    month = Month(catalogue)
    assert [month.rate(event(to=to, s=1)).price_id for to in ("49301", "4940", "49")] == [
        "p/special",
        "p/national",
        "p/national",
    ]


def test_a_card_prices_by_row_with_its_fee_and_increments():
    catalogue = catalogue_of(
        """
        plans:
          p: {currency: EUR, prices: {x: {product: voice, price: {model: rate_card, card: world}}}}
        """,
        world=CARD,
    )
    berlin = Month(catalogue).rate(event(to="4930123", s=61))
    elsewhere = Month(catalogue).rate(event(to="4940123", s=30))
    assert berlin.amount == D("0.1516666667")
    assert ("prefix", "4930", "Germany Berlin", "world") in berlin.explanation
    assert (elsewhere.amount, elsewhere.billed) == (D("0.02"), 60)


def test_an_allowance_is_taken_by_what_was_used_and_the_rest_by_increments():
    """90 s free; of a call of 100 s the last 10 s are billed as a whole minute."""
    catalogue = price_of(
        "{model: per_unit, amount: 0.60, per: 1 min, increments: 60/60, allowance: a}",
        extra="{a: {units: 90 s}}",
    )
    rated = Month(catalogue).rate(event(s=100))
    assert (rated.free, rated.billed, rated.amount) == (90, 60, D("0.60"))
    assert rated.counted == (
        ("allowance:s-1:p/a:s", D(90), None),
        ("tier:s-1:p/x:s", D(60), D("0.60")),
    )


def test_an_allowance_may_take_whole_increments():
    """A call of 61 s is two minutes: the allowance of 90 s covers one and a half."""
    catalogue = price_of(
        "{model: per_unit, amount: 0.60, per: 1 min, increments: 60/60, allowance: a}",
        extra="{a: {units: 90 s, consume: increments}}",
    )
    rated = Month(catalogue).rate(event(s=61))
    assert (rated.free, rated.billed, rated.amount) == (90, 30, D("0.30"))


def test_prices_that_name_one_allowance_share_it():
    catalogue = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            allowances: {a: {units: 10 min}}
            prices:
              near:
                product: voice
                destinations: ["49"]
                price: {model: per_unit, amount: 1, per: s, allowance: a}
              far: {product: voice, price: {model: per_unit, amount: 2, per: s, allowance: a}}
        """
    )
    month = Month(catalogue)
    assert month.rate(event(to="49", s=400)).free == 400
    assert month.rate(event(to="1", s=400)).free == 200
    assert month.rate(event(to="49", s=1)).free == 0


def test_a_price_that_measures_another_unit_counts_the_month_anew():
    price = "{model: graduated, per: 1, allowance: a, tiers: [{upto: 100, amount: 1}, {amount: 0}]}"
    of_seconds = price_of(price, extra="{a: {units: 100 s}}")
    of_bytes = price_of(price, product="data", extra="{a: {units: 100 B}}")
    month = Month(of_seconds)
    assert (month.rate(event(s=250)).amount, month.rate(event(s=50)).free) == (100, 0)
    month.catalogue = of_bytes
    rated = month.rate(event("data", B=150))
    assert (rated.free, rated.amount) == (100, 50)


def test_an_allowance_is_of_one_subscription_and_one_month():
    catalogue = price_of(
        "{model: per_unit, amount: 1, per: s, allowance: a}", extra="{a: {units: 100 s}}"
    )
    month = Month(catalogue)
    assert month.rate(event(s=100)).free == 100
    assert month.rate(event(s=100)).free == 0
    assert month.rate(event(s=100, subscription="s-2")).free == 100
    assert month.rate(event(s=100, local="2026-10-31T23:59:59")).free == 0
    assert month.rate(event(s=100, local="2026-11-01T00:00")).free == 100


def test_free_messages_come_before_the_flat_price():
    catalogue = price_of(
        "{model: flat, amount: 0.09, allowance: a}",
        product="message",
        extra="{a: {units: 2 record}}",
    )
    month = Month(catalogue)
    assert [month.rate(event("message")).amount for _ in range(3)] == [0, 0, D("0.09")]


def test_units_are_rounded_before_the_allowance_sees_them():
    catalogue = price_of(
        "{model: per_unit, amount: 1, per: 1 kB, allowance: a, round_units: {to: 1 kB, rule: up}}",
        product="data",
        extra="{a: {units: 1500 B}}",
    )
    rated = Month(catalogue).rate(event("data", B=1001))
    assert (rated.used, rated.free, rated.billed, rated.amount) == (1001, 1500, 500, D("0.5"))


def test_units_that_are_rounded_down_to_none_are_not_billed():
    catalogue = price_of(
        "{model: per_unit, amount: 1, per: 1 kB, connect_fee: 5, round_units: {to: 1 kB, rule: down}}",
        product="data",
    )
    assert Month(catalogue).rate(event("data", B=999)).amount == 0


def test_a_price_names_its_rounding():
    catalogue = price_of(
        "{model: per_unit, amount: 0.10, per: 1 min, rounding: {rule: up, places: 2}}"
    )
    assert Month(catalogue).rate(event(s=61)).amount == D("0.11")


@pytest.mark.parametrize(
    ("local", "amount"),
    [("2026-10-05T07:59", 1), ("2026-10-05T08:00", 2), ("2026-10-03T12:00", 1)],
    ids=["before the peak", "in the peak", "on Saturday"],
)
def test_the_band_of_the_start_prices_all_of_it(local, amount):
    catalogue = catalogue_of(
        """
        bands:
          hours: {peak: [Mon-Fri 08:00-20:00], off-peak: otherwise}
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: voice
                price:
                  {model: per_unit, bands: hours, amounts: {peak: 2, off-peak: 1}, per: 1 min}
        """
    )
    assert Month(catalogue).rate(event(local=local, s=60)).amount == amount


@pytest.mark.parametrize(
    ("local", "amount"),
    [
        ("2026-10-04T05:59", 2),
        ("2026-10-04T12:00", 1),
        ("2026-10-04T22:00", 2),
        ("2026-10-05T05:59", 1),
    ],
    ids=["Sunday before six", "Sunday noon", "Sunday at ten", "Monday before six"],
)
def test_hours_that_go_round_midnight_are_of_one_day_of_the_calendar(local, amount):
    catalogue = catalogue_of(
        """
        bands:
          hours: {special: [Sun 22:00-06:00], plain: otherwise}
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: message
                price: {model: per_unit, bands: hours, amounts: {special: 2, plain: 1}, per: 1}
        """
    )
    assert Month(catalogue).rate(event("message", local=local)).amount == amount


def test_prices_that_are_equal_are_explained_as_they_are_written():
    card = f"{CARD_HEADER}\n49,Germany,0.10,60,60,60\n44,United Kingdom,0.1,60,60,60\n"
    catalogue = catalogue_of(
        """
        plans:
          p: {currency: EUR, prices: {x: {product: voice, price: {model: rate_card, card: world}}}}
        """,
        world=card,
    )
    for number, amount in (("49", "0.10"), ("44", "0.1")):
        rated = Month(catalogue).rate(event(to=number, s=1))
        assert ("rate", amount, "60") in rated.explanation


def test_a_band_above_an_allowance_has_a_tier_of_its_own():
    """What grows is the cost at one price; two bands are two prices."""
    catalogue = catalogue_of(
        """
        bands:
          hours: {peak: [Mon-Fri 08:00-20:00], off-peak: otherwise}
        plans:
          p:
            currency: EUR
            allowances: {a: {units: 1 s}}
            prices:
              x:
                product: voice
                price:
                  model: per_unit
                  bands: hours
                  amounts: {peak: 2, off-peak: 1}
                  per: 1 min
                  allowance: a
        """
    )
    month = Month(catalogue)
    rated = month.rate(event(s=61)), month.rate(event(s=60, local="2026-10-04T12:00"))
    assert [one.counted[-1] for one in rated] == [
        ("tier:s-1:p/x/peak:s", 60, 2),
        ("tier:s-1:p/x/off-peak:s", 60, 1),
    ]
    assert [one.amount for one in rated] == [2, 1]


def test_tiers_go_on_when_the_price_changes_inside_a_month():
    catalogue = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: data
                versions:
                  - valid_from: 2026-01-01
                    price: {model: graduated, per: B, tiers: [{upto: 10 B, amount: 1}, {amount: 2}]}
                  - valid_from: 2026-10-15
                    price: {model: graduated, per: B, tiers: [{upto: 10 B, amount: 3}, {amount: 4}]}
        """
    )
    month = Month(catalogue)
    assert month.rate(event("data", B=8)).amount == 8
    assert month.rate(event("data", local="2026-10-20T12:00", B=4)).amount == 2 * 3 + 2 * 4
    assert month.rate(event("data", B=1)).amount == 2  # late, at the price of its own day


def test_a_charge_says_what_it_is_for(catalogue):
    rated = Month(catalogue).rate(event(to="4930", s=60))
    assert isinstance(rated, RatedUsage)
    assert (rated.product, rated.product_type, rated.price_id) == ("voice", "telephony", "p/home")
    assert (rated.unit, rated.currency) == ("s", "EUR")
    assert catalogue.version == 7
    assert catalogue.product_type("voice") == "telephony"
    assert catalogue.product_type("unheard") is None
