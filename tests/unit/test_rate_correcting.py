"""A correction that is none of ours: refused as a whole, and nothing stops."""

import msgspec
import pytest

from pipeline.correcting.work_out import Asked
from schemas.correction import CounterFigures
from schemas.raw import CorrectMonthCommand, command_from_json, command_to_json
from schemas.refusal import RefusalReason
from tests.correction_world import command_of, history_of, worked_out
from tests.ledger_builders import OCTOBER, SEPTEMBER
from tests.rate_world import MemoryStage, event


@pytest.fixture
def stage():
    stage = MemoryStage()
    stage.batch(*[event(number, "data", quantity="9", at_ms=SEPTEMBER) for number in range(3)])
    return stage


@pytest.fixture
def command(stage):
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = frozenset({history.events()[0].charge_id})
    return command_of(worked_out(stage, history, Asked(reverse=ids)))


def with_correction(command, **changed):
    correction = msgspec.structs.replace(command.correction, **changed)
    return msgspec.structs.replace(command, correction=correction)


def with_charge(command, **changed):
    first, *rest = command.correction.charges
    return with_correction(command, charges=(msgspec.structs.replace(first, **changed), *rest))


def with_counter(command, **changed):
    first, *rest = command.correction.counters
    return with_correction(command, counters=(msgspec.structs.replace(first, **changed), *rest))


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda command: with_correction(command, charges=()),
        lambda command: with_charge(command, kind="data"),
        lambda command: with_charge(command, corrects=None),
        lambda command: with_charge(command, amount="-1"),
        lambda command: with_charge(command, amount="NaN"),
        lambda command: with_charge(command, amount="1E+900000"),
        lambda command: with_charge(command, amount="one"),
        lambda command: with_charge(command, billed="9" * 200),
        lambda command: with_charge(command, product="gold"),
        lambda command: with_charge(command, currency="GBP"),
        lambda command: with_charge(command, amount="-18.0\uff10"),
        lambda command: with_charge(command, amount="-0"),
        lambda command: with_charge(command, amount="1_0"),
        lambda command: with_charge(command, amount="9" * 30 + "." + "9" * 40),
        lambda command: with_correction(command, counters=()),
        lambda command: with_correction(command, counters=command.correction.counters[1:]),
        lambda command: with_correction(command, counters=command.correction.counters * 2),
        lambda command: with_correction(command, charges=command.correction.charges * 2),
        lambda command: with_counter(command, period_start_ms=OCTOBER),
    ],
)
def test_what_cannot_be_ours_is_refused_and_changes_nothing(stage, command, spoiled):
    before = dict(stage.state), len(stage.ledger())
    stage.batch(spoiled(command))
    (suspended,) = stage.suspense()
    assert suspended.reason == RefusalReason.INVALID_COMMAND
    assert (dict(stage.state), len(stage.ledger())) == before
    stage.batch(command)  # it is still as it was
    assert len(stage.suspense()) == 1
    assert len(stage.ledger()) > before[1]


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda command: with_correction(command, usage_period_ms=-1),
        lambda command: with_correction(command, job_id="mine"),
        lambda command: with_charge(command, corrects="not hexadecimal"),
        lambda command: with_charge(command, started_at_ms=1 << 52),
        lambda command: with_charge(command, catalogue_version=1 << 63),
        lambda command: with_charge(command, explanation=((),)),
        lambda command: with_counter(command, before=CounterFigures(-1)),
        lambda command: with_counter(command, before=CounterFigures(1 << 60)),
    ],
)
def test_what_no_record_can_hold_is_no_command(command, spoiled):
    """Normalise refuses it, as it does whatever is not the JSON of a command."""
    asked = CorrectMonthCommand("acme", "a-1", spoiled(command).correction)
    with pytest.raises(msgspec.DecodeError):
        command_from_json(command_to_json(asked))
    whole = command_to_json(CorrectMonthCommand("acme", "a-1", command.correction))
    assert command_from_json(whole).correction == command.correction
    with pytest.raises(msgspec.DecodeError):
        command_from_json(whole.replace(b'"corrections",', b'"corrections",' + b"9" * 30, 1))
