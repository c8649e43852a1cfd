"""The event time that a batch tells of: of its last usage, whatever lies behind it."""

from __future__ import annotations

import pytest

from counters.state import Head
from pipeline import event_time
from schemas import ledger, usage
from schemas.flow import Append, Channel, SourceRecord
from schemas.proof import Proof, proof_to_json
from tests.ledger_builders import NOVEMBER, OCTOBER, charge_after
from tests.rate_world import event

PROOF = Proof(
    stage="rate",
    installation="one",
    genesis_id="g",
    cluster_id="c",
    source_topic="t",
    source_partition=0,
    batch=1,
    first=0,
    next=1,
)


def charge(at_ms: int) -> bytes:
    return ledger.to_wire(charge_after(Head(), usage_period_ms=at_ms)[1])


def append(channel: Channel, value: bytes) -> Append:
    return Append(channel, 0, None, value, ())


def record(value: bytes) -> SourceRecord:
    return SourceRecord(0, 0, 0, None, value, ())


def test_of_events_it_is_that_of_the_last_one():
    last = event()
    appends = [
        append(Channel.NORMALISED, usage.to_wire(last)),
        append(Channel.SUSPENSE, b"refused"),
    ]
    assert event_time.of_appends(appends) == last.started_at_ms


def test_of_the_ledger_it_is_that_of_the_last_charge():
    appends = [append(Channel.LEDGER, charge(at)) for at in (OCTOBER, NOVEMBER)]
    assert event_time.of_appends(appends) == NOVEMBER
    records = [record(charge(OCTOBER)), record(charge(NOVEMBER)), record(proof_to_json(PROOF))]
    assert event_time.of_ledger(records) == NOVEMBER


@pytest.mark.parametrize("value", [b"", b"v1", b"{", b"\xff\xfe", b"[1]", proof_to_json(PROOF)])
def test_what_is_no_usage_says_nothing_and_breaks_nothing(value):
    assert event_time.of_ledger([record(value)]) is None
    for channel in (Channel.NORMALISED, Channel.LEDGER, Channel.SUSPENSE):
        assert event_time.of_appends([append(channel, value)]) is None


def test_an_empty_batch_says_nothing():
    assert event_time.of_appends([]) is None
    assert event_time.of_ledger([]) is None


def test_only_a_few_are_looked_at():
    far = [append(Channel.LEDGER, charge(OCTOBER))] + [append(Channel.SUSPENSE, b"")] * 100
    assert event_time.of_appends(far) is None
