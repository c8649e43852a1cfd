"""Every step of an explanation as a sentence for a customer."""

import msgspec
import pytest

from rating import explain
from rating.explain import sentences
from tests.rating_builders import CARD_HEADER, Month, catalogue_of, charge_of, event

PLANS = """
    bands:
      hours: {peak: [Mon-Fri 08:00-20:00], off-peak: otherwise}
    plans:
      p:
        currency: EUR
        allowances:
          minutes: {units: 3 min}
        prices:
          home:
            product: voice
            destinations: ["49"]
            versions:
              - valid_from: 2026-10-01
                price: {model: per_unit, amount: 0.08, per: 1 min, increments: 60/1,
                        allowance: minutes}
          abroad: {product: voice, price: {model: rate_card, card: world}}
          data:
            product: data
            price:
              model: graduated
              per: 1 GB
              round_units: {to: 1 MB, rule: up}
              tiers: [{upto: 10 GB, amount: 1.00}, {upto: 20 GB, amount: 1.25}, {amount: 2}]
          messages: {product: message, price: {model: flat, amount: 0.09}}
          silent:
            product: silent
            price:
              {model: per_unit, bands: hours, amounts: {peak: 2, off-peak: 1}, per: 100 min}
"""
CARD = f"{CARD_HEADER},connect_fee\n44,United Kingdom,0.10,60,60,60,0.05\n"


@pytest.fixture(scope="module")
def month():
    return Month(catalogue_of(PLANS, world=CARD))


def said(month, usage):
    return sentences(charge_of(month.rate(usage)))


def test_a_call_above_its_allowance(month):
    said(month, event(to="4930", s=150))
    assert said(month, event(to="4930", s=100)) == [
        "Used: 100 s of voice.",
        "Price p/home of catalogue version 7, in force since 1 October 2026.",
        "Allowance p/minutes of 3 min a month had 30 s left: 30 s is free.",
        "Billed in increments of 60/1, the first 1 min whole, then every started 1 s: "
        "70 s is billed as 70 s.",
        "70 s at 0.08 EUR per min.",
        "Billed before in this month: 0 s.",
        "Rounded half up to 10 decimal places.",
        "Charge: 0.0933333333 EUR.",
    ]


def test_a_call_by_rate_card(month):
    assert said(month, event(to="44207", s=61)) == [
        "Used: 61 s of voice.",
        "Price p/abroad of catalogue version 7.",
        "The number begins with 44: United Kingdom, on rate card world.",
        "Billed in increments of 60/60, the first 1 min whole, then every started 1 min: "
        "61 s is billed as 2 min.",
        "2 min at 0.10 EUR per min.",
        "Connect fee: 0.05 EUR.",
        "Rounded half up to 10 decimal places.",
        "Charge: 0.25 EUR.",
    ]


def test_data_over_two_tiers(month):
    said(month, event("data", B=9_000_000_000))
    assert said(month, event("data", B=1_999_999_999)) == [
        "Used: 1.999999999 GB of data.",
        "Price p/data of catalogue version 7.",
        "1.999999999 GB is rounded up to whole 1 MB: 2 GB.",
        "Billed before in this month: 9 GB.",
        "1 GB in the tier from 0 B to 10 GB, at 1.00 EUR per GB.",
        "1 GB in the tier from 10 GB to 20 GB, at 1.25 EUR per GB.",
        "Rounded half up to 10 decimal places.",
        "Charge: 2.25 EUR.",
    ]


def test_the_last_tier_has_no_end(month):
    said(month, event("data", B=20_000_000_000))
    found = said(month, event("data", B=1_000_000_000))
    assert "1 GB in the tier above 20 GB, at 2.00 EUR per GB." in found


def test_a_message(month):
    assert said(month, event("message"))[2:] == [
        "One price for each event: 0.09 EUR.",
        "Rounded half up to 10 decimal places.",
        "Charge: 0.09 EUR.",
    ]


def test_a_band(month):
    found = said(month, event("silent", local="2026-10-05T08:15", s=60))
    assert "It began on Monday at 08:15, local time: peak." in found
    assert "1 min at 2.00 EUR per 100 min." in found


def test_no_usage(month):
    assert said(month, event("data", B=0))[-2:] == [
        "Nothing was used, so nothing is charged.",
        "Charge: 0.00 EUR.",
    ]


def test_a_step_of_a_later_build_is_shown_as_it_stands(month):
    charge = charge_of(month.rate(event("message")))
    newer = msgspec.structs.replace(charge, explanation=(("voucher", "10 %"),))
    assert sentences(newer)[1] == "voucher 10 %."


def test_no_step_has_sentences_of_two_subjects():
    """The later one would be said, and the other one never."""
    tables = [
        module.SENTENCES for name, module in vars(explain).items() if name.startswith("explain_")
    ]
    assert len(tables) > 5
    assert sum(map(len, tables)) == len(explain._SENTENCES)


def test_an_allowance_that_was_made_smaller_has_nothing_left(month):
    charge = charge_of(month.rate(event("message")))
    step = ("allowance", "p/minutes", "60", "90", "0")
    charge = msgspec.structs.replace(charge, unit="s", explanation=(step,))
    assert sentences(charge)[1] == "Allowance p/minutes of 1 min a month had 0 s left: 0 s is free."


@pytest.mark.parametrize(
    ("shared", "named"),
    [
        (
            (),
            "allowances or discounts",
        ),  # of before they were said, and of prices that take of none
        (("allowance", "p/minutes"), "allowance p/minutes"),
        (("discounted", "p/home"), "discount of price p/home"),
        (
            ("allowance", "p/minutes", "allowance", "p/more", "discounted", "p/home"),
            "allowances p/minutes, p/more and discount of price p/home",
        ),
    ],
)
def test_a_correction_with_another_month_says_what_both_take_of(month, shared, named):
    charge = charge_of(month.rate(event(to="4930", s=60)))
    corrected = msgspec.structs.replace(
        charge, explanation=(("corrected_with", "2026-09", *shared),)
    )
    assert f"Corrected with 2026-09, which takes of the same {named}." in sentences(corrected)
