"""A discount by usage that restates nothing: what is charged, what the check refuses, and how it is said."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from rating.catalogue import check, compile
from rating.catalogue.differences import diff
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.catalogue.running_months import changed_within_months
from rating.explain import sentences
from rating.scenario import run_folder
from schemas.period import month_start_ms
from tests.rate_world import MemoryStage, account, event
from tests.rating_builders import document_of, files_of

D = Decimal


def plan(price, then="from_then: yes, "):
    discount = (
        f"product: message, {then}reached: [{{from: 2, percent: 10}}, {{from: 4, percent: 50}}]"
    )
    return f"""
    plans:
      basic:
        currency: EUR
        allowances: {{budget: {{amount: 1.00}}}}
        prices:
          films: {{product: message, price: {{model: flat, amount: 1}}}}
          x: {{product: voice, price: {{{price}, discount_by_usage: {{{discount}}}}}}}
    """


FLAT = "model: flat, amount: 10"
TIERS = "model: graduated, per: 1 s, tiers: [{upto: 10 s, amount: 1}, {amount: 2}]"


def stage_of(price):
    catalogue = compile(document_of(files_of(plan(price))), 7)
    return MemoryStage(accounts=(account(),), catalogue=catalogue)


def charged(stage, *numbers):
    """Return the amounts of calls; ``f`` is a film before the next one."""
    events = [
        event(place, "message") if each == "f" else event(place, "voice", each)
        for place, each in enumerate(numbers)
    ]
    stage.batch(*events)
    assert not stage.suspense()
    return [D(charge.amount) for charge in stage.ledger() if charge.product == "voice"]


def test_only_what_comes_after_it_is_cheaper():
    stage = stage_of(FLAT)
    assert charged(stage, "1", "f", "1", "f", "1", "f", "1", "f", "1") == [10, 10, 9, 9, 5]
    assert {charge.usage_kind for charge in stage.ledger()} == {"event"}
    assert not any(
        counter.counter.startswith(("listed:", "closed:", "cap:"))
        for charge in stage.ledger()
        for counter in charge.counters_after
    )


def test_tiers_go_on_as_if_nothing_were_off():
    assert charged(stage_of(TIERS), "10", "f", "f", "5", "5") == [10, 9, 9]


def test_what_is_off_is_off_the_rounded_amount_before_caps_and_credit():
    price = FLAT + ", most: {day: 14}, allowance: budget"
    assert charged(stage_of(price), "f", "f", "1", "1") == [8, 5]


def test_a_zero_stays_a_zero():
    assert charged(stage_of(FLAT), "f", "f", "0") == [0]


def test_another_month_begins_anew():
    stage = stage_of(FLAT)
    november = month_start_ms("UTC", 2026, 11)
    films = [event(number, "message", at_ms=november - 1) for number in range(4)]
    stage.batch(*films, event(5, "voice", "1", at_ms=november), event(6, "voice", "1"))
    assert [charge.amount for charge in stage.ledger()][-2:] == ["10.0000000000", "5.0000000000"]


def test_the_charge_says_it():
    stage = stage_of(FLAT)
    charged(stage, "f", "f", "1")
    assert (
        "The account used 2 records of message in the month: 10 % off, of 10.00 EUR."
        in sentences(stage.ledger()[-1])
    )


def test_a_close_asks_for_a_least_and_nothing_else():
    text = plan(FLAT + ", least: {month: 12}")
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin

Scenario: films after the call change nothing
    1 s of voice, charge 10.00 EUR
    4 x 1 record of message, charge 4.00 EUR
    close of 2026-10, charge 2.00 EUR
    total 16.00 EUR
"""
    result = run_folder({**files_of(text), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


@pytest.mark.parametrize(
    "price",
    [
        "model: volume, per: 1 s, tiers: [{amount: 1}]",
        "model: graduated, aggregate: latest, per: 1 s, tiers: [{amount: 1}]",
    ],
)
def test_it_does_not_go_with_a_price_that_restates(price):
    (error,) = check(files_of(plan(price))).errors
    assert (error.field, error.expected, error.found) == (
        "plans.basic.prices.x.price.discount_by_usage",
        "no from_then, where usage changes what earlier usage came to",
        "from_then",
    )


def test_versions_of_it_may_begin_on_any_day():
    text = plan(FLAT)
    begin = text.index("price: {model: flat, amount: 10")
    price = text[begin:].split("\n")[0].removesuffix("}")
    versions = (
        f"versions: [{{valid_from: 2026-10-15, {price}}}, {{valid_from: 2026-10-20, {price}}}]"
    )
    text = text.replace(price, versions)
    assert not check(files_of(text)).errors
    assert check(files_of(text.replace("from_then: yes, ", ""))).errors


def test_a_running_month_may_change_it_but_not_what_is_off_all_of_it():
    without = document_of(files_of(plan(FLAT, "")))
    then = document_of(files_of(plan(FLAT)))
    at = dt.datetime(2026, 10, 15, tzinfo=dt.UTC)
    assert not changed_within_months(then, then, at=at)
    (gone,) = changed_within_months(without, then, at=at)
    (new,) = changed_within_months(then, without, at=at)
    assert "discount_by_usage is gone" in gone.text
    assert "discount_by_usage is new" in new.text


def test_it_is_published_differs_and_is_refused_by_who_does_not_know_it():
    without = document_of(files_of(plan(FLAT, "")))
    then = document_of(files_of(plan(FLAT)))
    heads = [document_to_parts(each)[0] for each in (without, then)]
    assert [json.loads(head)["format"] for head in heads] == [3, 7]
    assert b"from_then" not in heads[0]
    assert document_from_parts(heads[1], {}) == then
    (said,) = diff(without, then)
    assert str(said).endswith(
        "discount by usage: 10 % from 2 of message on, 50 % from 4 of message on -> 10 % from 2 of "
        "message on, 50 % from 4 of message on, of usage that comes after it"
    )
