"""Conditions on the month of a subscription: what is given in its first months."""

import json
from decimal import Decimal

import msgspec
import pytest

from rating.catalogue import check, compile
from rating.catalogue.document_parts import document_to_parts
from rating.conditions.condition import Condition
from rating.conditions.names import Holder
from rating.conditions.subscription_month import month_of_subscription
from rating.conditions.words import ConditionError
from rating.explain import sentences
from rating.scenario import run_folder
from rating.trial import Member, Trial
from schemas.ids import event_identity
from schemas.ledger import CLOSING, Charge
from schemas.period import month_start_ms
from schemas.reference import Account, AccountAttributes, Subscription
from schemas.usage import PeriodClose, Provenance
from tests.rate_world import MemoryStage, event
from tests.rating_builders import at, document_of, files_of

D = Decimal
PLANS = """
    plans:
      carrier:
        currency: EUR
        prices:
          x: {product: data, when: subscription_month > 1, price: {model: per_unit, amount: 1, per: 1 B}}
          y: {product: data, price: {model: flat, amount: 0.50}}
      basic:
        currency: EUR
        also_rated: {wholesale: {data: carrier}}
        allowances: {gift: {units: 60 s, when: subscription_month == 1}}
        prices:
          first:
            product: message
            when: subscription_month <= 3
            price: {model: flat, amount: 0.05, least: {month: 1.00}}
          later: {product: message, price: {model: flat, amount: 0.10, least: {month: 2.00}}}
          calls: {product: voice, price: {model: per_unit, amount: 1, per: 1 s, allowance: gift}}
          data:
            product: data
            price:
              model: flat
              amount: 10
              discount: [{percent: 20, when: 'subscription_month in [1, 2] and account.vip == "gold"'}]
"""
DOCUMENT = document_of(files_of(PLANS))


def stay(since, until=None, *, plan="basic"):
    return Subscription(
        subscription_id="a-1/s",
        identifier="s",
        plan=plan,
        valid_from_ms=at(since),
        valid_to_ms=None if until is None else at(until),
    )


def stage_of(*entries, vip=()):
    account = Account(
        tenant="acme",
        account_id="a-1",
        name="a-1",
        zone="Europe/Berlin",
        currency="EUR",
        subscriptions=entries,
        attributes=tuple(
            AccountAttributes(valid_from_ms=at(since), values={"vip": value})
            for since, value in vip
        ),
    )
    return MemoryStage(accounts=(account,), catalogue=compile(DOCUMENT, 7))


def message(number, local):
    return event(number, "message", at_ms=at(local), zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("began", "instant", "month"),
    [
        ("2026-08-15T12:00", "2026-08-15T12:00", 1),
        ("2026-08-01T00:00", "2026-08-31T23:59:59", 1),
        ("2026-08-31T23:59:59", "2026-09-01T00:00", 2),
        ("2026-08-15T12:00", "2026-12-31T23:59", 5),
        ("2025-12-31T12:00", "2026-01-01T00:00", 2),
        ("2024-02-29T12:00", "2026-02-28T12:00", 25),
        ("2026-09-15T12:00", "2026-08-15T12:00", 1),
    ],
)
def test_months_are_those_of_the_calendar(began, instant, month):
    assert month_of_subscription(at(began), at(instant), zone="Europe/Berlin") == month


def test_months_are_those_of_the_zone():
    late = at("2026-08-31T23:30+00:00")
    found = [month_of_subscription(late - 1, late, zone=zone) for zone in ("UTC", "Europe/Berlin")]
    assert found == [1, 1]
    began = at("2026-08-31T21:59:59+00:00")
    found = [month_of_subscription(began, late, zone=zone) for zone in ("UTC", "Europe/Berlin")]
    assert found == [1, 2]


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("subscription_month <= 3", [1, 2, 3]),
        ("subscription_month == 2", [2]),
        ("3 < subscription_month", [4, 5]),
        ("subscription_month in [1, 5]", [1, 5]),
        ("subscription_month > 1.5 and not (subscription_month == 4)", [2, 3, 5]),
    ],
)
def test_a_condition_is_answered(text, months):
    condition = Condition(text)
    holders = {month: Holder("a", "s", month=month) for month in range(1, 6)}
    assert [month for month, holder in holders.items() if condition.holds_of(holder)] == months
    assert condition.why(None, D(0), holders[months[0]])[1:] == (
        "subscription_month",
        str(months[0]),
    )


@pytest.mark.parametrize(
    ("text", "column", "found"),
    [
        ('subscription_month == "1"', 23, '"1"'),
        ("subscription_month > quantity", 22, "quantity"),
        ("quantity == subscription_month", 13, "subscription_month"),
        ("subscription_month in [quantity]", 24, "quantity"),
        ("subscription_month", 1, "subscription_month alone"),
    ],
)
def test_what_is_no_condition(text, column, found):
    with pytest.raises(ConditionError) as raised:
        Condition(text)
    assert (raised.value.column, raised.value.found) == (column, found)


def test_the_price_of_the_first_months_ends_with_the_third():
    stage = stage_of(stay("2026-08-20"))
    stage.batch(
        message(1, "2026-10-31T23:59:59"),
        message(2, "2026-11-01T00:00"),
        message(3, "2026-08-20T12:00"),
    )
    prices = [charge.price_id for charge in stage.ledger()]
    assert prices == ["basic/first", "basic/later", "basic/first"]
    assert "Its condition holds: subscription_month <= 3; subscription_month is 3." in sentences(
        stage.ledger()[0]
    )


@pytest.mark.parametrize(
    ("entries", "price"),
    [
        pytest.param(
            [stay("2026-08-01", "2026-10-01"), stay("2026-10-01")], "basic/first", id="an entry"
        ),
        pytest.param(
            [stay("2026-07-01", "2026-10-01", plan="carrier"), stay("2026-10-01")],
            "basic/later",
            id="on another plan before",
        ),
        pytest.param(
            [stay("2026-01-01", "2026-01-02"), stay("2026-10-01")], "basic/later", id="with a gap"
        ),
    ],
)
def test_a_subscription_began_with_its_first_entry(entries, price):
    stage = stage_of(*entries)
    stage.batch(message(1, "2026-10-05T12:00"))
    assert [charge.price_id for charge in stage.ledger()] == [price]


def test_discounts_and_allowances_ask_for_it_too():
    stage = stage_of(stay("2026-09-20"), vip=[("2026-10-10", "gold")])
    stage.batch(
        event(
            1, "data", quantities={"B": D(1)}, at_ms=at("2026-10-09T12:00"), zone="Europe/Berlin"
        ),
        event(
            2, "data", quantities={"B": D(1)}, at_ms=at("2026-10-10T12:00"), zone="Europe/Berlin"
        ),
        event(
            3, "data", quantities={"B": D(1)}, at_ms=at("2026-11-10T12:00"), zone="Europe/Berlin"
        ),
        event(4, "voice", "60", at_ms=at("2026-09-30T12:00"), zone="Europe/Berlin"),
        event(5, "voice", "60", at_ms=at("2026-10-01T00:00"), zone="Europe/Berlin"),
    )
    amounts = [D(charge.amount) for charge in stage.ledger()]
    assert amounts == [10, 8, 10, 0, 60]


def test_another_rating_asks_for_it_too():
    stage = stage_of(stay("2026-10-01"))
    for number, local in enumerate(("2026-10-05T12:00", "2026-11-05T12:00")):
        stage.batch(
            event(number, "data", quantities={"B": D(3)}, at_ms=at(local), zone="Europe/Berlin")
        )
    costs = [charge.other_ratings[0].amount for charge in stage.ledger()]
    assert list(map(D, costs)) == [D("0.5"), 3]


@pytest.mark.parametrize(
    ("since", "least"), [("2026-08-20", 1), ("2026-10-31", 1), ("2026-07-31", 2)]
)
def test_a_close_asks_for_what_is_due_in_that_month(since, least):
    stage = stage_of(stay(since), vip=[("2026-10-10", "gold")])
    zone = "Europe/Berlin"
    close = PeriodClose(
        tenant="acme",
        identity=event_identity(tenant="acme", source="", record_id="close"),
        content_hash=bytes(8),
        run="retail",
        rating_key="a-1",
        account_id="a-1",
        period_start_ms=month_start_ms(zone, 2026, 10),
        period_end_ms=month_start_ms(zone, 2026, 11),
        provenance=Provenance(0, 0, 0, "", 0),
        batch=1,
    )
    stage.batch(close)
    october = [
        charge
        for charge in stage.ledger()
        if isinstance(charge, Charge)
        and charge.usage_kind == CLOSING
        and charge.usage_period_ms == close.period_start_ms
    ]
    assert [D(charge.amount) for charge in october] == [least]


def test_a_published_catalogue_that_asks_for_it_is_refused_by_who_does_not_know_it():
    without = msgspec.structs.replace(DOCUMENT, plans=())
    heads = [document_to_parts(each)[0] for each in (without, DOCUMENT)]
    assert [json.loads(head)["format"] for head in heads] == [3, 7]
    only_price = """
    plans:
      p:
        currency: EUR
        prices:
          x: {product: message, when: subscription_month < 3, price: {model: flat, amount: 1}}
    """
    assert json.loads(document_to_parts(document_of(files_of(only_price)))[0])["format"] == 7


def test_scenarios_say_since_when():
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin

Subscription old from 2026-07-31
Subscription new from 2026-08-01
Subscription nobody-says

Scenario: the first three months
    on 2026-10-15, 1 record of message by old, price basic/later, charge 0.10 EUR
    on 2026-10-15, 1 record of message by new, price basic/first, charge 0.05 EUR
    on 2026-10-15, 1 record of message by nobody-says, price basic/first, charge 0.05 EUR
    on 2027-01-15, 1 record of message by nobody-says, price basic/later, charge 0.10 EUR
    close of 2026-10, charge 3.80 EUR
    total 4.10 EUR
"""
    result = run_folder({**files_of(PLANS), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


def test_a_trial_closes_a_month_by_the_first_plan_of_a_subscription():
    """As it rates usage: a subscription that came from another plan keeps its beginning."""
    since = at("2026-06-20"), at("2026-10-01")
    members = [Member("a-1/s", "carrier", *since), Member("a-1/s", "basic", since[1])]
    trial = Trial(compile(DOCUMENT, 7))
    charges = trial.close("a-1", since[1], members=members, currency="EUR", zone="UTC")
    assert [(each.price_id, D(each.amount)) for each in charges] == [("basic/later", 2)]


def test_a_price_behind_one_for_the_first_months_is_reached():
    assert not check(files_of(PLANS)).errors
