"""Laws of sequence numbers: batches, doubles and a short disorder change nothing; a gap is its size."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from pipeline.watching.numbers import LATE_WITHIN_MS, Numbers, seen, settled

NUMBERS = st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True)


def counted(batches: list[tuple[int, int]]) -> int:
    numbers = Numbers()
    for first, last in batches:
        numbers = seen(numbers, first=first, last=last, at_ms=0)
    return settled(numbers, at_ms=LATE_WITHIN_MS).missed


@given(NUMBERS)
def test_what_is_missed_is_what_never_came(came):
    came = sorted(came)
    expected = set(range(came[0], came[-1] + 1)) - set(came)
    assert counted([(number, number) for number in came]) == len(expected)


@given(NUMBERS, st.data())
def test_order_and_doubles_change_nothing_once_the_first_was_seen(came, data):
    first, *rest = sorted(came)
    arrived = data.draw(st.permutations(rest + data.draw(st.lists(st.sampled_from(came)))))
    assert counted([(first, first), *((n, n) for n in arrived)]) == counted(
        [(n, n) for n in sorted(came)]
    )


@given(st.integers(1, 40), st.sets(st.integers(2, 40)), st.data())
def test_how_numbers_without_a_gap_are_cut_into_batches_changes_nothing(count, cuts, data):
    edges = sorted({1, count + 1, *(cut for cut in cuts if cut <= count)})
    batches = [(first, end - 1) for first, end in itertools.pairwise(edges)]
    through_partitions = data.draw(st.permutations(batches[1:]))
    assert counted([*batches[:1], *through_partitions]) == 0


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), max_size=20))
def test_a_counter_never_falls_whatever_comes(batches):
    numbers, last = Numbers(), 0
    for at, batch in enumerate(batches):
        numbers = seen(numbers, first=batch[0], last=batch[1], at_ms=at * LATE_WITHIN_MS // 3)
        assert numbers.missed >= last
        assert all(hole.first < hole.end for hole in numbers.holes)
        last = numbers.missed
