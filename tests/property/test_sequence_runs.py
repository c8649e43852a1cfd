"""Laws of runs: they hold what was added, whatever the order, and are as few as can be."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mediation.runs import MOST_RUNS, add_to_runs


def runs_of(numbers: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        add_to_runs(runs, number)
    return runs


@given(st.lists(st.integers(0, 60)))
def test_runs_hold_exactly_what_was_added_and_neither_touch_nor_fall(numbers):
    runs = runs_of(numbers)
    held = [number for first, last in runs for number in range(first, last + 1)]
    assert held == sorted(set(numbers))
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(runs))


def test_of_too_many_runs_the_lowest_are_joined():
    runs = runs_of(list(range(0, 4 * MOST_RUNS, 2)))
    assert len(runs) == MOST_RUNS
    assert (runs[0][0], runs[-1]) == (0, (4 * MOST_RUNS - 2, 4 * MOST_RUNS - 2))
