"""How large a batch is, and what is remembered of the records that broke the step."""

from __future__ import annotations

import datetime as dt
from collections import deque
from pathlib import Path

import pytest

from pipeline.batch import BatchSize, Suspects
from pipeline.clock import ManualClock
from pipeline.errors import Halted
from schemas.flow import SourceRecord

_START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(_START)


@pytest.fixture
def suspects(tmp_path: Path, clock: ManualClock) -> Suspects:
    return _suspects(tmp_path, clock)


def _suspects(folder: Path, clock: ManualClock, *, most_per_hour: int = 2) -> Suspects:
    return Suspects(folder / "new" / "suspects.json", most_per_hour=most_per_hour, clock=clock)


def _records(count: int, *, size: int = 10, first: int = 0) -> deque[SourceRecord]:
    return deque(
        SourceRecord(0, offset, 0, None, b"x" * size, ()) for offset in range(first, first + count)
    )


def _work(size: BatchSize, clock: ManualClock, *, records: int, ms: int) -> None:
    with size.timing(records):
        clock.advance(dt.timedelta(milliseconds=ms))


def test_a_batch_grows_to_the_work_aimed_at_and_at_most_doubles(clock: ManualClock) -> None:
    size = BatchSize(most_records=1_000, work_ms=100, clock=clock)
    assert size.records == 64
    _work(size, clock, records=64, ms=1)
    assert size.records == 128
    _work(size, clock, records=128, ms=64)
    assert size.records == 200  # half a millisecond each
    _work(size, clock, records=200, ms=400)
    assert size.records == 50


def test_a_batch_never_has_more_records_than_the_setting_nor_less_than_one(
    clock: ManualClock,
) -> None:
    size = BatchSize(most_records=100, work_ms=100, clock=clock)
    for _ in range(3):
        _work(size, clock, records=size.records, ms=0)
    assert size.records == 100
    _work(size, clock, records=1, ms=5_000)
    assert size.records == 1


def test_a_failed_batch_does_not_teach_the_size(clock: ManualClock) -> None:
    size = BatchSize(most_records=1_000, work_ms=100, clock=clock)
    with pytest.raises(ValueError, match="boom"), size.timing(64):
        raise ValueError("boom")
    assert size.records == 64


@pytest.mark.parametrize(
    ("sizes", "most_bytes", "taken"),
    [
        pytest.param([10, 10, 10], 30, 3, id="all fit"),
        pytest.param([10, 10, 11], 30, 2, id="the third is too much"),
        pytest.param([500, 10], 30, 1, id="one at least, however large"),
        pytest.param([], 30, 0, id="nothing is there"),
    ],
)
def test_bytes_bound_a_batch(
    clock: ManualClock, suspects: Suspects, sizes: list[int], most_bytes: int, taken: int
) -> None:
    fetched = deque(
        SourceRecord(0, offset, 0, None, b"x" * size, ()) for offset, size in enumerate(sizes)
    )
    size = BatchSize(most_records=100, work_ms=100, clock=clock)
    batch = size.take(fetched, most_bytes=most_bytes, suspects=suspects)
    assert [record.offset for record in batch] == list(range(taken))
    assert len(fetched) == len(sizes) - taken, "what is not taken stays"


def test_a_suspect_is_a_batch_of_its_own(clock: ManualClock, suspects: Suspects) -> None:
    suspects.remember(2)
    fetched = _records(5)
    size = BatchSize(most_records=100, work_ms=100, clock=clock)
    batches = []
    while fetched:
        batch = size.take(fetched, most_bytes=1_000, suspects=suspects)
        batches.append([record.offset for record in batch])
    assert batches == [[0, 1], [2], [3, 4]]


def test_a_record_is_refused_when_it_breaks_the_step_twice(suspects: Suspects) -> None:
    suspects.remember(7)
    assert suspects.alone(7)
    assert suspects.refused(0, 100) == frozenset()
    suspects.remember(7)
    assert not suspects.alone(7)
    assert suspects.refused(0, 100) == {7}
    assert suspects.refused(7, 8) == {7}
    assert suspects.refused(0, 7) == suspects.refused(8, 100) == frozenset()


def test_suspects_are_remembered_across_restarts(tmp_path: Path, clock: ManualClock) -> None:
    before = _suspects(tmp_path, clock)
    for offset in (3, 5, 5):
        before.remember(offset)
    after = _suspects(tmp_path, clock)
    assert after.alone(3)
    assert after.refused(0, 10) == {5}


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, clock: ManualClock) -> None:
    """The price is one more try of a broken record; it cannot lose one."""
    _suspects(tmp_path, clock).remember(3)
    (tmp_path / "new" / "suspects.json").write_bytes(b'{"suspected":[3')
    assert not _suspects(tmp_path, clock).alone(3)


def test_more_refusals_than_allowed_within_an_hour_halt(tmp_path: Path, clock: ManualClock) -> None:
    suspects = _suspects(tmp_path, clock, most_per_hour=2)
    for offset in (1, 1, 2, 2, 3):
        suspects.remember(offset)
    with pytest.raises(Halted, match="Operator action"):
        suspects.remember(3)
    assert suspects.refused(0, 10) == {1, 2}
    assert suspects.alone(3), "it is tried again, never skipped"
    restarted = _suspects(tmp_path, clock, most_per_hour=2)
    with pytest.raises(Halted):
        restarted.remember(3)
    clock.advance(dt.timedelta(hours=1))
    restarted.remember(3)
    assert restarted.refused(0, 10) == {1, 2, 3}
