"""Laws of corrections: a month from which usage was taken back is the month without it, and one that
was rated anew is the one that the other prices give, to the last digit and counter."""

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counters.state import bucket_from_state
from pipeline.correcting.charges import reversals_of
from pipeline.correcting.together import HangsTogether
from pipeline.correcting.work_out import Asked
from pipeline.errors import CannotCorrect
from pipeline.verify.report import Check
from rating.catalogue import check, compile
from schemas.correction import CORRECTIONS, CorrectedCounter, CounterFigures
from schemas.decimals import to_text
from schemas.ledger import CORRECTION, REVERSAL, Charge, OtherRating, records_of
from sinks.charge_history import Under
from tests.correction_world import (
    REFERENCE,
    command_of,
    corrected_together,
    history_of,
    worked_out,
)
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.property.test_rate_month_laws import CATALOGUE, ENDS, UNITS, months, run, verified, world
from tests.rate_world import MemoryStage, account, event

# Another price of everything, and another shape of some.
DEARER = (
    CATALOGUE.replace("amount: 2, fee: 1", "amount: 3")
    .replace("amount: 0.10, free_records: 2", "amount: 0.20, free_records: 1")
    .replace("aggregate: latest", "aggregate: max")
    .replace("increments: 60/60", "increments: 1/1")
    .replace("units: 60 s", "units: 30 s")
    .replace("{from: 4, percent: 25}", "{from: 3, percent: 50}")
    # Other codes, another tax, another kind of product.
    .replace("      calls:", "      voice:")
    .replace("      daily:", "      each-day:")
    .replace("allowance: [daily, budget]", "allowance: [each-day, budget]")
    .replace("usage_kind: gauge, unit: kW", "usage_kind: gauge, unit: kW, tax_code: reduced")
    .replace("film: {type: film", "film: {type: video")
)
ANEW = compile(check({"plans.yaml": DEARER.encode()}).document, 9)


def figures(stage):
    """Return the counters that count anything; those that came to nothing again are as good as none."""
    found = {}
    for key, value in stage.state.items():
        if key[:1] == b"c" and not key.endswith(CORRECTIONS.encode()):
            bucket = bucket_from_state(value)
            numbers = (bucket.records, Decimal(bucket.quantity), Decimal(bucket.amount))
            if any(numbers):
                found[key] = numbers
    return found


def sums(stage):
    """Return what each price of a subscription's month came to, and what its products were used."""
    found = defaultdict(lambda: [Decimal(0)] * 3)
    for record in stage.ledger():
        if isinstance(record, Charge):
            month = record.subscription_id, record.usage_period_ms
            add(found[*month, record.price_id], record.billed, record.free, record.amount)
            # Charges of events keep the price id that they had: a correction is none of an event.
            add(found[*month, "", record.product], records_of(record.usage_kind), record.used)
    return {key: value for key, value in found.items() if any(value)}


def add(sums_, *figures):
    for place, figure in enumerate(figures):
        sums_[place] += Decimal(figure)


def usage_of(history, chosen):
    rows = history.events()
    return frozenset(row.charge_id for place, row in enumerate(rows) if place in chosen)


def without(records, stage, ids):
    """Return the records but for those that were charged under these ids."""
    offsets = {
        charge.source_offset
        for charge in stage.ledger()
        if isinstance(charge, Charge) and charge.charge_id in ids
    }
    return [record for offset, record in enumerate(records) if offset not in offsets]


MORE = [
    event(1_000 + number, product, at_ms=SEPTEMBER + number, quantities={unit: Decimal(9)})
    for number, (product, unit) in enumerate(sorted(UNITS.items()))
]


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_that_was_taken_back_might_as_well_never_have_been(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids, reason="test"))
    stage.batch(command_of(found))
    assert not stage.suspense()
    never = run(world(), without(records, stage, ids), ())
    assert figures(stage) == figures(never)
    assert sums(stage) == sums(never)
    assert not verified(stage)
    # What comes after it is charged as if there had been none.
    offset = len(stage.appends)
    stage.batch(*MORE)
    later = [a.value for a in stage.appends[offset:]]
    assert len(later) == len(never.batch(*MORE))
    assert figures(stage) == figures(never)
    assert sums(stage) == sums(never)


@given(months())
def test_a_month_that_was_rated_anew_is_what_the_other_prices_give(records):
    stage = run(world(), records, ())
    anew = run(MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=ANEW), records, ())
    asked = Asked(rerate=Under(9, REFERENCE))
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ENDS.items():
            history = history_of(stage, who, start_ms, end_ms)
            found = worked_out(stage, history, asked, ANEW)
            if found is not None:
                stage.batch(command_of(found))
    assert not stage.suspense()
    assert sums(stage) == sums(anew)
    assert figures(stage) == figures(anew)
    assert not verified(stage)
    # Once more: there is nothing left to correct, and charges can still be taken back.
    for who in ("a-1", "a-2"):
        history = history_of(stage, who, SEPTEMBER, OCTOBER)
        assert worked_out(stage, history, asked, ANEW) is None


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_may_be_taken_back_from_a_month_that_was_rated_anew(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    first = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), ANEW)
    if first is None:
        return
    stage.batch(command_of(first))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids), ANEW)
    stage.batch(command_of(found))
    assert not stage.suspense()
    accounts = (account("a-1"), account("a-2"))
    never = run(MemoryStage(accounts=accounts, catalogue=ANEW), without(records, stage, ids), ())
    of_month = {key: value for key, value in sums(stage).items() if key[1] == SEPTEMBER}
    expected = {key: value for key, value in sums(never).items() if key[1] == SEPTEMBER}
    assert {k: v for k, v in of_month.items() if k[0] == "a-1/s"} == {
        k: v for k, v in expected.items() if k[0] == "a-1/s"
    }
    assert not verified(stage)


@given(months(), st.sets(st.integers(0, 8), min_size=1), st.integers(0, 5))
def test_a_correction_of_a_month_that_has_changed_takes_no_effect(records, chosen, which):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids))
    products = {row.product for row in history.rows}
    late = [one for one in MORE if one.product in products]
    stage.batch(late[which % len(late)])
    before = dict(stage.state), len(stage.ledger())
    stage.batch(command_of(found))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    assert (dict(stage.state), len(stage.ledger())) == before


def test_a_correction_takes_effect_once():
    records = [event(n, "data", quantity="9", at_ms=SEPTEMBER) for n in range(3)]
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {0})))
    assert worked_out(stage, history, Asked(reverse=usage_of(history, {0}))) == found
    stage.batch(command_of(found), command_of(found, batch=1))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    kinds = [c.usage_kind for c in stage.ledger() if isinstance(c, Charge)]
    assert kinds.count(REVERSAL) == 1
    assert kinds[-1] == CORRECTION
    # 27 MB at 0.5 were 13.50; 18 MB at 1 are 18, without the 9 that were 19 when they were charged.
    assert sum(Decimal(c.amount) for c in stage.ledger() if isinstance(c, Charge)) == 18


def flat(*quantities):
    records = [event(n, "film", quantity=q, at_ms=SEPTEMBER) for n, q in enumerate(quantities)]
    return run(world(), records, ())


def test_what_was_worked_out_before_another_correction_takes_no_effect():
    """Although every counter of the month is the same again."""
    stage = flat("1", "1")
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    one, other = (
        worked_out(stage, history, Asked(reverse=usage_of(history, {0}), reason=reason))
        for reason in ("first", "second")
    )
    stage.batch(command_of(one))
    stage.batch(event(7, "film", at_ms=SEPTEMBER))
    stage.batch(command_of(other))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    assert sum(c.usage_kind == REVERSAL for c in stage.ledger() if isinstance(c, Charge)) == 1
    # Worked out again it is another job than the one that was refused.
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    again = worked_out(stage, history, Asked(reverse=usage_of(history, {1}), reason="second"))
    assert again.correction.job_id not in {one.correction.job_id, other.correction.job_id}


def test_a_close_in_between_makes_a_correction_stale():
    """The close asks for nothing, since 12 messages cost its least; with one less it would."""
    records = [event(n, "sms", at_ms=SEPTEMBER) for n in range(12)]
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {0})))
    stage.batch(period_close(SEPTEMBER, OCTOBER), command_of(found))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=usage_of(history, {0})))))
    charges = [one for one in stage.ledger() if isinstance(one, Charge) and one.product == "sms"]
    assert sum(Decimal(one.amount) for one in charges) == 1


def test_a_record_that_would_be_filtered_is_taken_back_first():
    records = [event(n, "data", quantity=q, at_ms=SEPTEMBER) for n, q in enumerate(("0", "8"))]
    stage = run(world(), records, ())
    text = CATALOGUE.replace(
        "usage_kind: data, unit: MB", "usage_kind: data, unit: MB, zero_usage: filter"
    )
    filtering = compile(check({"plans.yaml": text.encode()}).document, 9)
    asked = Asked(rerate=Under(9, REFERENCE))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    first = history.events()[0].charge_id
    with pytest.raises(CannotCorrect, match=f"1 records would be filtered.*{first}"):
        worked_out(stage, history, asked, filtering)
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=frozenset({first})))))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    assert worked_out(stage, history, asked, filtering) is None


def test_usage_is_not_counted_in_another_unit_behind_its_back():
    stage = run(world(), [event(1, "data", quantity="8", at_ms=SEPTEMBER)], ())
    text = CATALOGUE.replace("unit: MB}", "unit: kB}")
    other = compile(check({"plans.yaml": text.encode()}).document, 9)
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    with pytest.raises(CannotCorrect, match="no price"):
        worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), other)


def test_the_reconciliation_sees_a_charge_that_was_taken_back_twice():
    stage = flat("1", "1")
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    asked = Asked(reverse=usage_of(history, {0}))
    stage.batch(command_of(worked_out(stage, history, asked)))
    # As if nobody had compared: the second one is worked out from where the first one left off.
    unaware = msgspec.structs.replace(
        history_of(stage, "a-1", SEPTEMBER, OCTOBER), rows=history.rows
    )
    found = worked_out(stage, unaware, asked)
    counters = {
        each.counter: CorrectedCounter(
            each.counter, each.period_start_ms, each.after, lower(each.after, each)
        )
        for each in found.correction.counters
    }
    correction = msgspec.structs.replace(
        found.correction, job_id="1" * 32, counters=tuple(counters.values())
    )
    stage.batch(command_of(msgspec.structs.replace(found, correction=correction)))
    assert not stage.suspense()
    assert [each.check for each in verified(stage)] == [Check.LEDGER_UNIQUE]


def lower(figures, each):
    """Return a counter after the same difference once more."""
    if each.counter == CORRECTIONS:
        return CounterFigures(figures.records + 1)
    texts = zip(
        (figures.quantity, figures.amount),
        (each.before.quantity, each.before.amount),
        (each.after.quantity, each.after.amount),
        strict=True,
    )
    records = figures.records + each.after.records - each.before.records
    return CounterFigures(
        records, *[to_text(Decimal(a) + Decimal(n) - Decimal(b)) for a, b, n in texts]
    )


def test_a_reversal_says_where_the_usage_went():
    """So that what is summed by destination loses it where it had it."""
    steps = (("price", "p/x", ""), ("prefix", "49", "Germany", "world"), ("flat", "1"))
    stage = flat("1", "1")
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    rows = tuple(msgspec.structs.replace(row, explanation=steps) for row in history.rows)
    history = msgspec.structs.replace(history, rows=rows)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {0})))
    (reversal,) = found.correction.charges
    assert reversal.explanation == (("reversed", rows[0].charge_id), steps[1])


def test_a_month_that_would_take_of_others_by_the_new_prices_is_none_alone():
    stage = run(world(), [event(1, "voice", quantity="90", at_ms=OCTOBER)], ())
    text = CATALOGUE.replace(
        "daily: {units: 60 s, every: day}", "daily: {units: 60 s, rolls_over: {months: 1}}"
    )
    rolling = compile(check({"plans.yaml": text.encode()}).document, 9)
    history = history_of(stage, "a-1", OCTOBER, NOVEMBER)
    asked = Asked(rerate=Under(9, REFERENCE))
    with pytest.raises(HangsTogether, match=r"takes of what other months take of.*basic/daily"):
        worked_out(stage, history, asked, rolling)
    # 90 s are none of the minute of a day by now, but of what October and September have.
    stage.batch(command_of(corrected_together(stage, "a-1", {OCTOBER}, asked, rolling)))
    assert not stage.suspense()
    assert figures(stage) == figures(run(MemoryStage(catalogue=rolling), [stage.values[0]], ()))


def test_what_was_nothing_is_taken_back_as_nothing_without_a_sign():
    """Rate takes no zero below zero, and the charge could never be taken back."""
    rating = OtherRating(
        name="cost",
        plan="carrier",
        price_id="carrier/film",
        billed="-1",
        amount="-0.00",
        currency="EUR",
        explanation=(),
    )
    stage = flat("1")
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    (row,) = history.rows
    as_it_was = msgspec.structs.replace(row, free="-0.00", other_ratings=(rating,))
    (reversal,) = reversals_of((as_it_was,), Asked())
    assert reversal.free == "0.00"
    assert [(one.billed, one.amount) for one in reversal.other_ratings] == [("1", "0.00")]


def test_only_counters_change_beside_a_product_that_was_all_taken_back():
    """Nothing is counted of that product any more, and it stands before the other one."""
    records = [
        event(1, "hotline", at_ms=SEPTEMBER, quantities={"min": Decimal(0)}),
        event(2, "voice", at_ms=SEPTEMBER, quantities={"s": Decimal(30)}),
    ]
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    (hotline,) = (row.charge_id for row in history.rows if row.product == "hotline")
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=frozenset({hotline})))))
    text = CATALOGUE.replace("      daily:", "      each-day:").replace("[daily,", "[each-day,")
    renamed = compile(check({"plans.yaml": text.encode()}).document, 9)
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), renamed)
    stage.batch(command_of(found))
    assert not stage.suspense()
    assert not verified(stage)
