"""What the preview of a recycling says, and that it asks the steps themselves."""

from decimal import Decimal

import pytest

from mediation.recycling import Back, back
from pipeline.rate_step import RateStep
from pipeline.recycling.preview import Preview
from rating.catalogue import compile
from tests.mediation_world import DAY_MS, NOON, PARTITION, MemoryStage, accounts, event_json
from tests.recycling_world import raw_partition_of, waiting_of
from tests.verify_world import CATALOGUE

KNOWN_NOW = {"a-1": ("dev-1",), "a-2": ("dev-2", "dev-9")}


@pytest.fixture
def stage():
    return MemoryStage()


def tried(stage, *records, catalogue=CATALOGUE):
    rate = RateStep(catalogue=compile(catalogue, 1), reference=stage.reference)
    preview = Preview(stage.step, rate, now_ms=NOON + 90 * DAY_MS)
    found = []
    for record in records:
        waiting = waiting_of(record)
        raw = back(waiting, raw_partition_of=raw_partition_of)
        assert isinstance(raw, Back)
        found.append(preview.tried(waiting, raw, partition=PARTITION))
    return found


def test_amounts_go_on_from_one_record_to_the_next(stage):
    """0.03 for 7 B each up to 50 B, then 0.01: 40 B, then 10 B of the first tier and 30 B of the next."""
    for number in (1, 2):
        stage.send(event_json(number, subject="dev-9", size=40))
    (early,) = tried(stage, stage.suspense()[0])
    assert (early.outcomes, early.refused) == (("mediation.unknown_subscriber",), True)
    stage.reference.apply(accounts(KNOWN_NOW), version=6)
    one, two = tried(stage, *stage.suspense())
    assert (one.outcomes, one.accounts, one.refused) == (("charged",), {"a-2"}, False)
    (amount,) = one.amounts
    assert amount[0] == "EUR"
    assert amount[1] > two.amounts[0][1] > Decimal(0)


def test_one_broken_line_does_not_hold_back_a_block(stage):
    value = event_json(1) + b"\n" + b"nothing" + b"\n"
    stage.send(value, format="telepathy", record="block", file_id="f", block="0", first_line="1")
    (record,) = stage.suspense()
    headers = tuple((n, b"cloudevents-iot" if n == "format" else v) for n, v in record.raw_headers)
    waiting = waiting_of(record, raw_headers=headers)
    raw = back(waiting, raw_partition_of=raw_partition_of)
    rate = RateStep(catalogue=compile(CATALOGUE, 1), reference=stage.reference)
    now = Preview(stage.step, rate, now_ms=NOON).tried(waiting, raw, partition=PARTITION)
    assert sorted(now.outcomes) == ["charged", "mediation.not_json"]
    assert not now.refused


def test_nothing_of_the_stage_is_touched(stage):
    stage.send(event_json(subject="dev-9"))
    state = dict(stage.state)
    stage.reference.apply(accounts(KNOWN_NOW), version=6)
    record = stage.suspense()[0]
    assert tried(stage, record) == tried(stage, record)
    assert stage.state == state


def test_what_still_breaks_the_program_is_refused_again(stage, monkeypatch):
    """Else nobody could write it off, nor send back what waits beside it."""
    stage.batch(stage.record(event_json()), internal_errors=frozenset({0}))
    stage.send(event_json(2, subject="dev-9"))
    broken, other = stage.suspense()
    whole = stage.step.prepare

    def prepare(records):
        if records[0].value == broken.raw:
            raise ZeroDivisionError
        return whole(records)

    monkeypatch.setattr(stage.step, "prepare", prepare)
    found = tried(stage, broken, other)
    assert [each.outcomes for each in found] == [
        ("pipeline.internal_error",),
        ("mediation.unknown_subscriber",),
    ]
    assert [each.refused for each in found] == [True, True]
