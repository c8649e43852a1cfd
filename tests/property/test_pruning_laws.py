"""The law of pruning: it changes no outcome, and only what is behind the horizon goes."""

import contextlib
import datetime as dt
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Halted
from pipeline.pruning import Pruning
from pipeline.state import FORMAT, Folded, StateStore
from schemas.proof import proof_to_msgpack
from schemas.raw import FileEnd, file_end_to_json
from tests.mediation_world import DAY_MS, NOON, MemoryStage, event_json
from tests.state_comparison import assert_same_but_pruned

HORIZON_DAYS = 4  # small: days are to fall behind it often
FOLDED = Folded(FORMAT, "c", "g", 1, "0" * 32)


def at_day(day):
    """The instant, as an event says it, at noon of a day; 0 is that of the first append."""
    return (dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)).isoformat()


# A record: days that pass before it, hours by which the broker's clock is wrong, what it holds.
usage = st.tuples(
    st.integers(1, 3),  # identity
    st.integers(-HORIZON_DAYS - 2, 1),  # the event's day, from that of the append
    st.sampled_from(["dev-1", "dev-9"]),  # known, unknown: passed, or suspended and pinned
    st.sampled_from([1, 2]),  # content: a copy, or a conflict
)
records = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2, HORIZON_DAYS, 9]), st.integers(-11, 0), usage),
    max_size=14,
)


@contextlib.contextmanager
def pruned_state(stage):
    """The state of a stage in RocksDB, pruned after each batch as a worker does it."""
    with tempfile.TemporaryDirectory() as folder:
        store = StateStore(Path(folder) / "state")
        try:
            yield store, Pruning(store, stage.step.window)
        finally:
            store.close()


def decide(stage, store, pruning, record, *, previous):
    prepared = stage.step.prepare([record])
    decided = stage.step.decide(prepared, store.get_many(prepared.state_keys), previous=previous)
    store.write(decided.changes, FOLDED)
    pruning.step([record], changes=len(decided.changes))
    return decided


@settings(max_examples=60)
@given(records)
def test_pruning_changes_no_outcome(stream):
    stage = MemoryStage(horizon_ms=HORIZON_DAYS * DAY_MS)
    proof, now, newest_ms = stage.proof, 0, 0
    with pruned_state(stage) as (store, pruning):
        for passed, wrong_hours, (number, day, subject, size) in stream:
            now += passed
            appended_ms = NOON + now * DAY_MS + wrong_hours * 3_600_000
            newest_ms = max(newest_ms, appended_ms)
            if number == 3:  # the end of a file, marked by the day of its arrival
                end = FileEnd(blocks=0, items=0, bytes=0, digest="0" * 32)
                record = stage.record(
                    file_end_to_json(end), at=appended_ms, record="end", file_id=str(size)
                )
            else:
                value = event_json(number, subject=subject, size=size, at=at_day(now + day))
                record = stage.record(value, at=appended_ms)
            pruning.check([record])
            expected = stage.batch(record)  # with a state that is never pruned
            found = decide(stage, store, pruning, record, previous=proof)
            proof = found.proof
            assert found.appends == expected.appends
            assert proof_to_msgpack(found.proof) == proof_to_msgpack(expected.proof)
        while pruning.step():
            pass
        assert_same_but_pruned(
            dict(store.items()), stage.state, window=stage.step.window, appended_at_ms=newest_ms
        )


@settings(max_examples=60)
@given(st.lists(usage, min_size=1, max_size=4), st.integers(1, 12), st.integers(0, 12))
def test_where_pruning_would_change_an_outcome_the_partition_halts(stream, ahead, back):
    """The broker's clock ran ahead and was set back: either the outcomes of copies that come then
    are those without pruning, or there is none."""
    stage = MemoryStage(horizon_ms=HORIZON_DAYS * DAY_MS)
    proof = stage.proof
    copies = [
        event_json(number, subject=subject, size=size, at=at_day(day))
        for number, day, subject, size in stream
    ]
    with pruned_state(stage) as (store, pruning):
        for value, day in [
            *((value, 0) for value in copies),
            (event_json(9, at=at_day(ahead)), ahead),
            *((value, ahead - back) for value in copies),
        ]:
            record = stage.record(value, at=NOON + day * DAY_MS)
            try:
                pruning.check([record])
            except Halted:
                assert back > 1
                return
            expected = stage.batch(record)
            found = decide(stage, store, pruning, record, previous=proof)
            proof = found.proof
            assert found.appends == expected.appends
