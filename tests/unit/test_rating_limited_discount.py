"""A discount that is used up, and an allowance that is given once: what is charged, what is counted,
what the check refuses, and how it is said."""

import json
from decimal import Decimal

import pytest

from pipeline.correcting.together import HangsTogether
from pipeline.correcting.work_out import Asked
from rating.catalogue import check, compile
from rating.catalogue.asked import asked_attributes
from rating.catalogue.differences import diff
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.counting import Counter, CounterKind, CounterPeriod
from rating.explain import sentences
from rating.scenario import run_folder
from schemas.period import month_start_ms
from tests.correction_world import command_of, corrected_together, history_of, worked_out
from tests.rate_world import MemoryStage, account, event
from tests.rating_builders import document_of, files_of

D = Decimal
OCTOBER, NOVEMBER, DECEMBER = (month_start_ms("UTC", 2026, month) for month in (10, 11, 12))
DAY_MS = 86_400_000


def plan(price, allowances="budget: {amount: 15}"):
    return f"""
    plans:
      basic:
        currency: EUR
        allowances: {{{allowances}}}
        prices:
          films: {{product: message, price: {{model: flat, amount: 1}}}}
          x: {{product: voice, price: {{{price}}}}}
    """


FLAT = "model: flat, amount: 10"
ONCE = FLAT + ", discount: {percent: 100, times: 1}"
MONTHLY = FLAT + ", discount: {percent: 50, times: 2, every: month}"


def stage_of(price, **fields):
    catalogue = compile(document_of(files_of(plan(price, **fields))), 7)
    return MemoryStage(accounts=(account(),), catalogue=catalogue)


def charged(stage, *calls):
    """Return the amounts of calls, each a quantity or that and its instant."""
    placed = [call if isinstance(call, tuple) else (call, OCTOBER) for call in calls]
    first = len(stage.ledger())
    stage.batch(
        *(
            event(first + place, "voice", quantity, at_ms=at_ms)
            for place, (quantity, at_ms) in enumerate(placed)
        )
    )
    assert not stage.suspense()
    return [D(charge.amount) for charge in stage.ledger()[first:]]


def counted(charge):
    return {
        each.counter: (each.period_start_ms, each.records)
        for each in charge.counters_after
        if not each.counter.startswith("product:")
    }


def test_the_first_event_ever_has_it_and_no_other():
    stage = stage_of(ONCE)
    assert charged(stage, "1", "1") == [0, 10]
    assert charged(stage, ("1", NOVEMBER), ("1", OCTOBER - DAY_MS), "1") == [10, 10, 10]
    first, second, *_ = stage.ledger()
    assert counted(first) == {"discounted:a-1/s:basic/x/once:record": (0, 1)}
    assert counted(second) == {}


def test_events_that_had_it_are_known_in_whatever_unit_the_product_is_measured():
    counter = Counter(CounterKind.DISCOUNTED, "basic/x", CounterPeriod.ONCE)
    names = {counter.name(subscription_id="s", unit=unit) for unit in ("s", "min", "record")}
    assert names == {"discounted:s:basic/x/once:record"}


def test_of_each_month_the_first_ones_have_it_by_the_time_of_the_usage():
    stage = stage_of(MONTHLY)
    assert charged(stage, "1", "1", "1") == [5, 5, 10]
    assert charged(stage, ("1", NOVEMBER), ("1", NOVEMBER - 1), ("1", NOVEMBER)) == [5, 10, 5]
    assert counted(stage.ledger()[3]) == {"discounted:a-1/s:basic/x:record": (NOVEMBER, 1)}


def test_of_each_day():
    stage = stage_of(MONTHLY.replace("times: 2, every: month", "times: 1, every: day"))
    noon = OCTOBER + DAY_MS // 2
    assert charged(stage, "1", ("1", noon), ("1", OCTOBER + DAY_MS)) == [5, 10, 5]


def test_an_event_that_costs_nothing_uses_nothing_of_it():
    price = (
        "model: per_unit, amount: 1, per: 1 s, free_units: 3 s, discount: {percent: 50, times: 1}"
    )
    stage = stage_of(price)
    assert charged(stage, "0", "3", "5", "5") == [0, 0, 1, 2]
    free = stage_of("model: flat, amount: 0.00, discount: {percent: 50, times: 1}")
    assert charged(free, "1") == [0]
    assert counted(free.ledger()[0]) == {}


def test_an_event_that_it_makes_no_cheaper_uses_nothing_of_it():
    once = FLAT + ", discount: {percent: 50, times: 1, when: quantity > 5}"
    stage = stage_of(f"{once}, most: {{day: 10}}")
    assert charged(stage, "5", "6", ("6", OCTOBER + DAY_MS)) == [10, 0, 5]
    assert [
        bool(counted(one).get("discounted:a-1/s:basic/x/once:record")) for one in stage.ledger()
    ] == [*(False, False, True)]
    bounded = stage_of(f"{FLAT}, discount: {{percent: 50, times: 1}}, most: {{event: 5}}")
    assert charged(bounded, "1", "1") == [5, 5]
    assert [counted(one) for one in bounded.ledger()] == [{}, {}]
    least = stage_of("model: flat, amount: 1, least: {event: 2}, discount: {percent: 50, times: 1}")
    assert charged(least, "1") == [2]
    assert counted(least.ledger()[0]) == {}


def test_what_is_small_before_it_is_exchanged_or_multiplied_has_it():
    """0.30 is nothing by the rounding of the other currency, and costs 4,800 in it."""
    small = "model: flat, amount: 0.30, discount: {percent: 100, times: 1}"
    rounding = "rounding: {rule: half_up, places: 0, times: 16000}"
    assert charged(stage_of(f"{small}, {rounding}"), "1", "1") == [0, 4800]
    rates = """
    exchange_rates:
      fx: {from: USD, to: EUR, rates: [{valid_from: 2020-01-01, rate: 16000}]}
    """
    text = rates + plan(f"{small}, exchange: fx, rounding: {{rule: half_up, places: 0}}")
    catalogue = compile(document_of(files_of(text)), 7)
    stage = MemoryStage(accounts=(account(),), catalogue=catalogue)
    assert charged(stage, "1", "1") == [0, 4800]


def test_it_comes_after_the_other_discounts_and_before_caps_and_credit():
    others = "discount: [{percent: 50, times: 2, every: month}, 10]"
    assert charged(stage_of(f"{FLAT}, {others}"), "1", "1", "1") == [D("4.5"), D("4.5"), 9]
    assert charged(stage_of(f"{MONTHLY}, most: {{day: 8}}"), "1", "1", "1") == [5, 3, 0]
    assert charged(stage_of(f"{MONTHLY}, allowance: budget"), "1", "1", "1") == [0, 0, 5]
    assert charged(stage_of(f"{ONCE}, least: {{event: 2}}"), "1", "1") == [2, 10]
    assert charged(stage_of(f"{MONTHLY}, free_records: 1"), "1", "1", "1", "1") == [0, 5, 5, 10]
    by_usage = "discount_by_usage: {product: message, reached: [{from: 1, percent: 10}]}"
    assert charged(stage_of(f"{MONTHLY}, {by_usage}"), "1", "1", "1") == [5, 5, 10]


def test_a_fee_that_is_due_alone_has_it_too():
    price = (
        "model: call, connect_fee: 1, allowance: talk, fee_when_free: yes, "
        "rates: [{amount: 1, per: 1 s, increment: 1 s}], discount: {percent: 50, times: 1}"
    )
    stage = stage_of(price, allowances="talk: {units: 5 s}")
    assert charged(stage, "5", "2") == [D("0.5"), 3]


def test_what_does_not_fulfil_its_condition_uses_nothing_of_it():
    price = FLAT + ", discount: [{percent: 50, times: 1, when: quantity > 5}]"
    stage = stage_of(price)
    assert charged(stage, "5", "6", "6") == [10, 5, 10]
    assert [bool(counted(charge)) for charge in stage.ledger()] == [False, True, False]
    whole = FLAT + ", discount: [{percent: 10, when: quantity > 5}, {percent: 50, times: 1}]"
    assert charged(stage_of(whole), "5", "6") == [5, 9]


def test_the_charge_says_it():
    stage = stage_of(FLAT + ", discount: {percent: 50, times: 3, every: month}")
    charged(stage, "1", "1")
    assert (
        "50 % off 10.00 EUR: it is given to the first 3 events of a month, 1 of which came before."
        in sentences(stage.ledger()[1])
    )
    once = stage_of(ONCE)
    charged(once, "1")
    assert "100 % off 10.00 EUR: it is given to the first event." in sentences(once.ledger()[0])


def test_a_charge_without_it_does_not_say_that_its_condition_gave_it():
    stage = stage_of(FLAT + ", discount: {percent: 50, times: 1, when: quantity > 5}")
    charged(stage, "6", "6", "5")
    said = ["50 % off is given: quantity > 5." in sentences(one) for one in stage.ledger()]
    assert said == [True, False, False]


def test_an_allowance_that_is_given_once_is_taken_over_months():
    price = "model: per_unit, amount: 1, per: 1 s, allowance: gift"
    stage = stage_of(price, allowances="gift: {units: 10 s, every: once}")
    months = (OCTOBER, DECEMBER, OCTOBER, NOVEMBER)
    assert charged(stage, *(("4", at_ms) for at_ms in months)) == [0, 0, 2, 4]
    assert counted(stage.ledger()[1])["allowance:a-1/s:basic/gift/once:s"] == (0, 2)
    assert "Allowance basic/gift of 10 s given once had 6 s left: 4 s is free." in sentences(
        stage.ledger()[1]
    )
    money = stage_of(f"{FLAT}, allowance: gift", allowances="gift: {amount: 12, every: once}")
    assert charged(money, "1", ("1", NOVEMBER), ("1", DECEMBER)) == [0, 8, 10]


@pytest.mark.parametrize(
    ("price", "expected", "found"),
    [
        (f"{FLAT}, discount: {{percent: 10, times: 0}}", "", ""),
        (f"{FLAT}, discount: {{percent: 10, every: month}}", "", ""),
        (f"{FLAT}, discount: {{percent: 0, times: 1}}", "above 0 and at most 100", "0"),
        (f"{FLAT}, discount: {{percent: 101, times: 1}}", "above 0 and at most 100", "101"),
        (f"{FLAT}, discount: {{percent: 10, times: 1, every: year}}", "once", "year"),
        (f"{FLAT}, discount: {{percent: 10, times: 1.5}}", "", "1.5"),
        (
            f"{FLAT}, discount: [{{percent: 10, times: 1}}, {{percent: 10, times: 2}}]",
            "one discount with times",
            "another",
        ),
        (
            "model: volume, per: 1 s, tiers: [{amount: 1}], discount: {percent: 10, times: 1}",
            "a price of each event",
            "a discount with times",
        ),
        (
            "model: per_unit, amount: 1, per: 1 s, commitment: {amount: 1, true_up: yes}, "
            "discount: {percent: 10, times: 1}",
            "a price of each event",
            "a discount with times",
        ),
    ],
)
def test_the_check_refuses(price, expected, found):
    (error,) = check(files_of(plan(price))).errors
    assert error.field.startswith("plans.basic.prices.x.price.discount")
    assert expected in error.expected
    assert found in error.found


def test_it_is_none_of_a_product_that_gives_back_or_of_another_rating():
    back = """
    products:
      power: {type: energy, usage_kind: energy, unit: kWh, below_zero: mirror}
    plans:
      p: {currency: EUR, prices: {x: {product: power, price: {model: per_unit, amount: 1, per: 1 kWh,
        discount: {percent: 10, times: 1}}}}}
    """
    (error,) = check({"plans.yaml": back.encode()}).errors
    assert error.found == "a discount with times, which nobody can give back"
    rated = (
        plan(ONCE)
        + """
      other:
        currency: EUR
        also_rated: {cost: {voice: basic}}
        prices: {x: {product: voice, price: {model: flat, amount: 1}}}
    """
    )
    (error,) = check(files_of(rated)).errors
    assert "a discount with times" in error.found


@pytest.mark.parametrize(
    ("allowance", "field"),
    [
        ("{units: 1 s, every: once, rolls_over: {months: 1}}", "rolls_over"),
        ("{units: 1 s, every: once, shared_by: account, times: members}", "times"),
    ],
)
def test_an_allowance_given_once_belongs_to_no_month(allowance, field):
    price = "model: per_unit, amount: 1, per: 1 s, allowance: gift"
    (error,) = check(files_of(plan(price, f"gift: {allowance}"))).errors
    assert error.field == f"plans.basic.allowances.gift.{field}"
    assert "every: once" in error.found


@pytest.mark.parametrize(
    ("discount", "meant"),
    [
        ("{percent: 100, time: 1}", "times"),
        ("{percent: 100, tims: 1}", "times"),
        ("{percent: 100, times: 1, evry: once}", "every"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_one_that_is_meant(discount, meant):
    errors = check(files_of(plan(f"{FLAT}, discount: {discount}"))).errors
    assert any(f"(did you mean {meant}?)" in each.found for each in errors)
    assert not any("the key when" in each.expected for each in errors)


def test_it_is_published_differs_and_is_refused_by_who_does_not_know_it():
    price = FLAT + ", discount: [{percent: 50, times: 2, every: month, when: account.vip != ''}]"
    without, limited = document_of(files_of(plan(FLAT))), document_of(files_of(plan(price)))
    heads = [document_to_parts(each)[0] for each in (without, limited)]
    assert [json.loads(head)["format"] for head in heads] == [3, 8]
    assert b"discount_times" not in heads[0]
    assert document_from_parts(heads[1], {}) == limited
    assert asked_attributes(limited) == ("account.vip",)
    (said,) = diff(without, limited)
    assert str(said).endswith(
        "discount: none -> 50 % of the first 2 events of each month when account.vip != ''"
    )
    gift = document_of(files_of(plan(FLAT, "budget: {amount: 15, every: once}")))
    assert json.loads(document_to_parts(gift)[0])["format"] == 8
    (said,) = diff(without, gift)
    assert str(said).endswith("begins anew: every month -> never: it is given once")


def taken_back(stage, place, month=(OCTOBER, NOVEMBER)):
    history = history_of(stage, "a-1", *month)
    ids = frozenset({history.events()[place].charge_id})
    return worked_out(stage, history, Asked(reverse=ids))


def test_what_is_taken_back_of_a_month_gives_the_discount_to_the_next_event():
    stage = stage_of(MONTHLY)
    charged(stage, "1", "1", "1", "1")
    stage.batch(command_of(taken_back(stage, 0)))
    assert not stage.suspense()
    # 5 is taken back, and the third one is among the first two now.
    assert sum(D(charge.amount) for charge in stage.ledger()) == 5 + 5 + 10
    assert charged(stage, "1") == [10]


def test_a_month_that_may_take_of_what_is_given_once_is_corrected_with_the_others():
    stage = stage_of(ONCE)
    charged(stage, ("1", NOVEMBER), "1", "1")
    for month in ((OCTOBER, NOVEMBER), (NOVEMBER, DECEMBER)):
        with pytest.raises(HangsTogether, match=r"\(discounted:a-1/s:basic/x/once:record\)"):
            taken_back(stage, 0, month)
    history = history_of(stage, "a-1", NOVEMBER, DECEMBER)
    asked = Asked(reverse=frozenset({history.events()[0].charge_id}))
    stage.batch(command_of(corrected_together(stage, "a-1", {NOVEMBER}, asked)))
    assert not stage.suspense()
    # It was given in November; by now it is given to the first one of October.
    assert [(charge.usage_period_ms, D(charge.amount)) for charge in stage.ledger()[3:]] == [
        (OCTOBER, D(-10)),
        (NOVEMBER, D(0)),
    ]
    assert charged(stage, ("1", NOVEMBER), "1") == [10, 10]


def test_a_trial_gives_it_as_the_stage_does():
    scenario = """
Account on plan basic in EUR, zone Europe/Berlin

Scenario: the first of each month
    on 2026-10-24, 1 s of voice, charge 0.00 EUR
    on 2026-10-25 at 02:30, 1 s of voice, charge 10.00 EUR
    on 2026-11-01 at 00:00, 1 s of voice, charge 0.00 EUR
    on 2026-10-31 at 23:59, 1 s of voice, charge 10.00 EUR
    total 20.00 EUR
"""
    text = plan(ONCE.replace("times: 1", "times: 1, every: month"))
    result = run_folder({**files_of(text), "a.scenario": scenario.encode()})
    assert result.errors, "02:30 comes twice on that day"
    scenario = scenario.replace("on 2026-10-25 at 02:30", "on 2026-10-25 at 00:30 UTC")
    result = run_folder({**files_of(text), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]
