import pytest

from mediation.changes import (
    DAY_KEY,
    FILE_KEY,
    MARK_KEY,
    UnreadableChanges,
    day_key,
    identities_of,
    pack,
    prune,
    state_changes,
    unpack,
)
from mediation.dedup import (
    DAY_MS,
    MARK_BYTES,
    Mark,
    MarkState,
    Seen,
    Window,
    mark_from_bytes,
    mark_to_bytes,
    seen,
)
from mediation.file_progress import NOTHING, progress_to_bytes
from schemas.refusal import RefusalReason

A, B = b"a" * 8, b"b" * 8
WINDOW = Window(horizon_ms=10 * DAY_MS, future_ms=DAY_MS)


def mark(*, content=A, version=1, day=100, state=MarkState.PASSED):
    return Mark(content, version, day, state, 77, 3)


@pytest.mark.parametrize(
    ("known", "content", "version", "answer"),
    [
        (None, A, 1, Seen.NEVER),
        (mark(), A, 1, Seen.DUPLICATE),
        (mark(), B, 1, Seen.CONFLICT),
        (mark(), B, 2, Seen.DUPLICATE),  # hashes of other fields cannot be compared
        (mark(state=MarkState.SUSPENDED), A, 1, Seen.DUPLICATE),
        (mark(state=MarkState.SUSPENDED), B, 1, Seen.CONFLICT),
        (mark(state=MarkState.WRITTEN_OFF), A, 1, Seen.DUPLICATE),
    ],
)
def test_seen_before(known, content, version, answer):
    assert seen(known, content=content, version=version) is answer


@pytest.mark.parametrize(
    ("started_at_ms", "reason"),
    [
        (90 * DAY_MS - 1, RefusalReason.OLDER_THAN_DEDUP_HORIZON),
        (90 * DAY_MS, None),
        (101 * DAY_MS, None),
        (101 * DAY_MS + 1, RefusalReason.TOO_FAR_IN_FUTURE),
    ],
)
def test_the_window_is_measured_from_the_append_time(started_at_ms, reason):
    refused = WINDOW.check(started_at_ms, appended_at_ms=100 * DAY_MS)
    assert (refused.reason if refused else None) is reason


def test_a_mark_behind_the_horizon_does_not_count_but_a_pinned_one_does():
    last_ms = 111 * DAY_MS - 1  # day 100 ended at 101 days; ten more make 111
    assert WINDOW.remembers(mark(), appended_at_ms=last_ms)
    assert not WINDOW.remembers(mark(), appended_at_ms=last_ms + 1)
    assert WINDOW.remembers(mark(state=MarkState.SUSPENDED), appended_at_ms=last_ms + 1)
    # Pruning leaves a day for a broker whose clock is set back.
    assert not WINDOW.may_prune(mark(), appended_at_ms=last_ms + DAY_MS)
    assert WINDOW.may_prune(mark(), appended_at_ms=last_ms + DAY_MS + 1)


def test_a_mark_is_27_bytes_and_comes_back():
    assert len(mark_to_bytes(mark())) == MARK_BYTES == 27
    assert mark_from_bytes(mark_to_bytes(mark(day=-5))) == mark(day=-5)


def test_changes_come_back_as_they_were():
    changed = {
        MARK_KEY + b"1" * 16: mark_to_bytes(mark()),
        FILE_KEY + b"2" * 16: progress_to_bytes(NOTHING),
        FILE_KEY + b"3" * 16: None,
    }
    packed = pack(changed)
    assert len(packed) == 44 + 61 + 17
    assert dict(unpack(packed)) == changed


def test_an_entry_of_a_newer_build_is_not_guessed_at():
    with pytest.raises(UnreadableChanges, match="Operator action"):
        list(unpack(b"\x09" + bytes(16)))


def test_marks_are_found_by_day_for_pruning():
    one, two = MARK_KEY + b"1" * 16, MARK_KEY + b"2" * 16
    changes = dict(
        state_changes([(one, mark_to_bytes(mark())), (two, mark_to_bytes(mark(day=101)))], batch=9)
    )
    assert changes[day_key(100, batch=9)] == b"1" * 16
    assert changes[day_key(101, batch=9)] == b"2" * 16
    assert day_key(-1, batch=9) < day_key(0, batch=0) < day_key(1, batch=0)
    assert day_key(0, batch=0).startswith(DAY_KEY)


def test_pruning_deletes_what_is_behind_the_horizon_and_keeps_what_is_pinned():
    keys = [MARK_KEY + bytes([n]) * 16 for n in range(3)]
    indexed = b"".join(key[1:] for key in keys)
    assert identities_of(indexed) == keys
    state = {
        keys[0]: mark_to_bytes(mark()),
        keys[1]: mark_to_bytes(mark(state=MarkState.SUSPENDED)),
    }
    index = day_key(100, batch=1)
    late_ms = 200 * DAY_MS
    at = {"window": WINDOW, "appended_at_ms": late_ms}
    assert prune(index, indexed, state, **at) == (
        [(keys[0], None), (index, keys[1][1:])],
        None,
    )
    assert prune(index, keys[1][1:], state, **at) == ([], None)
    state[keys[1]] = mark_to_bytes(mark(state=MarkState.WRITTEN_OFF))
    assert prune(index, keys[1][1:], state, **at) == ([(keys[1], None), (index, None)], None)


def test_pruning_may_look_at_a_part_of_an_entry_and_goes_on_behind_what_it_kept():
    keys = [MARK_KEY + bytes([n]) * 16 for n in range(5)]
    state = {key: mark_to_bytes(mark()) for key in keys}
    state[keys[1]] = mark_to_bytes(mark(state=MarkState.SUSPENDED))
    index, at = day_key(100, batch=1), {"window": WINDOW, "appended_at_ms": 200 * DAY_MS}
    indexed = b"".join(key[1:] for key in keys)
    changes, after = prune(index, indexed, state, **at, first=0, most=3)
    left = b"".join(keys[n][1:] for n in (1, 3, 4))
    assert changes == [(keys[0], None), (keys[2], None), (index, left)]
    assert after == 1
    changes, after = prune(index, left, state, **at, first=1, most=3)
    assert changes == [(keys[3], None), (keys[4], None), (index, keys[1][1:])]
    assert after is None
