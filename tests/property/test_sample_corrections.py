"""Laws of corrections of months that are priced by their samples: after one, all that was charged and all that
is counted is what it would be without the usage that was taken back, or by the other prices."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.correcting.work_out import Asked
from pipeline.errors import CannotCorrect
from rating.catalogue import check, compile
from schemas.ledger import CLOSING, CORRECTION, Charge
from schemas.usage import MonthCorrection
from schemas.usage import from_wire as usage_from_wire
from sinks.charge_history import Under
from tests.correction_world import (
    REFERENCE,
    command_of,
    corrected_together,
    history_of,
    worked_out,
)
from tests.ledger_builders import DECEMBER, NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.property.test_correction_laws import figures, sums, usage_of
from tests.property.test_rate_month_laws import ENDS, months, run, verified
from tests.property.test_sample_laws import DAY_MS, HOUR_MS, TEXT, world
from tests.rate_world import MemoryStage, account, event

DEARER = TEXT.replace("percentile: 70", "percentile: 60").replace("amount: 2}]", "amount: 2.5}]")


def compiled(text, version=9):
    found = check({"plans.yaml": text.encode()})
    assert not found.errors, found.errors
    return compile(found.document, version)


NEW = compiled(DEARER)
ANEW = Asked(rerate=Under(9, REFERENCE))
LAST = [
    period_close(NOVEMBER, DECEMBER, account="a-1", offset=90),
    period_close(DECEMBER, DECEMBER + 31 * DAY_MS, account="a-1", offset=91),
]
USED = months("line", "line", "line", "data", usage_of_close=3)


def sample(number, hour, units, *, month_ms=SEPTEMBER, way="in"):
    return event(
        number,
        "line",
        at_ms=month_ms + hour * HOUR_MS,
        quantities={"Mbps": Decimal(units)},
        attributes={"way": way},
    )


MORE = [
    sample(1_000 + 10 * place + number, number, 3 + number, month_ms=month_ms)
    for place, month_ms in enumerate((SEPTEMBER, OCTOBER))
    for number in range(2)
]


def take_back(stage, month_ms, chosen, *catalogues):
    history = history_of(stage, "a-1", month_ms, ENDS[month_ms])
    ids = usage_of(history, chosen)
    if ids:
        found = worked_out(stage, history, Asked(reverse=ids, reason="test"), *catalogues)
        assert_shown(stage, found)
        stage.batch(command_of(found))
        assert not stage.suspense()
    return ids


def assert_shown(stage, found):
    was = sums(stage)
    for line in found.lines:
        key = line.subscription_id, found.correction.usage_period_ms, line.price_id
        assert line.was == was.get(key, [0, 0, 0])[2]
        more = (each for each in found.correction.charges if each.price_id == line.price_id)
        assert line.now == line.was + sum(Decimal(each.amount) for each in more)


def left(stage, gone):
    offsets = {
        one.source_offset
        for one in stage.ledger()
        if isinstance(one, Charge) and one.charge_id in gone
    }
    return [
        value
        for offset, value in sorted(stage.values.items())
        if offset not in offsets and not isinstance(usage_from_wire(value), MonthCorrection)
    ]


def assert_same(stage, other):
    assert figures(stage) == figures(other)
    assert sums(stage) == sums(other)
    assert not verified(stage)
    ids = [one.charge_id for one in stage.ledger() if isinstance(one, Charge)]
    assert len(ids) == len(set(ids))


@settings(max_examples=60)
@given(USED, st.sampled_from([SEPTEMBER, OCTOBER]), st.sets(st.integers(0, 8), min_size=1))
def test_samples_that_were_taken_back_might_as_well_never_have_been(records, month_ms, chosen):
    """Whether the month is open, closed, or was priced again for what came late; and so it goes on."""
    stage = run(world(), records, ())
    gone = take_back(stage, month_ms, chosen)
    never = run(world(), left(stage, gone), ())
    assert_same(stage, never)
    for more in (LAST[:1], MORE, LAST[1:]):
        stage.batch(*more)
        never.batch(*more)
        assert_same(stage, never)


@settings(max_examples=60)
@given(
    *(USED, USED),
    st.sets(st.integers(0, 8), min_size=1),
    st.sets(st.integers(0, 8), min_size=1),
)
def test_a_month_is_corrected_again_after_more_samples_and_closes(records, more, first, second):
    """No charge id comes twice, however often the samples come to as many records as they were."""
    more = [msgspec.structs.replace(each, identity=bytes([7]) + each.identity[1:]) for each in more]
    stage = run(world(), records, ())
    gone = take_back(stage, SEPTEMBER, first)
    stage.batch(*more, *LAST[:1])
    gone |= take_back(stage, SEPTEMBER, second)
    stage.batch(*MORE, *LAST[1:])
    assert_same(stage, run(world(), left(stage, gone), ()))


@settings(max_examples=60)
@given(USED)
def test_a_month_rated_anew_is_what_the_other_prices_give(records):
    stage = run(world(), records, ())
    accounts = (account("a-1"), account("a-2"))
    anew = run(MemoryStage(accounts=accounts, catalogue=NEW), records, ())
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ENDS.items():
            found = worked_out(stage, history_of(stage, who, start_ms, end_ms), ANEW, NEW)
            if found is not None:
                assert_shown(stage, found)
                stage.batch(command_of(found))
    assert not stage.suspense()
    assert_same(stage, anew)
    for start_ms, end_ms in ENDS.items():
        assert worked_out(stage, history_of(stage, "a-1", start_ms, end_ms), ANEW, NEW) is None
    # By the newest catalogue it goes on as if that had been there from the start.
    stage.step = anew.step
    for more in (LAST[:1], MORE, LAST[1:]):
        stage.batch(*more)
        anew.batch(*more)
        assert_same(stage, anew)


TWICE = "{model: flat, amount: 3, discount: {percent: 50, times: 2}}"
GIVEN_ONCE = compiled(TEXT.replace("{model: flat, amount: 3}", TWICE), 7)


@settings(max_examples=60)
@given(
    months("line", "line", "film", "film", usage_of_close=3),
    st.sampled_from([SEPTEMBER, OCTOBER]),
    st.sets(st.integers(0, 8), min_size=1),
)
def test_months_with_samples_hang_together_as_others_do(records, month_ms, chosen):
    """Whose films had the discount that is given twice, in both of them."""

    def world_of_both():
        return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=GIVEN_ONCE)

    stage = run(world_of_both(), records, ())
    ids = usage_of(history_of(stage, "a-1", month_ms, ENDS[month_ms]), chosen)
    if not ids:
        return
    found = corrected_together(stage, "a-1", {month_ms}, Asked(reverse=ids))
    stage.batch(command_of(found))
    assert not stage.suspense()
    never = run(world_of_both(), left(stage, ids), ())
    assert_same(stage, never)
    for more in (LAST[:1], MORE, LAST[1:]):
        stage.batch(*more)
        never.batch(*more)
        assert_same(stage, never)


@given(st.integers(0, 3), st.integers(0, 6))
def test_a_sample_that_comes_in_between_makes_it_stale(place, hour):
    """Also one of an interval that the correction does not say."""
    stage = run(world(), [sample(n, n, n + 1) for n in range(4)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {place})))
    named = [each.counter for each in found.correction.counters if "sample:" in each.counter]
    assert len(named) == 1
    stage.batch(sample(9, hour, 0))
    before = dict(stage.state)
    stage.batch(command_of(found))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    assert stage.state == before


def charges_of(stage):
    return [one for one in stage.ledger() if isinstance(one, Charge)]


def closings(stage):
    """Return what closes asked for of the line in September."""
    return [
        one
        for one in charges_of(stage)
        if (one.usage_kind, one.product, one.usage_period_ms) == (CLOSING, "line", SEPTEMBER)
    ]


def test_a_sample_taken_back_of_a_closed_month_corrects_what_the_close_asked_for():
    """Of 1, 2, 3 and 8 Mbps the third is billed: 70 percent, so one of four is dropped."""
    stage = run(world(), [sample(n, n, units) for n, units in enumerate((1, 2, 3, 8))], ())
    stage.batch(period_close(SEPTEMBER, OCTOBER))
    (closing,) = closings(stage)
    assert Decimal(closing.amount) == 9
    take_back(stage, SEPTEMBER, {2})
    *_, reversal, correction = charges_of(stage)
    assert (Decimal(reversal.amount), Decimal(reversal.used)) == (0, -3)
    # Of 1, 2 and 8 none is dropped: 8 are billed, 4 of them at 3 and 4 at 2.
    assert (correction.usage_kind, correction.corrects) == (CORRECTION, closing.charge_id)
    assert Decimal(correction.amount) == 20 - 9
    # A sample of the same interval comes late: there are as many records as at the first close.
    stage.batch(sample(7, 2, 3), period_close(OCTOBER, NOVEMBER, offset=5))
    last = closings(stage)[-1]
    assert Decimal(last.amount) == 9 - 20
    assert last.charge_id != closing.charge_id
    assert not verified(stage)


def test_a_close_that_finds_as_many_samples_as_one_before_is_another_charge():
    """Which a correction in between makes possible."""
    stage = run(world(), [sample(n, n, n + 1) for n in range(3)], ())
    stage.batch(period_close(SEPTEMBER, OCTOBER))
    stage.batch(sample(3, 3, 0), period_close(OCTOBER, NOVEMBER, offset=1))
    take_back(stage, SEPTEMBER, {3})
    stage.batch(sample(4, 4, 0), LAST[0])
    assert [each.counters_after[-1].records for each in closings(stage)] == [3, 4, 4]
    assert len({each.charge_id for each in closings(stage)}) == 3
    assert not verified(stage)
    # The third is corrected by its own id, and not by that of the second.
    take_back(stage, SEPTEMBER, {3})
    assert [each.corrects for each in charges_of(stage) if each.usage_kind == CORRECTION][-1] == (
        closings(stage)[-1].charge_id
    )


def test_each_close_is_corrected_by_its_own_charge():
    """Although the next one finds as many samples by now as the one before it found: its id is of these."""
    stage = run(world(), [sample(n, n, n + 1) for n in range(3)], ())
    stage.batch(period_close(SEPTEMBER, OCTOBER))
    stage.batch(sample(3, 3, 8), period_close(OCTOBER, NOVEMBER, offset=1))
    stage.batch(sample(4, 4, 9), LAST[0])
    closed = closings(stage)
    # Of 1, 2 and 3 all are billed up to the largest; then of 1, 2, 3 and 8 the third; of five the fourth.
    assert [Decimal(each.amount) for each in closed] == [9, 0, 20 - 9]
    take_back(stage, SEPTEMBER, {2})
    # Of 1 and 2, of 1, 2 and 8, and of 1, 2, 8 and 9: 2, 8 and 8 are billed.
    assert {
        each.corrects: Decimal(each.amount)
        for each in charges_of(stage)
        if each.usage_kind == CORRECTION
    } == {closed[0].charge_id: 6 - 9, closed[1].charge_id: 14, closed[2].charge_id: 0 - 11}
    assert not verified(stage)


def test_other_intervals_need_other_samples_of_the_whole_month():
    """Of single charges the close could not be, since it finds them in other intervals."""
    stage = run(world(), [sample(n, n, 2) for n in range(4)], ())
    stage.batch(period_close(SEPTEMBER, OCTOBER))
    other = compiled(TEXT.replace("interval: 60 min", "interval: 30 min"))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    one = msgspec.structs.replace(ANEW, only=usage_of(history, {0}))
    with pytest.raises(CannotCorrect, match="would have no price"):
        worked_out(stage, history, one, other)
    found = worked_out(stage, history, ANEW, other)
    stage.batch(command_of(found))
    assert not stage.suspense()
    never = MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=other)
    assert_same(stage, run(never, left(stage, ()), ()))
