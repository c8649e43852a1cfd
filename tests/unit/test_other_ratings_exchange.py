"""Other ratings under plans in another currency: what they come to, and what is refused."""

import json
from decimal import Decimal

import pytest

from rating.catalogue import check, compile, document_to_parts
from rating.explain_others import shown_ratings
from rating.margins import margins
from rating.scenario import run_folder
from rating.trial import Trial
from schemas.refusal import Refused
from tests.rating_builders import CARD_HEADER, PRODUCTS, document_of, event

D = Decimal
USD = "usd: {from: USD, to: EUR, rates: [{valid_from: 2026-10-01, rate: 0.90}, {valid_from: 2026-10-06, rate: 0.8}]}"
CALLS = "calls: {product: voice, price: {model: rate_card, card: carrier}}"
PLANS = """
exchange_rates:
  {usd}
plans:
  carrier:
    currency: USD
    allowances: {{budget: {{amount: 5}}}}
    prices:
      {calls}
      tiers: {{product: data, price: {{model: graduated, per: 1 GB, tiers: [{{amount: 1}}]}}}}
  p:
    currency: EUR
    also_rated: {{wholesale: {{voice: carrier}}}}
    prices:
      calls: {{product: voice, price: {{model: per_unit, amount: 0.12, per: 1 min}}}}
      data: {{product: data, price: {{model: per_unit, amount: 1, per: 1 GB}}}}
"""
CARD = f"{CARD_HEADER}\n49,Germany,0.0333,60,1,1\n".encode()


def files(usd=USD, calls=CALLS):
    text = PRODUCTS + PLANS.format(usd=usd, calls=calls)
    text += "cards: {carrier: {file: carrier.csv, currency: USD, unit: s}}\n"
    if "card: carrier" in calls:
        return {"plans.yaml": text.encode(), "carrier.csv": CARD}
    return {
        "plans.yaml": text.replace(
            "cards: {carrier: {file: carrier.csv, currency: USD, unit: s}}\n", ""
        ).encode()
    }


def rated(local="2026-10-05T12:00", **given):
    catalogue = compile(document_of(files(**given)), 1)
    usage = event(to="4930", s=100, local=local)
    return Trial(catalogue).rate(usage, plan="p", currency="EUR")


@pytest.mark.parametrize(
    ("local", "amount"),
    [
        ("2026-10-01T00:00", "0.04995"),
        ("2026-10-05T23:59:59", "0.04995"),
        ("2026-10-06T00:00", "0.0444"),
    ],
)
def test_it_is_exchanged_at_the_rate_of_the_day_of_the_usage(local, amount):
    (charge,) = rated(local)
    (rating,) = charge.other_ratings
    assert (rating.currency, D(rating.amount)) == ("EUR", D(amount))
    (margin,) = margins(D(charge.amount), charge.other_ratings)
    assert margin.left == D("0.2") - D(amount)


def test_it_says_the_rate_and_its_own_currency_before_it():
    (charge,) = rated()
    (shown,) = shown_ratings(charge)
    assert "100 s at 0.0333 USD per min." in shown.sentences
    assert (
        "Exchanged from USD to EUR at 0.90, the rate of usd since 2026-10-01. Rounded half up to 10 "
        "decimal places." in shown.sentences
    )
    assert shown.currency == "EUR"


def test_before_the_first_rate_the_usage_waits():
    refused = rated("2026-09-30T23:59:59")
    assert isinstance(refused, Refused)
    assert refused.reason == "rating.no_tariff_in_force"
    assert refused.detail.startswith("rating wholesale, under plan carrier: ")


def test_a_discount_and_a_least_are_of_the_price_before_the_exchange():
    calls = "calls: {product: voice, price: {model: flat, amount: 1, discount: 50, least: {event: 0.70}}}"
    (charge,) = rated(calls=calls)
    assert D(charge.other_ratings[0].amount) == D("0.63")


def test_usage_of_nothing_costs_nothing():
    catalogue = compile(document_of(files()), 1)
    (charge,) = Trial(catalogue).rate(event(to="4930", s=0), plan="p", currency="EUR")
    assert D(charge.other_ratings[0].amount) == 0


@pytest.mark.parametrize(
    ("given", "expected", "found"),
    [
        pytest.param(
            {"usd": "gbp: {from: GBP, to: EUR, rates: [{valid_from: 2026-10-01, rate: 2}]}"},
            "a plan in EUR, as p is; or one table of exchange_rates from USD to EUR",
            "carrier in USD, and no table", id="no table",
        ),
        pytest.param(
            {"usd": USD + "\n  " + USD.replace("usd", "other")},
            "a plan in EUR, as p is; or one table of exchange_rates from USD to EUR",
            "2 tables: usd, other", id="two tables",
        ),
        pytest.param(
            {"calls": CALLS.replace("carrier}", "carrier, rounding: {times: 2}}")},
            "prices in USD for voice: the whole rating is exchanged into EUR",
            "carrier/calls with a rounding with times", id="times",
        ),
        pytest.param(
            {
                "usd": USD + "\n  gbp: {from: GBP, to: USD, rates: [{valid_from: 2026-10-01, rate: 2}]}",
                "calls": "calls: {product: voice, price: {model: flat, amount: 1, exchange: gbp}}",
            },
            "prices in USD for voice: the whole rating is exchanged into EUR",
            "carrier/calls with exchange of its own", id="exchange",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_exchanged_is_refused(given, expected, found):
    (error,) = check(files(**given)).errors
    assert (error.field, error.expected, error.found) == (
        "plans.p.also_rated.wholesale.voice",
        expected,
        found,
    )


def test_more_digits_than_an_exact_result_may_have_are_refused():
    rate = USD.replace("0.90", "0.9876543210987654321098").replace(
        "0.8}", "0.1234567890123456789012}"
    )
    discounts = "[12.3456789012345, 12.3456789012345, 12.3456789012345]"
    calls = (
        "calls: {product: voice, price: {model: per_unit, amount: 0.9876543210987654321098, "
        f"per: 7 s, discount: {discounts}}}}}"
    )
    (error,) = check(files(rate, calls)).errors
    assert error.field == "plans.p.also_rated"
    assert error.found.endswith(", of carrier with its exchange")


def test_it_is_refused_by_who_does_not_know_it():
    head, _ = document_to_parts(document_of(files()))
    assert json.loads(head)["format"] == 7
    same = {name: text.replace(b"USD", b"EUR") for name, text in files().items()}
    same["plans.yaml"] = same["plans.yaml"].replace(b"from: EUR", b"from: USD")
    head, _ = document_to_parts(document_of(same))
    assert json.loads(head)["format"] == 6


def test_a_scenario_says_it():
    scenario = """
Account on plan p in EUR, zone Europe/Berlin

Scenario: two rates
    on 2026-10-05 at 23:59, 100 s of voice to 4930, rated as wholesale 0.04995 EUR, charge 0.20 EUR
    on 2026-10-06 at 00:00, 100 s of voice to 4930, rated as wholesale 0.0444 EUR, margin over wholesale 0.1556 EUR, charge 0.20 EUR
    1 GB of data, charge 1.00 EUR
    total 1.40 EUR
"""
    result = run_folder({**files(), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]
