"""Prices in another currency, by a dated table of rates."""

from decimal import Decimal as D

import pytest

from rating.catalogue import check, compile, document_from_parts, document_to_parts
from rating.explain import sentences
from schemas.refusal import RefusalReason
from tests.rating_builders import (
    CARD_HEADER,
    PRODUCTS,
    VERSION,
    Month,
    charge_of,
    document_of,
    event,
)

RATES = "rates: [{valid_from: 2026-10-01, rate: 0.92}, {valid_from: 2026-10-15, rate: 0.9}]"
CARD = f"{CARD_HEADER}\n49,Germany,0.10,60,60,60\n"


def files(price, *, rates=RATES, plan="EUR", card="USD", table=None):
    text = (
        PRODUCTS
        + f"exchange_rates:\n  usd: {{from: USD, to: EUR, {rates}}}\n"
        + f"cards: {{world: {{file: world.csv, currency: {card}, unit: s}}}}\n"
        + f"plans:\n  p:\n    currency: {plan}\n"
        + f"    prices:\n      x: {{product: voice, price: {price}}}\n"
    )
    found = {"plans.yaml": text.encode(), "world.csv": CARD.encode()}
    return found | ({"usd.csv": table.encode()} if table else {})


def month(price, **how):
    return Month(compile(document_of(files(price, **how)), VERSION))


def errors(price, **how):
    return [str(error) for error in check(files(price, **how)).errors]


FLAT = "{model: flat, amount: 10.05, exchange: usd, rounding: {places: 2}}"


def test_the_rate_of_the_event_s_own_local_day_is_that_of_its_charge():
    rated = month(FLAT)
    days = ("2026-10-01T00:00", "2026-10-14T23:59", "2026-10-15T00:00", "2027-03-01T12:00")
    amounts = [rated.rate(event(local=day, s=1)).amount for day in days]
    assert amounts == [D("9.25"), D("9.25"), D("9.05"), D("9.05")]  # 9.246 and 9.045


def test_before_the_first_rate_there_is_no_price():
    refused = month(FLAT).rate(event(local="2026-09-30T23:59", s=1))
    assert refused.reason is RefusalReason.NO_TARIFF_IN_FORCE
    assert "rate of exchange" in refused.detail


def test_a_card_is_in_the_currency_that_is_exchanged():
    price = "{model: rate_card, card: world, exchange: usd}"
    assert month(price).rate(event(to="4930", s=61)).amount == D("0.20") * D("0.92")
    (error,) = errors(price, card="EUR")
    assert "x.price.card: expected a card in USD, as the plan, found world in EUR" in error


@pytest.mark.parametrize(
    "price",
    [
        "{model: flat, amount: 1.00, exchange: usd, allowance: welcome}",
        "{model: per_unit, amount: 1.00, per: 1 min, exchange: usd, allowance: welcome}",
    ],
)
def test_an_allowance_in_money_pays_after_the_exchange(price):
    with_credit = files(price)
    with_credit["plans.yaml"] = with_credit["plans.yaml"].replace(
        b"    currency: EUR\n", b"    currency: EUR\n    allowances: {welcome: {amount: 1.00}}\n"
    )
    rated = Month(compile(document_of(with_credit), VERSION))
    amounts = [rated.rate(event(s=60)).amount for _ in range(3)]
    assert amounts == [D(0), D("0.84"), D("0.92")]  # 0.92 each, and 1.00 EUR of them is paid


def test_the_explanation_says_which_rate_and_each_amount_in_its_currency():
    said = sentences(charge_of(month(FLAT).rate(event(s=1))))
    assert "10.05 USD" in " ".join(said)
    assert (
        "Exchanged from USD to EUR at 0.92, the rate of usd since 2026-10-01. "
        "Rounded half up to 2 decimal places." in said
    )
    assert said[-1] == "Charge: 9.25 EUR."


@pytest.mark.parametrize(
    "price",
    [
        "{model: flat, amount: 10, exchange: usd, discount: 10, most: {event: 8}}",
        "{model: flat, amount: 10, discount: 10, rounding: [{places: 2}, {times: 0.9}]}",
    ],
)
def test_what_comes_before_the_exchange_is_said_without_it(price):
    said = sentences(charge_of(month(price).rate(event(s=1))))
    assert any(line.startswith("10 % off 10.00 ") for line in said)
    if "most" in price:
        assert "At most 8.00 USD for each event: it came to 9.00 USD." in said
        assert said[-1] == "Charge: 7.36 EUR."


def test_rates_may_stand_in_a_file():
    table = "valid_from,rate\n2026-10-01,0.92\n2026-10-15,0.9\n"
    inline, filed = (
        document_of(files(FLAT)),
        document_of(files(FLAT, rates="file: usd.csv", table=table)),
    )
    assert inline == filed
    head, chunks = document_to_parts(inline)
    assert document_from_parts(head, chunks) == inline


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("valid_from,rate\n", "usd.csv:1: (file): expected at least one rate, found none"),
        (
            "day,rate\n",
            "usd.csv:1: (header): expected a first line with the columns valid_from,rate",
        ),
        ("valid_from,rate\n2026-10-01,0\n", "usd.csv:2: rate: expected a rate above zero"),
        ("valid_from,rate\n1.10.2026,1\n", "usd.csv:2: valid_from: expected a date such as"),
        ("valid_from,rate\n2026-10-01,1,2\n", "usd.csv:2: (row): expected 2 columns, found 3"),
        (
            "valid_from,rate\n2026-10-02,1\n2026-10-02,2\n",
            "usd.csv:3: valid_from: expected a date after the one before it, 2026-10-02",
        ),
    ],
)
def test_a_wrong_rate_is_named_by_its_line(table, expected):
    found = errors(FLAT, rates="file: usd.csv", table=table)
    assert any(error.startswith(expected) for error in found), found


@pytest.mark.parametrize(
    ("price", "field", "expected"),
    [
        (
            "{model: volume, tiers: [{amount: 1, per: 1 s}], exchange: usd}",
            "exchange",
            "a price of each record: rates change within a month",
        ),
        (
            "{model: flat, amount: 1, exchange: usd, most: {month: 5}}",
            "most",
            "that of an event, beside a table of rates",
        ),
        (
            "{model: flat, amount: 1, exchange: usd, rounding: {times: 2}}",
            "rounding",
            "a rounding without times, beside a table of rates",
        ),
        ("{model: flat, amount: 1, exchange: gbp}", "exchange", "the code of a table of"),
    ],
)
def test_what_has_no_rate_of_its_day_is_refused(price, field, expected):
    found = errors(price)
    assert any(f"x.price.{field}: expected {expected}" in error for error in found), found


def test_a_table_leads_to_the_plan_s_currency():
    (error,) = errors(FLAT, plan="GBP")
    assert "x.price.exchange: expected a table to GBP, as the plan, found usd to EUR" in error


def test_a_field_that_no_rate_could_have_is_an_error_of_its_line():
    from rating.catalogue import check

    files = {
        "plans.yaml": b"exchange_rates: {dollars: {from: USD, to: EUR, file: usd.csv}}\n",
        "usd.csv": b"valid_from,rate\n2026-10-01," + b"1" * 200_000 + b"\n",
    }
    errors = [str(error) for error in check(files).errors if error.file == "usd.csv"]
    assert errors
    assert errors[0].startswith("usd.csv:2: (row): expected lines of at most 10,000 characters")
