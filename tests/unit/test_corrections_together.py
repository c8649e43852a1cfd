"""Months that hang together: which they are, and what rate refuses of a command that is none of ours."""

import msgspec
import pytest

from pipeline.correcting.together import reaches, take_of_earlier
from pipeline.correcting.work_out import Asked
from rating.catalogue import check, compile
from schemas.correction import AlsoCorrected, CorrectedCounter, CounterFigures
from schemas.refusal import RefusalReason
from sinks.account_ledger import MonthInLedger
from tests.correction_world import command_of, corrected_together, history_of
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER
from tests.rate_world import MemoryStage, event

TEXT = """
products: {sms: {type: message, usage_kind: message, unit: record}}
plans:
  basic:
    currency: EUR
    allowances: {gift: {units: 2 records, every: once}, left: {units: 2 records, rolls_over: {months: 1}}}
    prices:
      message: {product: sms, price: {model: per_unit, per: 1 record, amount: 1, allowance: gift}}
  other:
    currency: EUR
    allowances: {left: {units: 2 records, rolls_over: {months: 1}}}
    prices:
      message: {product: sms, price: {model: per_unit, per: 1 record, amount: 1, allowance: left}}
"""
CATALOGUE = compile(check({"plans.yaml": TEXT.encode()}).document, 7)


@pytest.fixture
def stage():
    stage = MemoryStage(catalogue=CATALOGUE)
    months = (SEPTEMBER, SEPTEMBER, OCTOBER, OCTOBER)
    stage.batch(*[event(number, "sms", at_ms=at_ms) for number, at_ms in enumerate(months)])
    return stage


@pytest.fixture
def command(stage):
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = frozenset({history.events()[0].charge_id})
    return command_of(corrected_together(stage, "a-1", {SEPTEMBER}, Asked(reverse=ids)))


def spoiled_by(command, **changed):
    correction = msgspec.structs.replace(command.correction, **changed)
    return msgspec.structs.replace(command, correction=correction)


def of_month(command, month_ms):
    *others, last = command.correction.charges
    return spoiled_by(
        command, charges=(*others, msgspec.structs.replace(last, usage_period_ms=month_ms))
    )


def test_what_is_taken_back_goes_to_the_next_month(stage, command):
    stage.batch(command)
    assert not stage.suspense()
    assert [each.usage_period_ms for each in command.correction.charges] == [None, OCTOBER]
    assert command.correction.also == (AlsoCorrected(OCTOBER, NOVEMBER),)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda command: of_month(command, NOVEMBER), RefusalReason.INVALID_COMMAND),
        (lambda command: of_month(command, None), RefusalReason.INVALID_COMMAND),
        (lambda command: spoiled_by(command, also=()), RefusalReason.INVALID_COMMAND),
        (lambda command: spoiled_by(command, sequence=None), RefusalReason.INVALID_COMMAND),
        (lambda command: spoiled_by(command, sequence=3), RefusalReason.STALE_CORRECTION),
        (lambda command: spoiled_by(command, sequence=5), RefusalReason.STALE_CORRECTION),
        (
            lambda command: spoiled_by(command, counters=command.correction.counters[:-1]),
            RefusalReason.INVALID_COMMAND,
        ),
        (
            lambda command: spoiled_by(
                command,
                counters=(
                    *command.correction.counters,
                    CorrectedCounter("tier:x", NOVEMBER, CounterFigures(), CounterFigures(1)),
                ),
            ),
            RefusalReason.INVALID_COMMAND,
        ),
    ],
    ids=range(8),
)
def test_what_cannot_be_ours_is_refused_and_changes_nothing(stage, command, spoil, reason):
    before = dict(stage.state), len(stage.ledger())
    stage.batch(spoil(command))
    (suspended,) = stage.suspense()
    assert suspended.reason == reason
    assert (dict(stage.state), len(stage.ledger())) == before
    stage.batch(command)
    assert len(stage.suspense()) == 1


def test_it_reaches_back_to_what_was_corrected_since_and_no_further():
    ledger = [
        MonthInLedger(1, 1, 10, None),
        MonthInLedger(2, 5, 40, 40),  # corrected after the first charge of the third
        MonthInLedger(3, 20, 30, None),
        MonthInLedger(4, 31, 39, None),
    ]
    assert reaches(ledger, {4}) == (5, [1, 2, 3, 4])
    assert reaches(ledger[2:], {4}) == (31, [4])
    assert reaches(ledger[2:], {3}) == (20, [3, 4])
    earlier = [ledger[0]._replace(last_corrected=7), *ledger[1:]]
    assert reaches(earlier, {3}) == (1, [1, 2, 3, 4])


def test_later_months_look_at_earlier_ones_by_a_price_that_rolls_over():
    """Under any version that counts; one that cannot be read might."""
    assert take_of_earlier([(7, "other/message")], {7: CATALOGUE})
    assert not take_of_earlier([(7, "basic/message")], {7: CATALOGUE})
    assert not take_of_earlier([], {7: CATALOGUE})
    assert take_of_earlier([(8, "basic/message")], {7: CATALOGUE})
