"""Pruning a real RocksDB: what goes, what stays, how much at once, and when it must not go on."""

import pytest

from mediation.changes import MARK_KEY, day_key, identities_of, state_changes
from mediation.dedup import DAY_MS, Mark, MarkState, Window, mark_to_bytes
from pipeline.errors import Halted
from pipeline.pruning import Pruning
from pipeline.state import FORMAT, Folded, StateStore
from schemas.flow import SourceRecord

HORIZON_DAYS = 10
WINDOW = Window(horizon_ms=HORIZON_DAYS * DAY_MS, future_ms=DAY_MS)
FOLDED = Folded(FORMAT, "c", "g", 1, "0" * 32)


@pytest.fixture
def store(tmp_path):
    store = StateStore(tmp_path / "state")
    yield store
    store.close()


def identity(number):
    return number.to_bytes(16, "big")


def fill(store, numbers, *, day, batch, state=MarkState.PASSED):
    marks = [
        (MARK_KEY + identity(n), mark_to_bytes(Mark(bytes(8), 1, day, state, n, 0)))
        for n in numbers
    ]
    store.write(state_changes(marks, batch=batch), FOLDED)


def read_on(day):
    """A raw record that was appended at the beginning of a day."""
    return [SourceRecord(0, 7, day * DAY_MS, None, b"", ())]


def marked(store):
    return {int.from_bytes(key[1:], "big") for key, _ in store.items() if key[:1] == MARK_KEY}


def test_nothing_goes_before_a_record_was_read(store):
    fill(store, range(5), day=0, batch=1)
    assert Pruning(store, WINDOW).step() == 0
    assert marked(store) == {0, 1, 2, 3, 4}


def test_days_behind_the_horizon_and_a_day_of_slack_go(store):
    for day in range(4):
        fill(store, [day], day=day, batch=day + 1)
    # At the beginning of day 13 all of day 2 is behind the horizon; a day is left for the clock.
    assert Pruning(store, WINDOW).step(read_on(13)) == 4  # two marks, two entries of the index
    assert marked(store) == {2, 3}
    assert store.pruned_before == 2


def test_a_step_looks_at_a_bounded_number_of_keys_and_goes_on_where_it_was(store):
    fill(store, range(1_200), day=0, batch=1)
    fill(store, range(1_200, 1_300), day=0, batch=2)
    pruning = Pruning(store, WINDOW)
    assert pruning.step(read_on(20)) == 500
    assert len(marked(store)) == 800
    assert len(identities_of(dict(store.items())[day_key(0, batch=1)])) == 700
    assert pruning.step() == 500
    assert pruning.step() == 302  # the rest, and the two entries
    assert pruning.step() == 0
    assert list(store.items()) == []


def test_a_busy_partition_is_pruned_faster_than_it_is_marked(store):
    fill(store, range(4_000), day=0, batch=1)
    assert Pruning(store, WINDOW).step(read_on(20), changes=1_500) == 3_000


def test_pinned_marks_stay_and_do_not_stop_what_is_behind_them(store):
    fill(store, range(700), day=0, batch=1, state=MarkState.SUSPENDED)
    fill(store, range(700, 800), day=0, batch=2)
    fill(store, [800], day=1, batch=3, state=MarkState.HELD)
    pruning = Pruning(store, WINDOW)
    assert [pruning.step(read_on(20)) for _ in range(3)] == [0, 101, 0]
    assert marked(store) == {*range(700), 800}
    # Written off: free, and indexed anew under its old day.
    fill(store, [3], day=0, batch=9, state=MarkState.WRITTEN_OFF)
    assert pruning.step(read_on(20)) == 0, "the pass is over until the horizon moves on"
    assert [pruning.step(read_on(21)), pruning.step()] == [1, 1]  # the mark, its newer entry
    assert marked(store) == {*range(700), 800} - {3}


def test_a_mark_that_was_made_anew_under_another_day_stays(store):
    fill(store, [1, 2], day=0, batch=1)
    fill(store, [1], day=15, batch=2)
    assert Pruning(store, WINDOW).step(read_on(20)) == 2
    assert marked(store) == {1}
    assert dict(store.items())[day_key(15, batch=2)] == identity(1)


def test_an_older_record_behind_newer_ones_prunes_no_less(store):
    fill(store, [1], day=0, batch=1)
    pruning = Pruning(store, WINDOW)
    pruning.step(read_on(20))
    assert pruning.step(read_on(19)) == 0


class TestWhatWasPrunedIsNotAskedFor:
    def test_a_clock_that_is_set_back_by_more_than_a_day_halts(self, store):
        fill(store, [1], day=5, batch=1)
        Pruning(store, WINDOW).step(read_on(30))
        assert store.pruned_before == 19
        again = Pruning(store, WINDOW)  # after a restart too
        again.check(read_on(29))
        with pytest.raises(Halted, match="Operator action: was RATEMILL_DEDUP_HORIZON_MS"):
            again.check(read_on(28))

    def test_a_horizon_that_is_raised_halts_until_enough_time_has_passed(self, store):
        fill(store, [1], day=5, batch=1)
        Pruning(store, WINDOW).step(read_on(30))
        longer = Pruning(store, Window(horizon_ms=12 * DAY_MS, future_ms=DAY_MS))
        with pytest.raises(Halted, match="pruned"):
            longer.check(read_on(30))
        longer.check(read_on(31))

    def test_where_nothing_was_pruned_nothing_is_checked(self, store):
        fill(store, [1], day=15, batch=1)
        pruning = Pruning(store, WINDOW)
        pruning.step(read_on(20))
        assert store.pruned_before is None
        pruning.check(read_on(3))
