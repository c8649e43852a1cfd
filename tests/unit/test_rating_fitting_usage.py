"""Allowances that are for some usage only: by its hour, its day, and what it is."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.catalogue.asked import asked_attributes
from rating.catalogue.differences import diff
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.explain import sentences
from rating.scenario import run_folder
from schemas.period import month_start_ms
from tests.rate_world import MemoryStage, account, event
from tests.rating_builders import at, document_of, files_of

D = Decimal
BANDS = """
    calendars:
      germany: [2026-10-14]
    bands:
      hours:
        peak: [Mon-Fri 08:00-18:00]
        off-peak: [Mon-Fri 00:00-08:00, Mon-Fri 18:00-24:00, Sat-Sun, holidays germany]
      once: {always: otherwise}
"""


def plan(minutes, price="model: per_unit, amount: 1, per: 1 s, allowance: [minutes, rest]"):
    return f"""
    {BANDS}
    plans:
      basic:
        currency: EUR
        allowances:
          minutes: {minutes}
          rest: {{units: 5 s}}
        prices:
          x: {{product: voice, price: {{{price}}}}}
    """


def document(minutes):
    return document_of(files_of(plan(minutes)))


def stage_of(minutes):
    whose = account(zone="Europe/Berlin")
    return MemoryStage(accounts=(whose,), catalogue=compile(document(minutes), 7))


def call(number, seconds, local="2026-10-15T12:00", **fields):
    fields = {"at_ms": at(local), "zone": "Europe/Berlin", "quantities": {"s": D(seconds)}} | fields
    return event(number, "voice", **fields)


def free_of(minutes, *calls):
    stage = stage_of(minutes)
    stage.batch(*calls)
    assert not stage.suspense()
    return [charge.free for charge in stage.ledger()]


OFF_PEAK = "{units: 100 s, only_in: {hours: [off-peak]}}"
DAYS = "{units: 100 s, valid_from: 2026-10-10, valid_to: 2026-10-20}"


@pytest.mark.parametrize(
    ("minutes", "local", "free"),
    [
        pytest.param(OFF_PEAK, "2026-10-15T07:59:59", "50", id="the last second off peak"),
        pytest.param(OFF_PEAK, "2026-10-15T08:00", "5", id="the first one of peak"),
        pytest.param(OFF_PEAK, "2026-10-15T18:00", "50", id="off peak again"),
        pytest.param(OFF_PEAK, "2026-10-14T12:00", "50", id="a holiday"),
        pytest.param(OFF_PEAK, "2026-10-25T02:30+02:00", "50", id="an hour that comes twice"),
        pytest.param(OFF_PEAK, "2026-10-25T02:30+01:00", "50", id="and its second time"),
        pytest.param(DAYS, "2026-10-09T23:59:59", "5", id="the day before"),
        pytest.param(DAYS, "2026-10-10T00:00", "50", id="the first day"),
        pytest.param(DAYS, "2026-10-19T23:59:59", "50", id="the last day"),
        pytest.param(DAYS, "2026-10-20T00:00", "5", id="the day after"),
    ],
)
def test_the_beginning_of_the_usage_decides(minutes, local, free):
    assert free_of(minutes, call(1, 50, local)) == [free]


@pytest.mark.parametrize(
    ("condition", "fields", "free"),
    [
        ('destination == "4930"', {"destination": "4930"}, "50"),
        ('destination == "4930"', {"destination": "4931"}, "5"),
        ('destination == "4930"', {}, "5"),
        ("quantity >= 50", {}, "50"),
        ("quantity > 50", {}, "5"),
        ('event.apn == "internet"', {"attributes": {"apn": "internet"}}, "50"),
        ('subscription.id == "a-1/s"', {}, "50"),
        ('account.vip == "gold"', {}, "5"),
    ],
)
def test_the_condition_decides(condition, fields, free):
    minutes = f"{{units: 100 s, when: '{condition}'}}"
    assert free_of(minutes, call(1, 50, **fields)) == [free]


def test_usage_that_it_is_not_for_takes_nothing_of_it():
    calls = [
        call(1, 90, "2026-10-15T07:00"),
        call(2, 40, "2026-10-15T08:00"),
        call(3, 90, "2026-10-15T19:00"),
    ]
    assert free_of(OFF_PEAK, *calls) == ["90", "5", "10"]


def test_money_of_an_allowance_is_for_some_usage_too():
    price = "model: flat, amount: 0.75, allowance: minutes"
    text = plan("{amount: 1.00, only_in: {hours: [off-peak]}}", price)
    stage = MemoryStage(
        accounts=(account(zone="Europe/Berlin"),), catalogue=compile(document_of(files_of(text)), 7)
    )
    stage.batch(call(1, 9), call(2, 9, "2026-10-15T19:00"), call(3, 9, "2026-10-15T20:00"))
    amounts = [charge.amount for charge in stage.ledger()]
    assert amounts == ["0.7500000000", "0.0000000000", "0.5000000000"]
    assert not any(
        counter.counter.startswith("allowance:") for counter in stage.ledger()[0].counters_after
    )


def test_one_that_rolls_over_is_for_some_usage_too():
    minutes = "{units: 10 s, only_in: {hours: [off-peak]}, rolls_over: {months: 1}}"
    calls = [call(1, 50, "2026-10-15T12:00"), call(2, 50, "2026-10-15T19:00")]
    assert free_of(minutes, *calls) == ["5", "20"]


@pytest.mark.parametrize("when", ["quantity > 5", "account.id == 'a-1' and event.apn != 'x'"])
def test_one_that_rolls_over_may_ask_for_what_is_the_same_in_all_months(when):
    minutes = f"{{units: 10 s, when: {when}, rolls_over: {{months: 1}}}}"
    assert not check(files_of(plan(minutes))).errors


@given(
    st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_what_is_free_is_the_same_in_any_order(usage, random):
    """Of one allowance: as much of the usage that it is for as it holds."""
    minutes = OFF_PEAK.replace("100 s", "100 s, shared_by: account")
    calls = [
        call(place, seconds, "2026-10-15T19:00" if off else "2026-10-15T12:00")
        for place, (seconds, off) in enumerate(usage)
    ]
    random.shuffle(calls)
    price = "model: per_unit, amount: 1, per: 1 s, allowance: minutes"
    stage = MemoryStage(
        accounts=(account(zone="Europe/Berlin"),),
        catalogue=compile(document_of(files_of(plan(minutes, price))), 7),
    )
    stage.batch(*calls)
    free = sum(D(charge.free) for charge in stage.ledger())
    assert free == min(100, sum(seconds for seconds, off in usage if off))


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (OFF_PEAK, "Allowance basic/minutes is not for this usage: it is not for peak."),
        (
            "{units: 9 s, valid_to: 2026-10-01}",
            "Allowance basic/minutes is not for this usage: it is for other days.",
        ),
        (
            "{units: 9 s, when: 'destination == \"493012345678\"'}",
            "Allowance basic/minutes is not for this usage: its condition does not hold: "
            'destination == "4930...".',
        ),
    ],
)
def test_a_charge_says_why_not(minutes, said):
    stage = stage_of(minutes)
    stage.batch(call(1, 9))
    (charge,) = stage.ledger()
    assert said in sentences(charge)


def test_limits_and_numbers_go_together():
    minutes = "{units: 10 s, times: members, shared_by: account, only_in: {hours: [peak]}}"
    assert free_of(minutes, call(1, 50), call(2, 50, "2026-10-15T19:00")) == ["15", "0"]


# --- the catalogue ---


@pytest.mark.parametrize(
    ("stated", "field", "expected", "found"),
    [
        pytest.param("only_in: [off-peak]", "only_in", "a mapping of codes", "a list", id="a list"),
        pytest.param(
            "only_in: {days: [off-peak]}", "only_in",
            "the code of a set of bands: hours, once", "'days'", id="no such set",
        ),
        pytest.param(
            "only_in: {hours: [night]}", "only_in.hours",
            "the code of a band of it: off-peak, peak", "'night'", id="no such band",
        ),
        pytest.param(
            "only_in: {hours: [peak, off-peak]}", "only_in.hours",
            "some bands of the set; for all of them without only_in", "all of them", id="all",
        ),
        pytest.param(
            "only_in: {hours: [peak, peak]}", "only_in.hours", "each band once", "peak", id="twice",
        ),
        pytest.param(
            "only_in: {hours: []}", "only_in.hours", "a list of at least one", "an empty list", id="none",
        ),
        pytest.param(
            "only_in: {hours: [peak], once: [always]}", "only_in",
            "one set of bands and a list of its bands, such as {hours: [off-peak]}", "2 sets",
            id="two sets",
        ),
        pytest.param(
            "valid_from: 2026-10-10, valid_to: 2026-10-10", "valid_to",
            "a date after 2026-10-10", "'2026-10-10'", id="no day",
        ),
        pytest.param(
            "valid_to: 2026-10-10, rolls_over: {months: 1}", "valid_to",
            "an allowance that does not roll over: months before and after leave nothing",
            "rolls_over", id="rolls over",
        ),
        pytest.param(
            "when: account.vip == 'gold' and subscription_month > 3, rolls_over: {months: 1}", "when",
            "a condition of the usage alone, beside rolls_over: of earlier months nobody says whether it "
            "held, and they would leave all of their allowance",
            "account.vip, subscription_month", id="a condition of the holder rolls over",
        ),
        pytest.param(
            "when: quantity == 'x'", "when",
            "a number, as quantity is, such as quantity == 100",
            "'x' (character 13 of the condition)", id="types",
        ),
    ],
)  # fmt: skip
def test_what_the_check_refuses(stated, field, expected, found):
    errors = check(files_of(plan(f"{{units: 10 s, {stated}}}"))).errors
    assert (errors[0].field, errors[0].expected, errors[0].found) == (
        f"plans.basic.allowances.minutes.{field}",
        expected,
        found,
    )
    assert len(errors) == 1


@pytest.mark.parametrize("minutes", [OFF_PEAK, DAYS, "{units: 9 s, when: quantity > 5}"])
def test_a_published_catalogue_that_says_it_is_refused_by_who_does_not_know_it(minutes):
    stated = document(minutes)
    head, _ = document_to_parts(stated)
    assert json.loads(head)["format"] == 7
    assert document_from_parts(head, {}) == stated


def test_the_check_lists_what_conditions_ask_for():
    assert asked_attributes(document("{units: 9 s, when: event.apn != ''}")) == ("event.apn",)


def test_differences_say_it():
    plain = document("{units: 100 s}")
    said = [
        str(each)
        for minutes in (OFF_PEAK, DAYS, "{units: 100 s, when: quantity > 5}")
        for each in diff(plain, document(minutes))
    ]
    assert said == [
        "plan basic, allowance minutes, only in: whatever the hour -> off-peak of hours",
        "plan basic, allowance minutes, days: all -> from 10 October 2026 to 19 October 2026",
        "plan basic, allowance minutes, condition: always -> quantity > 5",
    ]


def test_scenarios_say_it():
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin

Scenario: off peak, then the rest
    on 2026-10-15 at 19:00, 102 s of voice, 102 s free, charge 0.00 EUR
    on 2026-10-15 at 12:00, 4 s of voice, 3 s free, charge 1.00 EUR
    total 1.00 EUR
"""
    files = files_of(plan(OFF_PEAK))
    result = run_folder({**files, "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


def test_a_month_has_its_allowance_whenever_in_it_its_days_begin():
    days = "{units: 100 s, valid_from: 2026-10-31}"
    calls = call(1, 99, "2026-10-31T12:00"), call(2, 99, "2026-11-01T12:00")
    assert free_of(days, *calls) == ["99", "99"]
    assert month_start_ms("Europe/Berlin", 2026, 11) < calls[1].started_at_ms
