"""Prices and discounts that ask for attributes: which one an event has, and how it is explained."""

import subprocess
import sys
from decimal import Decimal

import pytest

from rating.catalogue import (
    asked_attributes,
    check,
    compile,
    diff,
    document_from_parts,
    document_to_parts,
    is_of_this_format,
)
from rating.conditions.condition import _MOST_ANSWERS, Condition, without_numbers
from rating.explain import sentences
from rating.rate import Holder
from schemas.refusal import RefusalReason, Refused
from tests.rating_builders import (
    PRODUCTS,
    Month,
    catalogue_of,
    charge_of,
    document_of,
    event,
    files_of,
)

PLANS = """
    plans:
      p:
        currency: EUR
        prices:
          acme:
            product: voice
            when: account.id == "acme"
            price: {model: per_unit, amount: 0.01, per: 1 min}
          gold:
            product: voice
            destinations: ["49"]
            when: account.vip == "gold" and subscription.zone in ["A", "B"]
            price: {model: per_unit, amount: 0.05, per: 1 min}
          long: {product: voice, when: quantity > 3600, price: {model: per_unit, amount: 0.06, per: 1 min}}
          roaming:
            product: voice
            when: event.visited != ""
            versions:
              - {valid_from: 2026-10-01, price: {model: per_unit, amount: 0.50, per: 1 min}}
          national: {product: voice, destinations: ["49"], price: {model: per_unit, amount: 0.10, per: 1 min}}
          iot:
            product: data
            price:
              model: per_unit
              per: 1 GB
              amount: 10
              discount: [{percent: 10, when: account.vip == "gold"}, 5, {percent: 50, when: event.apn == "iot"}]
          unique:
            product: message
            when: event["device"] != "" and event["of-test"] == ""
            price: {model: per_unit, per: 1 record, amount: 1, aggregate: unique, unique_by: device}
"""
CATALOGUE = catalogue_of(PLANS)


def holder(account_id="a-1", **account):
    return Holder(account_id, "s-1", account, {"zone": "B"})


def rated(usage, who=None):
    return Month(CATALOGUE, holder=who or holder()).rate(usage)


@pytest.mark.parametrize(
    ("usage", "who", "price"),
    [
        (event(to="4930", s=60), holder("acme", vip="gold"), "p/acme"),
        (event(to="4930", s=60), holder(vip="gold"), "p/gold"),
        (event(to="4430", s=3601), holder(vip="gold"), "p/long"),
        (event(to="4930", s=60), holder(vip="silver"), "p/national"),
        (event(to="4930", s=3600), holder(), "p/national"),
        (event(to="4930", attributes={"visited": "IT"}, s=60), holder(), "p/roaming"),
    ],
)
def test_the_first_price_whose_destinations_and_condition_match_wins(usage, who, price):
    assert rated(usage, who).price_id == price


def test_a_price_with_a_condition_has_its_versions_too():
    old = event(to="4930", attributes={"visited": "IT"}, local="2026-09-30T12:00", s=60)
    assert rated(old).reason is RefusalReason.NO_TARIFF_IN_FORCE


def test_nothing_is_free_because_no_condition_holds():
    refused = rated(event(to="4430", s=60))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CONDITION_HOLDS
    assert "4430" not in refused.detail
    assert rated(event("message", record=1)).reason is RefusalReason.NO_CONDITION_HOLDS


def test_a_destination_that_no_price_has_is_called_so():
    only = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x: {product: voice, destinations: ["49"], when: account.a == "b", price: {model: flat, amount: 1}}
        """
    )
    refused = Month(only).rate(event(to="44", s=1))
    assert refused.reason is RefusalReason.UNKNOWN_DESTINATION


def test_without_a_holder_the_ids_are_those_of_the_event():
    acme = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x: {product: voice, when: account.id == "a-1" and subscription.id == "s-1", price: {model: flat, amount: 1}}
        """
    )
    assert Month(acme).rate(event(s=1)).price_id == "p/x"


def test_a_unique_value_is_counted_behind_a_condition():
    month = Month(CATALOGUE)
    amounts = [
        month.rate(event("message", attributes={"device": device}, record=1)).amount
        for device in ("a", "a", "b")
    ]
    assert amounts == [1, 0, 1]


@pytest.mark.parametrize(
    ("who", "apn", "amount"),
    [
        (holder(), "web", "9.50"),
        (holder(vip="gold"), "web", "8.55"),
        (holder(), "iot", "4.75"),
        (holder(vip="gold"), "iot", "4.275"),
    ],
)
def test_a_discount_is_given_where_its_condition_holds(who, apn, amount):
    usage = event("data", attributes={"apn": apn}, B=1_000_000_000)
    assert rated(usage, who).amount == Decimal(amount)


def test_what_was_asked_is_explained_without_a_number_of_a_subscriber():
    acme = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: voice
                when: 'account.vip == "gold" and subscription.home != "" and origin != "493023125001" and event.a == "493023125002" or destination == "4930"'
                price: {model: flat, amount: 1, discount: [{percent: 10, when: account.vip != subscription.home}]}
        """
    )
    who = Holder("a-1", "s-1", {"vip": "gold"}, {"home": "493023125003"})
    usage = event(to="4930", attributes={"a": "493023125002"}, s=1)
    said = sentences(charge_of(Month(acme, holder=who).rate(usage)))
    assert said[1:4] == [
        "Price p/x of catalogue version 7.",
        'Its condition holds: account.vip == "gold" and subscription.home != "" and origin != '
        '"4930..." and event.a == "4930..." or destination == "4930"; account.vip is gold, '
        "subscription.home is 4930....",
        "10 % off is given: account.vip != subscription.home; account.vip is gold, "
        "subscription.home is 4930....",
    ]
    assert not [text for text in said if "3023125" in text]


def test_an_attribute_that_is_not_there_is_explained_as_such():
    plans = catalogue_of(
        """
        plans:
          p:
            currency: EUR
            prices:
              x: {product: voice, when: account.vip != "gold", price: {model: flat, amount: 1}}
        """
    )
    said = sentences(charge_of(Month(plans).rate(event(s=1))))
    assert said[2] == 'Its condition holds: account.vip != "gold"; account.vip is not stated.'


def test_only_the_end_of_a_long_number_is_hidden():
    assert without_numbers("zone 12 of 493023125001, 123456") == "zone 12 of 4930..., 123456"


def test_plans_that_say_the_same_share_one_condition():
    plan = "{currency: EUR, prices: {x: {product: voice, when: account.a == 'b', price: {model: flat, amount: 1}}}}"
    plans = catalogue_of(f"plans:\n  p: {plan}\n  q: {plan}\n").plans
    first, second = (plans[code].offers["voice"].entries[0].when for code in "pq")
    assert first is second


def test_the_answers_that_are_kept_have_an_end():
    condition = Condition('event.a == "7" and quantity > 5')
    for number in range(_MOST_ANSWERS + 10):
        usage = event(attributes={"a": str(number)}, s=1)
        assert condition.holds(usage, Decimal(6), holder()) is (number == 7)
    assert len(condition._answers) == 10


def test_a_quantity_that_never_comes_again_is_one_answer():
    condition = Condition("quantity > 5 and quantity <= 10")
    answers = [condition.holds(event(s=1), Decimal(n) / 8, holder()) for n in range(1000)]
    assert answers == [5 < Decimal(n) / 8 <= 10 for n in range(1000)]
    assert len(condition._answers) == 5  # below, at and between the two


def test_a_discount_with_a_condition_stands_before_bounds_that_are_exchanged():
    text = """
        exchange_rates:
          usd: {from: USD, to: EUR, rates: [{valid_from: 2026-01-01, rate: 0.5}]}
        plans:
          p:
            currency: EUR
            prices:
              x:
                product: voice
                price:
                  model: flat
                  amount: 10
                  exchange: usd
                  least: {event: 6}
                  discount: [{percent: 50, when: account.vip == "gold"}, 10]
    """
    plans = catalogue_of(text)
    amounts = [
        Month(plans, holder=who).rate(event(s=1)).amount for who in (holder(), holder(vip="gold"))
    ]
    assert amounts == [Decimal("4.5"), 3]  # 9 USD; 4.50 USD, at least 6 USD


def test_a_condition_that_is_refused_does_not_make_the_next_price_an_error():
    price = "price: {model: flat, amount: 1}"
    plans = (
        "plans:\n  p:\n    currency: EUR\n    prices:\n"
        f"      x: {{product: voice, when: vip, {price}}}\n      z: {{product: voice, when: '', {price}}}\n"
        f"      y: {{product: voice, {price}}}\n"
    )
    assert [error.field for error in check(files_of(plans)).errors] == [
        "plans.p.prices.x.when",
        "plans.p.prices.z.when",
    ]


def test_a_condition_that_is_new_is_a_difference():
    text = (
        "plans:\n  p:\n    currency: EUR\n    prices:\n"
        "      x: {product: voice%s, price: {model: flat, amount: 1, discount: [%s]}}\n%s"
    )
    was = text % ("", "5", "")
    is_now = text % (
        ", when: account.vip == 'gold'",
        "{percent: 5, when: account.vip == 'gold'}",
        "      y: {product: voice, when: event.a == 'b', price: {model: flat, amount: 2}}\n",
    )
    found = diff(*(document_of(files_of(each)) for each in (was, is_now)))
    assert [str(each) for each in found] == [
        "plan p, price x, condition: always -> account.vip == 'gold'",
        "plan p, price x, discount: 5 % -> 5 % when account.vip == 'gold'",
        "added: plan p, price y: of voice when event.a == 'b': 2 EUR per event",
    ]


def test_the_attributes_that_are_asked_for_are_listed():
    assert asked_attributes(document_of(files_of(PLANS))) == (
        "account.vip",
        "event.apn",
        "event.device",
        "event.visited",
        'event["of-test"]',
        "subscription.zone",
    )


def test_who_has_no_conditions_does_not_wait_for_their_library():
    code = "import sys, rating.catalogue, pipeline.stages; print('rule_engine' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_only_a_catalogue_with_conditions_needs_a_build_that_knows_them():
    with_some, _ = document_to_parts(document_of(files_of(PLANS)))
    flat = "plans: {p: {currency: EUR, prices: {x: {product: data, price: %s}}}}"
    without, _ = document_to_parts(
        document_of(files_of(flat % "{model: flat, amount: 1, discount: [5]}"))
    )
    discounted, _ = document_to_parts(
        document_of(
            files_of(
                flat % "{model: flat, amount: 1, discount: [{percent: 5, when: account.a == 'b'}]}"
            )
        )
    )
    assert [b'"format":4' in head for head in (with_some, without, discounted)] == [
        True,
        False,
        True,
    ]
    assert b"when" not in without
    assert all(map(is_of_this_format, (with_some, without, discounted)))


def test_a_published_condition_rates_the_same():
    document = document_of(files_of(PLANS))
    published = document_from_parts(*document_to_parts(document))
    assert published == document
    usage, who = event(to="4930", s=60), holder(vip="gold")
    again = Month(compile(published, 7), holder=who).rate(usage)
    assert again == rated(usage, who)


LINE = PRODUCTS.count("\n") + 6  # of the one price below

ERRORS = [
    (
        "{product: voice, when: account.vip == 5, price: {model: flat, amount: 1}}",
        f"plans.yaml:{LINE}: plans.p.prices.x.when: expected a text between quotes, as account.vip is, such as "
        'account.vip == "gold", found 5 (character 16 of the condition)',
    ),
    (
        "{product: voice, when: '', price: {model: flat, amount: 1}}",
        f'plans.yaml:{LINE}: plans.p.prices.x.when: expected a condition such as account.vip == "gold" and '
        "quantity > 100, found nothing",
    ),
    (
        "{product: voice, price: {model: flat, amount: 1, discount: [{percent: 5, when: vip}]}}",
        f"plans.yaml:{LINE}: plans.p.prices.x.price.discount.when: expected one of the names event.<attribute>, "
        "account.<attribute>, subscription.<attribute>, quantity, destination, origin, service_class, "
        "usage_kind, subscription_month, found 'vip' (character 1 of the condition)",
    ),
    (
        "{product: voice, price: {model: flat, amount: 1, discount: [{percent: 5}]}}",
        f"plans.yaml:{LINE}: plans.p.prices.x.price.discount.when: expected the key when, found no such key",
    ),
    (
        "{product: voice, price: {model: graduated, per: 1 s, tiers: [{amount: 1}], "
        "discount: [{percent: 5, when: account.a == 'b'}]}}",
        f"plans.yaml:{LINE}: plans.p.prices.x.price.discount: expected two prices with a condition each: usage "
        "of the month is priced as a whole, found a discount that only some of it has",
    ),
    (
        "{product: voice, when: event.a == 'b' and account.a == 'b', "
        "price: {model: flat, amount: 1, least: {month: 5}}}",
        f"plans.yaml:{LINE}: plans.p.prices.x.when: expected only account.<attribute>, "
        "subscription.<attribute> and subscription_month, since the close of a month charges by this price, too, found event.a",
    ),
]


@pytest.mark.parametrize(("price", "error"), ERRORS)
def test_an_error_names_line_field_and_character(price, error):
    plans = f"plans:\n  p:\n    currency: EUR\n    prices:\n\n      x: {price}\n"
    checked = check(files_of(plans))
    assert [str(each) for each in checked.errors] == [error]


@pytest.mark.parametrize(
    ("first", "second", "hidden_by"),
    [
        ("product: voice", "product: voice", "all of voice"),
        ("product: voice", "product: voice, when: account.a == 'b'", "all of voice"),
        (
            'product: voice, destinations: ["49"]',
            'product: voice, destinations: ["4930", "4940"]',
            "all of voice to 49",
        ),
        (
            'product: voice, destinations: ["49"]',
            'product: voice, destinations: ["4930", "4"]',
            None,
        ),
        ('product: voice, destinations: ["49"]', "product: voice", None),
        ("product: voice, when: account.a == 'b'", "product: voice", None),
        ("product: voice, when: account.a == 'b'", "product: voice, when: account.a == 'c'", None),
        (
            "product: voice, when: account.a == 'b'",
            "product: voice, destinations: [\"49\"], when: account.a == 'b'",
            "all of voice when account.a == 'b'",
        ),
        ("product: voice", "product: data", None),
    ],
)
def test_a_price_that_no_usage_reaches_is_an_error(first, second, hidden_by):
    price = "price: {model: flat, amount: 1}"
    plans = (
        "plans:\n  p:\n    currency: EUR\n    prices:\n"
        f"      x: {{{first}, {price}}}\n      y: {{{second}, {price}}}\n"
    )
    found = [error.found for error in check(files_of(plans)).errors]
    wanted = [] if hidden_by is None else [f"x before it, which takes {hidden_by}"]
    assert found == wanted
