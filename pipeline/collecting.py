"""How often Python looks for garbage: seldom, where batches of records come and go."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Have the garbage collector look seldom, in this process, from now on.

    A batch of thousands of records is no garbage: with Python's own 700 it would be walked over
    and over while it is made. Cycles are what errors and connections leave, now and then.
    """
    gc.set_threshold(50_000, 20, 100)
