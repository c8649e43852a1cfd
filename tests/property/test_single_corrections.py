"""Laws of corrections that point at their charges: together they are what the month changes by, and a
single charge that is rated anew leaves the others as they were."""

import contextlib
from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.correcting import work_out as working_out
from pipeline.correcting.sums import price_of
from pipeline.correcting.work_out import Asked, Detail
from pipeline.errors import CannotCorrect
from pipeline.rate_step import RateStep
from rating.explain import sentences
from schemas.ledger import CORRECTION, Charge
from sinks.charge_history import Under
from tests.correction_world import REFERENCE, command_of, history_of, worked_out
from tests.ledger_builders import OCTOBER, SEPTEMBER
from tests.property.test_correction_laws import (
    ANEW,
    ENDS,
    MORE,
    figures,
    flat,
    sums,
    usage_of,
    without,
)
from tests.property.test_rate_month_laws import months, run, verified, world
from tests.rate_world import MemoryStage, account, event

NEWEST = Under(9, REFERENCE)


def anew(stage, history, only=(), **asked):
    """Return what rates a month anew, or these charges of it."""
    return worked_out(stage, history, Asked(rerate=NEWEST, only=frozenset(only), **asked), ANEW)


def by_original(stage):
    """Return what each charge that is no correction came to by all that corrects it."""
    found = defaultdict(Decimal)
    for one in stage.ledger():
        if isinstance(one, Charge):
            found[one.corrects or one.charge_id] += Decimal(one.amount)
    return found


def corrections_of(stage):
    return [
        one for one in stage.ledger() if isinstance(one, Charge) and one.usage_kind == CORRECTION
    ]


class Mixed:
    """A month in which some charges are rated by other prices: as a worker would that knew which."""

    def __init__(self, records, chosen):
        self.stage = world()
        old = self.stage.step
        new = RateStep(catalogue=ANEW, reference=old.reference)
        for record in records:
            self.stage.step = new if record in chosen else old
            self.stage.batch(record)
        self.stage.step = old


def chosen_of(records, stage, ids):
    offsets = {
        charge.source_offset
        for charge in stage.ledger()
        if isinstance(charge, Charge) and charge.charge_id in ids
    }
    return [record for offset, record in enumerate(records) if offset in offsets]


@settings(max_examples=50)
@given(months(), st.sets(st.integers(0, 8)))
def test_corrections_of_charges_are_to_the_last_digit_those_of_prices(records, chosen):
    """Whether usage is taken back or a month is rated anew: the same sums, the same counters."""
    each, summed = run(world(), records, ()), run(world(), records, ())
    history = history_of(each, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    asked = Asked(reverse=ids) if ids else Asked(rerate=NEWEST)
    by_charge = worked_out(each, history, asked, ANEW)
    by_price = worked_out(each, history, msgspec.structs.replace(asked, is_summed=True), ANEW)
    if by_charge is None:
        assert by_price is None
        return
    assert (by_charge.detail, by_price.detail) == (Detail.STEPS, Detail.SUMS)
    assert by_charge.correction.counters == by_price.correction.counters
    assert by_charge.lines == by_price.lines
    each.batch(command_of(by_charge))
    summed.batch(command_of(by_price))
    assert not each.suspense()
    assert not summed.suspense()
    assert sums(each) == sums(summed)
    assert figures(each) == figures(summed)
    assert not verified(each)
    assert not verified(summed)
    assert all(one.corrects is None for one in corrections_of(summed))
    for correction in corrections_of(each):
        assert sentences(correction)[-1].startswith("Charge: ")


@settings(max_examples=50)
@given(months())
def test_each_charge_comes_to_what_the_other_prices_give_it(records):
    """Of usage: what the ledger says of a charge and its corrections is what it costs anew."""
    stage, other = run(world(), records, ()), world()
    other.step = RateStep(catalogue=ANEW, reference=other.step.reference)
    run(other, records, ())
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ENDS.items():
            found = anew(stage, history_of(stage, who, start_ms, end_ms))
            if found is not None:
                stage.batch(command_of(found))
    comes_to = by_original(stage)
    for one in other.ledger():
        if isinstance(one, Charge) and one.usage_kind not in ("adjustment", "closing"):
            assert comes_to[one.charge_id] == Decimal(one.amount)
    # Each says what its own came to under its price, and comes to.
    stands = defaultdict(Decimal)
    for one in stage.ledger():
        if isinstance(one, Charge):
            place = one.corrects or one.charge_id, price_of(one)
            if one.corrects is not None:
                (step,) = [step for step in one.explanation if step[0] == "corrected"]
                assert (Decimal(step[1]), Decimal(step[2])) == (
                    stands[place],
                    stands[place] + Decimal(one.amount),
                )
            stands[place] += Decimal(one.amount)


@settings(max_examples=50)
@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_charges_rated_anew_leave_the_rest_of_the_month_to_its_own_prices(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = anew(stage, history, ids)
    mixed = Mixed(records, chosen_of(records, stage, ids)).stage
    if found is None:
        assert sums(stage) == sums(mixed)
        assert figures(stage) == figures(mixed)
        return
    stage.batch(command_of(found))
    assert not stage.suspense()
    assert sums(stage) == sums(mixed)
    assert figures(stage) == figures(mixed)
    assert not verified(stage)
    # Each of them says under what it counts by now; asked for once more there is nothing to correct.
    named = {one.corrects for one in corrections_of(stage)}
    assert ids <= named
    assert anew(stage, history_of(stage, "a-1", SEPTEMBER, OCTOBER), ids) is None
    # What comes after it is charged as if it had been so from the start.
    stage.batch(*MORE)
    mixed.batch(*MORE)
    assert figures(stage) == figures(mixed)
    assert sums(stage) == sums(mixed)


@settings(max_examples=50)
@given(months(), st.sets(st.integers(0, 8), min_size=1), st.sets(st.integers(0, 8), min_size=1))
def test_after_single_charges_were_rated_anew_others_may_be_taken_back(records, first, second):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, first)
    found = anew(stage, history, ids) if ids else None
    if found is None:
        return
    stage.batch(command_of(found))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    gone = usage_of(history, second)
    if not gone:
        return
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=gone), ANEW)))
    assert not stage.suspense()
    left = without(records, stage, gone)
    never = Mixed(left, chosen_of(records, stage, ids)).stage
    assert sums(stage) == sums(never)
    assert figures(stage) == figures(never)
    assert not verified(stage)
    for charge_id in gone:
        assert by_original(stage)[charge_id] == 0


@settings(max_examples=50)
@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_a_month_rated_anew_after_single_charges_is_the_month_rated_anew(records, chosen):
    stage = run(world(), records, ())
    ids = usage_of(history_of(stage, "a-1", SEPTEMBER, OCTOBER), chosen)
    other = run(MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=ANEW), records, ())
    for only in (ids, ()):
        found = anew(stage, history_of(stage, "a-1", SEPTEMBER, OCTOBER), only)
        if found is not None:
            stage.batch(command_of(found))
    assert not stage.suspense()

    def of_month(stage):
        return {key: value for key, value in sums(stage).items() if key[:2] == ("a-1/s", SEPTEMBER)}

    assert of_month(stage) == of_month(other)
    assert not verified(stage)
    assert anew(stage, history_of(stage, "a-1", SEPTEMBER, OCTOBER)) is None


def test_a_reversal_unwinds_the_tiers_of_the_charges_behind_it():
    records = [event(n, "sms", at_ms=SEPTEMBER + n) for n in range(5)]
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    first, _, third, *_ = history.events()
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=frozenset({first.charge_id})))))
    (correction,) = corrections_of(stage)
    # Two messages of the month are free: without the first one the third is, and no other moves.
    assert correction.corrects == third.charge_id
    assert Decimal(correction.amount) == Decimal("-0.10")
    assert correction.started_at_ms == third.started_at_ms
    assert correction.record_id == third.record_id


def test_a_correction_says_what_its_charge_should_have_been_and_why():
    stage = run(world(), [event(n, "sms", at_ms=SEPTEMBER + n) for n in range(3)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    charge_id = history.events()[2].charge_id
    stage.batch(command_of(anew(stage, history, {charge_id}, reason="a test")))
    (correction,) = corrections_of(stage)
    assert sentences(correction) == [
        f"Charge {charge_id} for 1 record of sms should have been:",
        "Price basic/message of catalogue version 9.",
        "One price for each event: 0.20 EUR.",
        "Rounded half up to 10 decimal places.",
        f"Under price basic/message charge {charge_id} came to 0.10 EUR, and comes to 0.20 EUR.",
        "The charge was rated anew by catalogue version 9 and version 2 of the reference data, the rest of "
        "the month as it was.",
        "Reason: a test.",
        "Charge: 0.10 EUR.",
    ]


def test_what_is_too_large_names_no_steps_and_then_sums(monkeypatch):
    def used():
        return run(world(), [event(n, "sms", at_ms=SEPTEMBER) for n in range(9)], ())

    stage = used()
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = {}
    for size in range(4_500, 20_000, 250):
        monkeypatch.setattr(working_out, "MAX_RECORD_BYTES", size)
        with contextlib.suppress(CannotCorrect):
            one = anew(stage, history)
            found.setdefault(one.detail, one)
    assert list(found) == [Detail.SUMS, Detail.EACH, Detail.STEPS]
    assert {one.corrected for one in found.values()} == {8}
    assert [len(one.correction.charges) for one in found.values()] == [1, 8, 8]
    assert ("of_charges", "8") in found[Detail.SUMS].correction.charges[0].explanation
    for one in found.values():
        again = used()
        again.batch(command_of(one))
        assert not again.suspense()
        # One of them is free, the others 0.20 by now.
        charges = [one for one in again.ledger() if isinstance(one, Charge)]
        assert sum(Decimal(one.amount) for one in charges) == Decimal("1.60")


def test_single_charges_that_do_not_fit_are_refused_and_never_summed(monkeypatch):
    """Each must say under what it counts by now; what moves with them may be summed."""
    stage = run(world(), [event(n, "sms", at_ms=SEPTEMBER) for n in range(30)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, range(30))
    monkeypatch.setattr(working_out, "MAX_RECORD_BYTES", 9_000)
    assert anew(stage, history).detail is Detail.SUMS
    with pytest.raises(CannotCorrect, match="rate fewer anew by their ids"):
        anew(stage, history, ids)


def test_a_charge_that_was_corrected_was_not_taken_back():
    stage = flat("1", "1")
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, {0})
    stage.batch(command_of(anew(stage, history, ids)))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    assert {row.corrects for row in history.rows if row.corrects} == ids
    assert history.reversed_ids() == frozenset()
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=ids), ANEW)))
    assert not stage.suspense()
    assert history_of(stage, "a-1", SEPTEMBER, OCTOBER).reversed_ids() == ids
    assert not verified(stage)
