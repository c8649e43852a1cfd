"""Sequence numbers as runs without a gap, so that one that is missing within a batch can be told."""

from __future__ import annotations

from bisect import bisect_right

MOST_RUNS = 256  # of one source in one batch: a proof is one record


def add_to_runs(runs: list[tuple[int, int]], number: int) -> None:
    """Add a number to runs (first, last), which rise and do not touch.

    Of too many, the two lowest are made one: a gap between them is not told.
    """
    if runs and runs[-1][0] <= number <= runs[-1][1]:
        return  # of one file come many records
    at = bisect_right(runs, (number, number))
    first = last = number
    if at and runs[at - 1][1] >= number - 1:
        at -= 1
        first, last = runs[at][0], max(number, runs[at][1])
        del runs[at]
    if at < len(runs) and runs[at][0] <= last + 1:
        first, last = min(first, runs[at][0]), max(last, runs[at][1])
        del runs[at]
    runs.insert(at, (first, last))
    if len(runs) > MOST_RUNS:
        runs[:2] = [(runs[0][0], runs[1][1])]
