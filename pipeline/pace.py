"""Small batches, one behind the other, are given time to grow into one."""

from __future__ import annotations

import asyncio


class Pace:
    """The least time between two batches of one partition, where they are small.

    A transaction costs milliseconds of CPU, here and at the broker, however few records are in it.
    Records that come one by one, and fast, would otherwise be committed almost one by one, and
    wait for each other's commits. The first record after a pause is never kept waiting.
    """

    def __init__(self, every_ms: int) -> None:
        self._every_s = every_ms / 1000
        self._last_s = float("-inf")
        self._full = True

    async def turn(self) -> None:
        """Return when the next batch may be taken: at once, unless the last one was small."""
        if self._full:
            return
        wait_s = self._last_s + self._every_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def took(self, *, full: bool) -> None:
        """Note that a batch begins. ``full``: there was more than it could take."""
        self._last_s = asyncio.get_running_loop().time()
        self._full = full
