"""What a replay says of a batch: the same bytes, the same money, or another."""

from __future__ import annotations

import msgspec
import pytest

from counters.state import Head
from pipeline.replaying.report import MOST_SHOWN, Partition, Report, Window
from schemas import ledger
from schemas.ledger import CounterAfter
from schemas.proof import Proof, proof_to_json
from tests.ledger_builders import charge_after

_, CHARGE = charge_after(Head(), "1.00")
PROOF = Proof(
    stage="rate",
    installation="i",
    genesis_id="g",
    cluster_id="c",
    source_topic="t",
    source_partition=0,
    batch=7,
    first=0,
    next=1,
)


def compared(*replayed, written=(CHARGE,)):
    found = Partition(0)
    last = [proof_to_json(PROOF)]
    found.compare(
        PROOF, [*map(ledger.to_wire, written), *last], [*map(ledger.to_wire, replayed), *last]
    )
    return found


def test_the_same_bytes_have_the_same_hash():
    found = compared(CHARGE)
    assert (found.batches, found.records, found.same_bytes) == (1, 1, 1)
    assert found.written_hash == found.replayed_hash != ""


def test_a_field_that_is_no_money_is_the_same_charge_written_otherwise():
    other = msgspec.structs.replace(CHARGE, explanation=(("price", "x"),))
    found = compared(other)
    assert (found.same_bytes, found.same_charges, found.differing) == (0, 1, 0)
    assert found.written_hash != found.replayed_hash


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": "1.01"},
        {"billed": "9"},
        {"free": "9"},
        {"counters_after": (CounterAfter("c", 0, 1, "1", "1.00"),)},
        {"currency": "USD"},
    ],
)
def test_another_amount_or_counter_differs_and_is_named(changed):
    found = compared(msgspec.structs.replace(CHARGE, **changed))
    assert (found.same_bytes, found.same_charges, found.differing) == (0, 0, 1)
    (difference,) = found.differences
    assert (difference.batch, difference.record) == (7, CHARGE.charge_id)
    assert difference.was != difference.is_now


def test_a_record_too_many_and_one_too_few_are_named():
    (missing,) = compared().differences
    assert (missing.record, missing.is_now) == (CHARGE.charge_id, "")
    (added,) = compared(CHARGE, written=()).differences
    assert (added.record, added.was) == (CHARGE.charge_id, "")


def test_so_many_differences_are_shown_and_all_batches_are_counted():
    found = Partition(0)
    for _ in range(MOST_SHOWN + 5):
        found.compare(PROOF, [ledger.to_wire(CHARGE), b"{}"], [b"{}"])
    assert (found.differing, len(found.differences)) == (MOST_SHOWN + 5, MOST_SHOWN)


def test_a_report_sums_its_partitions():
    first, second = compared(CHARGE), compared()
    first.leave_out("x")
    second.leave_out("x")
    second.leave_out("y")
    report = Report("i", [first, second])
    assert (report.batches, report.differing, report.left_out) == (2, 1, {"x": 2, "y": 1})


@pytest.mark.parametrize(
    ("at_ms", "has", "ends"),
    [(9, False, False), (10, True, False), (19, True, False), (20, False, True)],
)
def test_a_window_has_its_start_and_not_its_end(at_ms, has, ends):
    window = Window(10, 20)
    assert (window.has(at_ms), window.ends_before(at_ms)) == (has, ends)
    assert Window().has(at_ms)
