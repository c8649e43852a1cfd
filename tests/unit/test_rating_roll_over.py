"""Allowances that roll over: what is taken of which month, what the check refuses, and how it is said."""

import json
from decimal import Decimal

import msgspec
import pytest

from rating.catalogue import check, compile
from rating.catalogue.differences import diff
from rating.catalogue.document_parts import document_from_parts, document_to_parts
from rating.counting import Counter, CounterKind
from rating.earlier_months import months_before, months_had
from rating.explain import sentences
from rating.price.allowance import Allowance, RollOver, TakenFirst
from rating.roll_over import EarlierMonths, counters_of, give
from rating.scenario import run_folder
from schemas.ids import adjustment_id
from schemas.ledger import ADJUSTMENT
from schemas.period import month_start_ms
from tests.ledger_builders import OCTOBER
from tests.rate_world import MemoryStage, account, event
from tests.rating_builders import Bucket, document_of, files_of

D = Decimal
CODES = ("allowance", "rolled")
EARLIER = EarlierMonths(("2026-09", "2026-08", ""), ("2026-09", "2026-08", "2026-07"))


def allowance(size=10, *, step=None, shared=False, **rolls):
    roll = {"months": 3, "upto": D(size), **rolls}
    return Allowance(
        "p/a",
        D(size),
        step=None if step is None else D(step),
        shared=shared,
        rolls_over=RollOver(**roll),
    )


def given_by(found, *taken, wanted, earlier=EARLIER):
    """Return what is free, and what of each month is taken; ``taken``: before, of the month itself and
    of those before it, with what later months had of it."""
    before = [Bucket(), *[Bucket()] * 2 * found.rolls_over.months]
    for back, each in enumerate(taken):
        own, later = each if isinstance(each, tuple) else (each, 0)
        before[2 * back - 1 if back else 0] = Bucket(1, D(own))
        if back:
            before[2 * back] = Bucket(1, D(later))
    came = give(found, earlier, before, D(wanted), CODES)
    quantities = [None if count is None else int(count[0]) for count in came.counts]
    assert quantities[1::2] == quantities[2::2], "what later months have is counted twice"
    return int(came.free), quantities[::2][:1] + quantities[1::2]


@pytest.mark.parametrize(
    ("rolls", "taken", "wanted", "free", "of_months"),
    [
        pytest.param({}, (), 4, 4, [None, None, 4, None], id="the oldest is taken first"),
        pytest.param({}, (), 14, 14, [None, 4, 10, None], id="then the next one"),
        pytest.param({}, (), 40, 30, [10, 10, 10, None], id="then the month itself, and no more"),
        pytest.param({}, (0, (7, 2), (10, 3)), 4, 4, [1, 3, None, None], id="what is left of each"),
        pytest.param({"upto": D(5)}, (), 12, 12, [2, 5, 5, None], id="no more than upto of each"),
        pytest.param({"upto": D(5)}, (0, (4, 4), 8), 9, 9, [6, 1, 2, None], id="of it was taken"),
        pytest.param({"upto": D(5)}, (0, (7, 7), 10), 3, 3, [3, None, None, None], id="a lower one"),
        pytest.param({"months": 1}, (), 15, 15, [5, 10], id="older ones have expired"),
        pytest.param({"since": "2026-09"}, (), 15, 15, [5, 10, None, None], id="since September"),
        pytest.param({"since": "2026-11"}, (), 15, 10, [10, None, None, None], id="not yet"),
        pytest.param(
            {"order": TakenFirst.CURRENT_FIRST}, (3,), 9, 9, [7, None, 2, None], id="its own first"
        ),
        pytest.param({"shared": True}, (), 5, 5, [None, None, None, 5], id="of the account"),
        pytest.param({"step": 4}, (), 9, 9, [None, 4, 8, None], id="whole steps of each"),
        pytest.param({"step": 4}, (), 100, 24, [8, 8, 8, None], id="parts of steps are no step"),
        pytest.param({"size": 4}, (9, 9, 9), 1, 0, [None] * 4, id="the allowance became smaller"),
    ],
)  # fmt: skip
def test_what_is_taken_of_which_month(rolls, taken, wanted, free, of_months):
    assert given_by(allowance(**rolls), *taken, wanted=wanted) == (free, of_months)


def test_nothing_rolls_over_where_nobody_says_who_was_there():
    found = given_by(allowance(), wanted=15, earlier=EarlierMonths())
    assert found == (10, [10, None, None, None])


def test_the_counters_are_of_the_month_that_gives():
    assert counters_of(allowance(months=1, shared=True), currency="EUR") == (
        Counter(CounterKind.ALLOWANCE, "p/a", shared=True, currency="EUR"),
        Counter(CounterKind.ALLOWANCE, "p/a", shared=True, currency="EUR", months_back=1),
        Counter(CounterKind.ROLLED, "p/a", shared=True, currency="EUR", months_back=1),
    )


def test_the_steps_name_the_month():
    came = give(allowance(upto=D(5)), EARLIER, [Bucket()] * 7, D(7), CODES)
    assert came.steps == (
        ("rolled", "p/a", "2026-08", "5", "5"),
        ("rolled", "p/a", "2026-09", "5", "2"),
    )
    came = give(allowance(order=TakenFirst.CURRENT_FIRST), EARLIER, [Bucket()] * 7, D(12), CODES)
    assert came.steps == (
        ("allowance", "p/a", "10", "0", "10"),
        ("rolled", "p/a", "2026-08", "10", "2"),
    )


# --- who was there ---

MONTHS = months_before(month_start_ms("Europe/Berlin", 2026, 10), zone="Europe/Berlin", count=3)
SEPTEMBER, AUGUST, JULY = (month.start_ms for month in MONTHS)


@pytest.mark.parametrize(
    ("spans", "names"),
    [
        pytest.param([], ("", "", ""), id="never"),
        pytest.param([(0, None)], ("2026-09", "2026-08", "2026-07"), id="always"),
        pytest.param(
            [(SEPTEMBER - 1, None)], ("2026-09", "2026-08", ""), id="an instant of August"
        ),
        pytest.param([(SEPTEMBER, None)], ("2026-09", "", ""), id="from its first instant on"),
        pytest.param([(0, AUGUST)], ("", "", "2026-07"), id="the end is not in it"),
        pytest.param([(0, AUGUST + 1)], ("", "2026-08", "2026-07"), id="an instant more"),
        pytest.param([(AUGUST, AUGUST)], ("", "", ""), id="an entry of no time"),
        pytest.param([(0, JULY), (SEPTEMBER, None)], ("2026-09", "", ""), id="with a gap"),
    ],
)
def test_months_in_which_somebody_was_there(spans, names):
    assert months_had(MONTHS, spans) == names


# --- the catalogue ---


def plan(data, extra=""):
    return f"""
    plans:
      p:
        currency: EUR
        allowances:
          data: {data}
        prices:
          x: {{product: data, price: {{model: per_unit, amount: 1, per: 1 GB, allowance: data}}}}
    {extra}
    """


@pytest.mark.parametrize(
    ("stated", "field", "expected", "found"),
    [
        pytest.param(
            "{units: 1 GB, every: day, rolls_over: {months: 1}}",
            *("rolls_over", "an allowance of the month: what is left of a day is lost with it"),
            "every: day", id="of a day",
        ),
        pytest.param("{units: 1 GB, rolls_over: {upto: 1 MB}}", "rolls_over.months",
                     "the key months", "no such key", id="for how long"),
        pytest.param("{units: 1 GB, rolls_over: {months: 13}}", "rolls_over.months",
                     "a whole number from 1 to 12", "'13'", id="for ever"),
        pytest.param("{units: 1 GB, rolls_over: {months: 0}}", "rolls_over.months",
                     "a whole number from 1 to 12", "'0'", id="into no month"),
        pytest.param("{units: 1 GB, rolls_over: {months: 1, upto: 2 GB}}", "rolls_over.upto",
                     "no more than the allowance itself, 1000000000 B", "2000000000 B", id="more"),
        pytest.param("{amount: 5, rolls_over: {months: 1, upto: 6}}", "rolls_over.upto",
                     "no more than the allowance itself, 5 EUR", "6 EUR", id="more money"),
        pytest.param("{amount: 5, rolls_over: {months: 1, upto: 0}}", "rolls_over.upto",
                     "an amount above zero; without rolls_over nothing is left", "0 EUR", id="none"),
        pytest.param(
            "{units: 1 GB, consume: steps, step: 10 MB, rolls_over: {months: 1, upto: 9 MB}}",
            *("rolls_over.upto", "at least one step, 10000000 B, for it gives whole ones"),
            "9000000 B", id="less than a step",
        ),
        pytest.param("{units: 1 GB, rolls_over: {months: 1, order: newest}}", "rolls_over.order",
                     "oldest_first, current_first", "'newest'", id="no such order"),
        pytest.param("{units: 1 GB, rolls_over: {months: 1, since: 2026-13}}", "rolls_over.since",
                     "a month such as 2026-10", "'2026-13'", id="no such month"),
        pytest.param("{units: 1 GB, rolls_over: 2}", "rolls_over",
                     "a mapping with months", "'2'", id="a number"),
    ],
)  # fmt: skip
def test_what_the_check_refuses(stated, field, expected, found):
    (error,) = check(files_of(plan(stated))).errors
    assert (error.field, error.expected, error.found) == (
        f"plans.p.allowances.data.{field}",
        expected,
        found,
    )


def test_a_product_whose_usage_is_given_back_has_none():
    text = plan("{units: 1 GB, rolls_over: {months: 1}}").replace(
        "product: data", "product: corrected"
    )
    text = text.replace("1 GB", "60 s")
    (error,) = check(files_of(text)).errors
    assert error.found == "allowance, which nobody can give back"


def document(data):
    return document_of(files_of(plan(data)))


ROLLING = (
    "{units: 10 GB, rolls_over: {months: 2, upto: 5 GB, order: current_first, since: 2026-10}}"
)


def test_a_published_catalogue_that_rolls_over_is_refused_by_who_does_not_know_it():
    plain, rolling = document("{units: 10 GB}"), document(ROLLING)
    heads = [document_to_parts(each)[0] for each in (plain, rolling)]
    assert [json.loads(head)["format"] for head in heads] == [3, 5]
    assert b"rolls_over" not in heads[0]
    assert document_from_parts(heads[1], {}) == rolling


def test_differences_say_it():
    said = [str(each) for each in diff(document("{units: 10 GB}"), document(ROLLING))]
    assert said == [
        "plan p, allowance data, rolls over: not at all -> into the next 2 months, up to 5 GB, after "
        "that of the month itself, from 2026-10 on"
    ]
    one, other = (
        document(f"{{amount: 5, rolls_over: {{months: 1{more}}}}}") for more in ("", ", upto: 2")
    )
    assert [str(each) for each in diff(one, other)] == [
        "plan p, allowance data, rolls over: into the next month -> into the next month, up to 2 EUR"
    ]


def test_a_plan_that_extends_another_may_let_its_allowance_roll_over():
    text = plan(
        "{units: 10 GB}",
        "  more:\n        extends: p\n        allowances: {data: {units: 10 GB, rolls_over: {months: 1}}}",
    )
    plans = compile(document_of(files_of(text)), 1).plans
    (base,), (more,) = (plans[code].offers["data"].entries for code in ("p", "more"))
    assert (base.rules[0].months_rolled, more.rules[0].months_rolled) == (0, 1)


# --- scenarios ---

SCENARIO = """
Account on plan p in EUR, zone Europe/Berlin
{subscriptions}
Scenario: x
{lines}
"""


def played(lines, *subscriptions, data="{units: 10 GB, rolls_over: {months: 1}}", extra=""):
    text = SCENARIO.format(
        subscriptions="".join(f"\nSubscription {each}\n" for each in subscriptions),
        lines="\n".join(f"    {each}" for each in lines),
    )
    result = run_folder({**files_of(plan(data, extra)), "a.scenario": text.encode()})
    assert not result.errors, result.errors
    return [str(failure) for failure in result.failures]


def test_a_subscription_that_says_since_when_has_the_months_since_then():
    lines = [
        "on 2026-10-05, 25 GB of data by a, 20 GB free, charge 5.00 EUR",
        "on 2026-10-05, 25 GB of data by b, 10 GB free, charge 15.00 EUR",
        "total 20.00 EUR",
    ]
    assert not played(lines, "a from 2026-09-30", "b from 2026-10-01")


def test_a_subscription_that_does_not_has_them_since_its_earliest_usage():
    lines = [
        "on 2026-10-05, 25 GB of data, 10 GB free, charge 15.00 EUR",
        "on 2026-11-05, 1 GB of data, 1 GB free, charge 0.00 EUR",
        "on 2026-08-05, 4 GB of data, 4 GB free, charge 0.00 EUR",
        "on 2026-09-05, 17 GB of data, 16 GB free, charge 1.00 EUR",
        "total 16.00 EUR",
    ]
    assert not played(lines)


def test_what_is_shared_counts_the_months_of_every_subscription():
    lines = [
        "on 2026-10-05, 25 GB of data by b, 20 GB free, charge 5.00 EUR",
        "on 2026-09-05, 1 GB of data by a, 0 GB free, charge 1.00 EUR",
        "total 6.00 EUR",
    ]
    data = "{units: 10 GB, shared_by: account, rolls_over: {months: 1}}"
    subscriptions = ("a from 2026-09-01 to 2026-10-01", "b from 2026-10-01")
    assert not played(lines, *subscriptions, data=data)


def test_subscriptions_on_another_plan_share_nothing():
    lines = ["on 2026-10-05, 25 GB of data by b, 10 GB free, charge 15.00 EUR", "total 15.00 EUR"]
    data = "{units: 10 GB, shared_by: account, rolls_over: {months: 1}}"
    subscriptions = ("a on plan other from 2026-09-01", "b from 2026-10-01")
    assert not played(lines, *subscriptions, data=data, extra="  other: {extends: p}")


def test_records_that_take_nothing_of_it_leave_the_others_counters_where_they_are():
    """Those behind the free records of the month; the tier counts on."""
    data = "{units: 10 GB, rolls_over: {months: 2}}"
    tiers = "{model: graduated, per: 1 GB, tiers: [{upto: 5 GB, amount: 1}, {amount: 2}], free_records: 1"
    text = plan(data).replace("{model: per_unit, amount: 1, per: 1 GB", tiers)
    lines = ["5 GB of data, charge 0.00 EUR", "5 GB of data, charge 5.00 EUR"]
    lines += ["5 GB of data, charge 10.00 EUR"]
    lines += ["on 2026-09-05, 5 GB of data, 5 GB free, charge 0.00 EUR", "total 15.00 EUR"]
    since = "\nSubscription a from 2026-09-01\n"
    scenario = SCENARIO.format(
        subscriptions=since, lines="\n".join(f"    {each}" for each in lines)
    )
    result = run_folder({**files_of(text), "a.scenario": scenario.encode()})
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


# --- the rate step ---

ROLLS = document_of(
    files_of(
        """
        plans:
          basic:
            currency: EUR
            allowances:
              data: {units: 10 B, rolls_over: {months: 1}}
              budget: {amount: 1.00, rolls_over: {months: 1}}
              seconds: {units: 1 s, rolls_over: {months: 2}}
            prices:
              x: {product: data, price: {model: per_unit, amount: 1, per: 1 B, allowance: data}}
              m: {product: message, price: {model: flat, amount: 1.50, allowance: budget}}
              v:
                product: voice
                price:
                  model: volume
                  per: 1 s
                  allowance: seconds
                  tiers: [{upto: 10 s, amount: 2}, {amount: 1}]
        """
    )
)


def stage_of(*entries):
    own = account()
    (entry,) = own.subscriptions
    found = tuple(
        msgspec.structs.replace(entry, valid_from_ms=from_ms, valid_to_ms=to_ms, plan=plan)
        for from_ms, to_ms, plan in entries
    )
    return MemoryStage(
        accounts=(msgspec.structs.replace(own, subscriptions=found),), catalogue=compile(ROLLS, 7)
    )


def used(number, quantity, **fields):
    return event(number, "data", quantities={"B": D(quantity)}, **fields)


START = month_start_ms("UTC", 2026, 9)


@pytest.mark.parametrize(
    ("entries", "free"),
    [
        pytest.param([(START, None, "basic")], "20", id="there all of September"),
        pytest.param([(OCTOBER - 1, None, "basic")], "20", id="at its last instant"),
        pytest.param([(OCTOBER, None, "basic")], "10", id="from October on"),
        pytest.param(
            [(START, OCTOBER, "other"), (OCTOBER, None, "basic")], "10", id="on another plan"
        ),
        pytest.param(
            [(START, OCTOBER - 9, "basic"), (OCTOBER, None, "basic")], "20", id="another entry"
        ),
    ],
)
def test_only_months_count_in_which_the_subscription_was_on_the_plan(entries, free):
    stage = stage_of(*entries)
    stage.batch(used(1, 50))
    (charge,) = stage.ledger()
    assert charge.free == free


def test_new_reference_data_says_who_was_there_from_the_next_batch_on():
    stage = stage_of((OCTOBER, None, "basic"))
    stage.batch(used(1, 12))
    longer = stage_of((0, None, "basic")).step.reference.accounts.values()
    stage.step.reference.apply(longer, version=9)
    stage.batch(used(2, 12))
    assert [charge.free for charge in stage.ledger()] == ["10", "10"]


def test_the_charge_explains_itself():
    stage = stage_of((0, None, "basic"))
    stage.batch(used(1, 12), event(2, "message", quantities={"record": D(1)}))
    data, message = map(sentences, stage.ledger())
    assert (
        "Of 2026-09 10 B of allowance basic/data were left to later months: 10 B is free." in data
    )
    assert "Allowance basic/data of 10 B a month had 10 B left: 2 B is free." in data
    assert (
        "Of 2026-09 1.00 EUR of allowance basic/budget were left to later months: 1.00 EUR is paid by it."
        in message
    )
    assert (
        "Allowance basic/budget of 1.00 EUR a month had 1.00 EUR left: 0.50 EUR is paid by it."
        in message
    )


def test_an_adjustment_is_of_the_tier_that_it_restates():
    stage = stage_of((OCTOBER, None, "basic"))
    calls = [event(number, "voice", quantities={"s": D(10)}) for number in (1, 2)]
    stage.batch(*calls)
    _, adjusted, charge = stage.ledger()
    assert (adjusted.usage_kind, adjusted.amount) == (ADJUSTMENT, "-9.0000000000")
    assert adjusted.charge_id == adjustment_id(
        charge_id=charge.charge_id, counter="tier:a-1/s:basic/v:s"
    )
