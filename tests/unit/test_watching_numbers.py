"""Which numbers of a source count as missed: late, doubled, begun anew, not read."""

from __future__ import annotations

import pytest

from pipeline.watching.numbers import (
    ANEW_BELOW,
    LATE_WITHIN_MS,
    MOST_HOLES,
    Numbers,
    interrupted,
    seen,
    settled,
)

LATER = 10 * LATE_WITHIN_MS


def after(*batches: tuple[int, int], every_ms: int = 0) -> Numbers:
    numbers = Numbers()
    for at, (first, last) in enumerate(batches):
        numbers = seen(numbers, first=first, last=last, at_ms=at * every_ms)
    return numbers


@pytest.mark.parametrize(
    ("batches", "missed"),
    [
        pytest.param([(5, 5), (6, 9), (10, 10)], 0, id="one after the other"),
        pytest.param([(5, 5), (7, 7)], 1, id="one is missing"),
        pytest.param([(5, 5), (9, 9), (12, 12)], 5, id="two gaps"),
        pytest.param([(5, 5), (7, 7), (6, 6)], 0, id="late"),
        pytest.param([(5, 5), (9, 9), (7, 7)], 2, id="late, in the middle of a gap"),
        pytest.param([(5, 5), (9, 9), (6, 8)], 0, id="late, all of a gap"),
        pytest.param([(5, 6), (5, 6), (7, 7)], 0, id="twice"),
        pytest.param([(5, 5), (4, 7), (8, 8)], 0, id="overlapping"),
        pytest.param([(7, 6), (5, 5), (8, 8)], 0, id="in another order within a batch"),
        pytest.param([(5000, 5000), (0, 0), (1, 1)], 0, id="begun anew"),
        pytest.param([(9_998, 0), (1, 1)], 0, id="wrapped within a batch"),
        pytest.param([(5000, 5000), (0, 0), (3, 3)], 2, id="begun anew, then a gap"),
        pytest.param([(5000, 5000), (3, 3), (5001, 5001)], 0, id="an old file once more"),
        pytest.param([(5000, 5000), (3, 3), (5003, 5003)], 2, id="an old file, then a gap"),
        pytest.param([(1, 1), (5000, 5000)], 4998, id="a wide gap"),
        pytest.param([(0, 0), (2, 2)], 1, id="from nought on"),
        pytest.param([(17, 17)], 0, id="the first says nothing of those before"),
    ],
)
def test_what_did_not_come_is_missed(batches, missed):
    assert settled(after(*batches), at_ms=LATER).missed == missed


def test_a_number_is_missed_only_when_it_is_too_late():
    numbers = after((1, 1), (3, 3))
    assert settled(numbers, at_ms=LATE_WITHIN_MS - 1).missed == 0
    missed = settled(numbers, at_ms=LATE_WITHIN_MS)
    assert (missed.missed, missed.holes) == (1, ())
    again = seen(missed, first=2, last=2, at_ms=LATE_WITHIN_MS + 1)
    assert again.missed == 1, "what was told is not taken back: it is a counter"


def test_numbers_that_nobody_has_read_are_no_gap():
    numbers = interrupted(after((1, 1), (5, 5)))
    numbers = seen(numbers, first=90, last=90, at_ms=0)
    assert settled(numbers, at_ms=LATER).missed == 0


def test_of_many_gaps_the_oldest_are_given_up():
    numbers = after(*((n, n) for n in range(0, 4 * MOST_HOLES, 2)))
    assert len(numbers.holes) == MOST_HOLES
    assert numbers.missed == MOST_HOLES - 1


def test_the_distance_at_which_a_source_begins_anew():
    start = 10 * ANEW_BELOW
    assert after((start, start), (start - ANEW_BELOW, start - ANEW_BELOW)).highest == start
    below = start - ANEW_BELOW - 1
    assert after((start, start), (below, below)).highest == below


def test_numbers_that_follow_each_other_leave_no_hole():
    assert after((1, 1), (2, 2), (3, 5)) == Numbers(highest=5)
