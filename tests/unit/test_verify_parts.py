"""The parts of the reconciliation that need no broker: index, rows, ids, report, decoding."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verify import Check, Finding, Lag, Report, Totals, to_text
from pipeline.verify import events as verify_events
from pipeline.verify.fold import Fold
from pipeline.verify.index import NOTHING, HandedOn, StageProofs, Sum
from pipeline.verify.ledger_records import ChargeSaid, CloseSaid, LimitSaid, said
from pipeline.verify.report import Findings
from pipeline.verify.rows import RowsByBatch
from pipeline.verify.unique import Repeats
from schemas import ledger, sethash, usage
from schemas.proof import NORMALISE, Cumulative, Proof
from schemas.usage import PeriodClose, Provenance
from tests.ledger_builders import OCTOBER, records_limit
from tests.rate_world import MemoryStage, event


def _proof(batch: int, *, next: int, handed_on: int = 0, suspended: int = 0) -> Proof:
    return Proof(
        stage=NORMALISE,
        installation="test",
        genesis_id="g",
        cluster_id="c",
        source_topic="raw",
        source_partition=0,
        batch=batch,
        first=0,
        next=next,
        handed_on={"1": Cumulative(handed_on, sethash.to_hex(handed_on))},
        suspense_count=suspended,
        suspense_hash=sethash.to_hex(suspended),
    )


def test_what_was_handed_on_is_known_as_of_each_batch() -> None:
    index = HandedOn()
    for batch, count in ((1, 0), (2, 5), (3, 5), (4, 9)):
        index.put(_proof(batch, next=batch, handed_on=count), settled=batch < 4)
    assert [index.at(raw=0, partition=1, batch=b).count for b in range(6)] == [0, 0, 5, 5, 9, 9]
    assert index.at(raw=0, partition=0, batch=4) == index.at(raw=9, partition=1, batch=4) == NOTHING
    assert [index.first_change(raw=0, partition=1, after=b) for b in (1, 2, 3, 4)] == [
        2,
        4,
        4,
        None,
    ]
    assert (index.settled, index.newest) == ({0: 3}, {0: 4})


def test_a_source_position_belongs_to_the_batch_that_read_it() -> None:
    proofs = StageProofs("raw", 0)
    for batch, next_, suspended in ((1, 10, 0), (2, 10, 3), (4, 25, 0)):
        proofs.put(_proof(batch, next=next_, suspended=suspended), settled=batch < 4)
    assert [proofs.batch_of(p) for p in (0, 9, 10, 24, 25)] == [1, 1, 4, 4, None]
    assert proofs.source_range(1) == (0, 10)
    assert proofs.source_range(4) == (10, 25)
    assert (proofs.suspense(1), proofs.suspense(2)) == (NOTHING, Sum(3, 3))
    assert list(proofs.suspending()) == [2]


class _Row(NamedTuple):
    batch: int
    name: str


async def _chunks(*chunks: list[_Row]) -> AsyncIterator[list[_Row]]:
    for chunk in chunks:
        yield chunk


async def test_rows_come_batch_by_batch_however_they_are_cut() -> None:
    a, b, c, d = _Row(1, "a"), _Row(2, "b"), _Row(2, "c"), _Row(5, "d")
    rows = RowsByBatch(_chunks([a, b], [], [c], [d]))
    assert await rows.upto(0) == []
    assert await rows.upto(1) == [a]
    assert await rows.upto(3) == [b, c]
    assert await rows.first_left() == d
    assert await rows.upto(9) == [d]
    assert await rows.first_left() is None


@pytest.mark.parametrize("spill_bytes", [48, 10_000_000], ids=["on disk", "in memory"])
@given(ids=st.lists(st.integers(0, 40), max_size=60))
def test_every_id_that_comes_again_is_found(spill_bytes: int, ids: list[int]) -> None:
    expected = []
    last: dict[int, int] = {}
    for position, number in enumerate(ids):
        if number in last:
            expected.append((last[number], position))
        last[number] = position
    with Repeats(spill_bytes=spill_bytes) as repeats:
        for position, number in enumerate(ids):
            repeats.add(bytes([number % 3]) + number.to_bytes(15, "big"), position)
        assert sorted(repeats.found()) == sorted(expected)


def test_the_first_finding_of_each_check_and_partition_is_kept_in_the_order_of_the_flow() -> None:
    findings = Findings()
    for check, partition, batch in (
        (Check.POSTGRES_RATED, 0, 7),
        (Check.NORMALISE_CHAIN, 1, 3),
        (Check.NORMALISE_CHAIN, 1, 4),
        (Check.NORMALISE_CHAIN, 0, 9),
    ):
        findings.add(
            Finding(
                check=check,
                topic="t",
                partition=partition,
                batches=(batch, batch),
                expected="this",
                found="that",
            )
        )
    assert findings.count == 4
    assert [(f.check, f.partition, f.batches) for f in findings.in_order()] == [
        (Check.NORMALISE_CHAIN, 0, (9, 9)),
        (Check.NORMALISE_CHAIN, 1, (3, 3)),
        (Check.POSTGRES_RATED, 0, (7, 7)),
    ]


def test_the_text_names_the_place_the_difference_and_what_to_do() -> None:
    finding = Finding(
        check=Check.RATE_READ,
        topic="r.usage.normalised.v1",
        partition=2,
        batches=(5, 6),
        offsets=(40, 52),
        expected="12 records",
        found="11 read by rate",
    )
    report = Report(
        installation="r",
        findings=(finding,),
        mismatches=1,
        lag=Lag(events=3),
        totals=Totals(items=20, item_outcomes={"normalised": 20}, charges={"EUR": "1.50"}),
        checked=(Check.RATE_CHAIN, Check.RATE_READ),
        not_checked=("Postgres: no database was given",),
    )
    text = to_text(report)
    assert re.search(r"fits +rate.chain", text)
    assert re.search(r"does not fit +rate.read", text)
    assert "r.usage.normalised.v1/2, batches 5 to 6, offsets [40, 52)" in text
    assert "expected 12 records; found 11 read by rate" in text
    assert "20 items = 20 normalised" in text
    assert "charged 1.50 EUR" in text
    assert "3 events to rate" in text
    assert "Postgres: no database was given" in text
    assert "Operator action" in text


def test_normalised_records_are_read_as_they_are_written() -> None:
    """The reconciliation decodes few fields of an array by their place in it."""
    written = event(4, batch=9, raw_partition=3)
    close = PeriodClose(
        tenant="acme",
        identity=b"i" * 16,
        content_hash=b"h",
        run="retail",
        rating_key="a-1",
        account_id="a-1",
        period_start_ms=0,
        period_end_ms=OCTOBER,
        provenance=Provenance(3, 1, 0, "f", 0),
        batch=9,
    )
    for record in (written, close):
        read = verify_events._decode(usage.to_wire(record))
        assert read.provenance.partition == 3
        for name in ("identity", "content_hash", "run", "rating_key", "batch"):
            assert getattr(read, name) == getattr(record, name)


def test_ledger_records_are_read_as_they_are_written() -> None:
    stage = MemoryStage(records_limit(2))
    stage.batch(event(1), event(2))
    kinds = {
        ledger.Charge: ChargeSaid,
        ledger.LimitReached: LimitSaid,
        ledger.PeriodClosed: CloseSaid,
    }
    records = stage.ledger()
    assert {type(record) for record in records} == {ledger.Charge, ledger.LimitReached}
    for record in records:
        read = said(ledger.to_wire(record))
        assert type(read) is kinds[type(record)]
        for name in read.__struct_fields__:
            assert getattr(read, name) == getattr(record, name)
    assert said(b'{"kind":"of the future"}') is None
    assert said(b"no JSON") is None


def test_a_charge_that_states_no_counter_of_its_product_is_named() -> None:
    """Left out of all charges alike, no later one would tell."""
    charge = ChargeSaid(
        rating_key="acme",
        sequence=1,
        first_open_period_ms=0,
        unbilled=(ledger.Unbilled("voice", "telephony", 5, "EUR", 1, "1"),),
        charge_id="0" * 32,
        product="voice",
        product_type="telephony",
        usage_kind="voice",
        used="60",
        billed="60",
        unit="s",
        amount="1",
        currency="EUR",
        usage_period_ms=5,
        bill_period_ms=5,
        counters_after=(),
    )
    ((check, expected, found),) = Fold().add(charge)
    assert (check, found) == (Check.LEDGER_COUNTERS, "0")
    assert "voice" in expected
