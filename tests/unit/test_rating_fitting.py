"""Allowances that are so many times their units: of which number, at which time, and who is a member."""

import itertools
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.catalogue.asked import asked_attributes
from rating.catalogue.differences import diff
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.explain import sentences
from rating.fitting import members_in
from rating.scenario import run_folder
from schemas.period import month_start_ms
from schemas.reference import Account, AccountAttributes, Subscription
from tests.ledger_builders import OCTOBER
from tests.rate_world import MemoryStage, event
from tests.rating_builders import document_of, files_of

D = Decimal
DAY_MS = 86_400_000
NOVEMBER = month_start_ms("UTC", 2026, 11)


def plan(data, extra=""):
    return f"""
    plans:
      basic:
        currency: EUR
        allowances:
          data: {data}
          budget: {{amount: 1.00, times: account.sites, shared_by: account}}
        prices:
          x: {{product: data, price: {{model: per_unit, amount: 1, per: 1 B, allowance: data}}}}
          m: {{product: message, price: {{model: flat, amount: 0.75, allowance: budget}}}}
    {extra}
    """


def document(data, extra=""):
    return document_of(files_of(plan(data, extra)))


SEATS = "{units: 10 B, times: subscription.seats}"
POOL = "{units: 10 B, times: members, shared_by: account}"


def entry(name, from_ms=0, to_ms=None, *, plan="basic", seats=None):
    return Subscription(
        subscription_id=f"a-1/{name}",
        identifier=name,
        plan=plan,
        valid_from_ms=from_ms,
        valid_to_ms=to_ms,
        attributes=None if seats is None else {"seats": seats},
    )


def stage_of(data, *entries, sites=()):
    account = Account(
        tenant="acme",
        account_id="a-1",
        name="a-1",
        zone="UTC",
        currency="EUR",
        subscriptions=entries,
        attributes=tuple(
            AccountAttributes(valid_from_ms=at_ms, values={"sites": value})
            for at_ms, value in sites
        ),
    )
    catalogue = compile(document(data, "  other: {extends: basic}"), 7)
    return MemoryStage(accounts=(account,), catalogue=catalogue)


def used(number, quantity, *, by="s", **fields):
    quantities = {"B": D(quantity)}
    return event(number, "data", quantities=quantities, subscription_id=f"a-1/{by}", **fields)


def free_of(stage):
    return [charge.free for charge in stage.ledger()]


# --- a number that account or subscription states ---


@pytest.mark.parametrize(
    ("seats", "free"),
    [("3", "30"), ("0", "0"), ("2.5", "25"), ("007", "70"), ("999999999.999999", "99")],
)
def test_the_allowance_is_so_many_times_its_units(seats, free):
    stage = stage_of(SEATS, entry("s", seats=seats))
    stage.batch(used(1, 99))
    assert list(map(D, free_of(stage))) == [D(free)]


@pytest.mark.parametrize(
    ("seats", "found"),
    [
        (None, "is not stated"),
        ("", "is not stated"),
        ("many", "is 'many', which is no number"),
        ("-1", "is '-1', which is no number"),
        ("1e3", "is '1e3', which is no number"),
        ("٣", "is '٣', which is no number"),
        ("1234567890", "is '1234...', which is no number"),
        ("1,5", "is '1,5', which is no number"),
    ],
)
def test_usage_waits_where_there_is_no_number(seats, found):
    stage = stage_of(SEATS, entry("s", seats=seats))
    stage.batch(used(1, 5))
    (refused,) = stage.suspense()
    assert refused.reason == "rating.missing_attribute"
    assert refused.detail.startswith(
        f"allowance basic/data is so many times subscription.seats, which {found} at the time of the "
    )
    assert not stage.ledger()


def test_no_usage_asks_for_no_number():
    stage = stage_of(SEATS, entry("s"))
    stage.batch(used(1, 0))
    assert [charge.amount for charge in stage.ledger()] == ["0.0000000000"]


def test_the_number_is_that_of_the_time_of_the_usage():
    """In whatever order it comes; fewer seats take nothing back."""
    middle = OCTOBER + 5 * DAY_MS
    entries = entry("s", 0, middle, seats="3"), entry("s", middle, seats="1")
    for order in itertools.permutations(
        [used(1, 25, at_ms=middle - 1), used(2, 5, at_ms=middle), used(3, 7, at_ms=OCTOBER)]
    ):
        stage = stage_of(SEATS, *entries)
        stage.batch(*order)
        free = {charge.record_id: charge.free for charge in stage.ledger()}
        taken = sum(map(D, free.values()))
        assert taken <= 30
        assert D(free["2"]) <= 10
        if order[0].record_id == "1":
            assert free["2"] == "0"


def test_an_account_has_its_number_from_an_instant_on():
    sites = (None, "1"), (OCTOBER + DAY_MS, "2")
    stage = stage_of(POOL, entry("s"), sites=sites)
    messages = [event(1, "message"), event(2, "message")]
    stage.batch(*messages, event(3, "message", at_ms=OCTOBER + DAY_MS))
    amounts = [charge.amount for charge in stage.ledger()]
    assert amounts == ["0.0000000000", "0.5000000000", "0.0000000000"]
    assert "Allowance basic/budget is 1.00 EUR times 2, account.sites." in sentences(
        stage.ledger()[-1]
    )


# --- members ---


@pytest.mark.parametrize(
    ("others", "free"),
    [
        pytest.param([], "10", id="alone"),
        pytest.param([entry("t")], "20", id="two"),
        pytest.param([entry("t", OCTOBER, OCTOBER + 1)], "20", id="for an instant of the month"),
        pytest.param([entry("t", 0, OCTOBER)], "10", id="up to the month"),
        pytest.param([entry("t", NOVEMBER - 1)], "20", id="who joins at its end"),
        pytest.param([entry("t", NOVEMBER)], "10", id="who joins after it"),
        pytest.param([entry("t", OCTOBER + 5, OCTOBER + 5)], "10", id="an entry of no time"),
        pytest.param([entry("t", plan="other")], "10", id="on another plan"),
        pytest.param(
            [entry("t", 0, OCTOBER + 9), entry("t", OCTOBER + 20)], "20", id="one with two entries"
        ),
        pytest.param(
            [entry("t", 0, OCTOBER + 9, plan="other"), entry("t", OCTOBER + 9)],
            "20", id="who changes to the plan",
        ),
    ],
)  # fmt: skip
def test_members_are_those_on_the_plan_in_some_part_of_the_month(others, free):
    stage = stage_of(POOL, entry("s"), *others)
    stage.batch(used(1, 99, at_ms=OCTOBER + 3 * DAY_MS))
    assert free_of(stage) == [free]
    factor = "2" if free == "20" else "1"
    assert (
        f"Allowance basic/data is 10 B times {factor}, one for each subscription that shares it."
        in sentences(stage.ledger()[0])
    )


def test_of_a_day_members_are_those_of_that_day():
    every_day = POOL.replace("times", "every: day, times")
    stage = stage_of(every_day, entry("s"), entry("t", OCTOBER + DAY_MS, OCTOBER + 2 * DAY_MS))
    days = [used(day, 99, at_ms=OCTOBER + day * DAY_MS) for day in range(3)]
    stage.batch(*days)
    assert free_of(stage) == ["10", "20", "10"]


def test_who_joins_counts_from_the_batch_on_that_knows_it():
    stage = stage_of(POOL, entry("s"))
    stage.batch(used(1, 12))
    joined = stage_of(POOL, entry("s"), entry("t", OCTOBER + DAY_MS))
    stage.step.reference.apply(joined.step.reference.accounts.values(), version=9)
    stage.batch(used(2, 12))
    assert free_of(stage) == ["10", "10"]


@given(
    st.lists(st.tuples(st.sampled_from("stu"), st.integers(1, 9)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_pool_gives_what_all_members_have_in_any_order(usage, random):
    members = [entry(name) for name in "stu"]
    events = [used(place, units, by=name) for place, (name, units) in enumerate(usage)]
    random.shuffle(events)
    stage = stage_of(POOL, *members)
    stage.batch(*events)
    total = sum(units for _, units in usage)
    assert sum(map(D, free_of(stage))) == min(total, 30)
    assert sum(D(charge.amount) for charge in stage.ledger()) == max(total - 30, 0)


def test_members_are_counted_once():
    stays = [("a", (0, 5)), ("a", (7, None)), ("b", (5, 6)), ("c", (10, None))]
    assert [members_in(stays, *span) for span in ((0, 5), (5, 7), (0, 10), (10, 11))] == [
        1,
        1,
        2,
        2,
    ]


# --- the catalogue ---


@pytest.mark.parametrize(
    ("stated", "expected", "found"),
    [
        pytest.param(
            "times: seats", "members, account.<attribute> or subscription.<attribute>", "'seats'",
            id="a bare name",
        ),
        pytest.param(
            "times: 5", "members, account.<attribute> or subscription.<attribute>", "'5'",
            id="a number",
        ),
        pytest.param(
            "times: account.id", "members, account.<attribute> or subscription.<attribute>",
            "'account.id'", id="an id",
        ),
        pytest.param(
            "times: event.seats", "members, account.<attribute> or subscription.<attribute>",
            "'event.seats'", id="of the event",
        ),
        pytest.param(
            "times: members", "shared_by: account, whose members have it together",
            "one for each subscription", id="members without sharing",
        ),
        pytest.param(
            "times: subscription.seats, shared_by: account",
            "members or account.<attribute>, since all of an account's share the allowance",
            "'subscription.seats'", id="of one of those that share",
        ),
        pytest.param(
            "times: account.seats, rolls_over: {months: 1}",
            "an allowance that does not roll over: of earlier months nobody says the number",
            "rolls_over", id="that rolls over",
        ),
    ],
)  # fmt: skip
def test_what_the_check_refuses(stated, expected, found):
    (error,) = check(files_of(plan(f"{{units: 10 B, {stated}}}"))).errors
    assert (error.field, error.expected, error.found) == (
        "plans.basic.allowances.data.times",
        expected,
        found,
    )


def test_a_published_catalogue_that_says_it_is_refused_by_who_does_not_know_it():
    seats = document(SEATS)
    head, _ = document_to_parts(seats)
    assert json.loads(head)["format"] == 7
    assert document_from_parts(head, {}) == seats


def test_the_check_lists_the_attributes_and_a_difference_names_them():
    assert asked_attributes(document(SEATS)) == ("account.sites", "subscription.seats")
    said = [str(each) for each in diff(document("{units: 10 B}"), document(SEATS))]
    assert said == ["plan basic, allowance data, times: once -> subscription.seats"]


def test_scenarios_have_the_members_that_they_name():
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin, with sites=2

Subscription mother
Subscription child from 2026-11-01
Subscription guest on plan other

Scenario: the pool grows with the child
    30 B of data by mother, 10 B free, charge 20.00 EUR
    on 2026-11-03, 30 B of data by child, 20 B free, charge 10.00 EUR
    3 x 1 record of message by mother, charge 0.25 EUR
    total 30.25 EUR
"""
    files = files_of(plan(POOL, "  other: {extends: basic}"))
    result = run_folder({**files, "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


def test_a_close_charges_a_least_beside_it():
    """A month of which all was free still comes to its least."""
    text = plan(SEATS).replace("allowance: data}", "allowance: data, least: {month: 4.00}}")
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin

Subscription a with seats=3

Scenario: below
    30 B of data, 30 B free, charge 0.00 EUR
    close of 2026-10, charge 4.00 EUR
    total 4.00 EUR
"""
    result = run_folder({**files_of(text), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


def test_the_prices_around_it_are_what_they_were():
    """Nobody else pays for looking at a size."""
    offer = compile(document("{units: 10 B}"), 1).plans["basic"].offers
    assert not offer["data"].is_fitted
    assert offer["message"].asks_for_holder
    assert msgspec.structs.asdict(offer["data"])["has_conditions"] is False
