"""Attributes of accounts and subscriptions in scenarios, which conditions ask for."""

import pytest

from rating.catalogue import compile
from rating.scenario import read_scenarios, run_scenario
from tests.rating_builders import document_of, files_of

PLANS = """
    plans:
      p:
        currency: EUR
        prices:
          acme: {product: message, when: account.id == "acme", price: {model: flat, amount: 1}}
          gold:
            product: message
            when: account.vip == "very gold" and subscription.zone == "B"
            price: {model: flat, amount: 2, least: {month: 5}}
          other: {product: message, price: {model: flat, amount: 3}}
"""
DOCUMENT = document_of(files_of(PLANS))


def failures_of(account, lines):
    text = f"{account}\nScenario: a\n    {lines}\n"
    read = read_scenarios("a.scenario", text, with_catalogue=False)
    assert not read.errors
    (scenario,) = read.scenarios
    result = run_scenario(scenario, compile(DOCUMENT, 0), units={"message": "record"})
    return [str(failure) for failure in result.failures]


@pytest.mark.parametrize(
    ("account", "amount", "closing"),
    [
        ("Account on plan p in EUR, zone UTC", 3, 0),
        ("Account on plan p in EUR, zone UTC, with id=acme", 1, 0),
        ('Account on plan p in EUR, zone UTC, with vip="very gold"', 3, 0),
        (
            'Account on plan p in EUR, zone UTC, with x=y and vip="very gold"\n'
            "Subscription s on plan p from 2026-10-01 with zone=B",
            2,
            3,
        ),
        (
            'Account on plan p in EUR, zone UTC, with vip="very gold"\nSubscription s with zone=A',
            3,
            0,
        ),
    ],
)
def test_attributes_decide_the_price_and_what_a_close_asks_for(account, amount, closing):
    lines = (
        f"1 record of message, charge {amount}.00 EUR\n"
        f"    close of 2026-10, charge {closing}.00 EUR\n    total {amount + closing}.00 EUR"
    )
    assert failures_of(account, lines) == []


@pytest.mark.parametrize(
    ("heading", "found"),
    [
        ("Account on plan p in EUR, zone UTC, with vip", "'vip'"),
        ("Account on plan p in EUR, zone UTC, with vip=a, x=b", "'vip=a, x=b'"),
        ("Account on plan p in EUR, zone UTC, with vip=a and vip=b", "'vip=a and vip=b'"),
        ("Account on plan p in EUR, zone UTC\nSubscription s with zone", "'zone'"),
    ],
)
def test_attributes_that_cannot_be_read_are_an_error(heading, found):
    text = f"{heading}\nScenario: a\n    1 record of message, charge 3.00 EUR\n    total 3.00 EUR\n"
    errors = read_scenarios("a.scenario", text, with_catalogue=False).errors
    assert [error.found for error in errors][:1] == [found]
