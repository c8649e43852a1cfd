"""How long to wait before the next try: longer each time, until something worked."""

from __future__ import annotations

import asyncio

_FIRST_S = 0.2
_MOST_S = 15.0


class Backoff:
    """Waits that double from 0.2 s to 15 s; `reset` after any progress."""

    def __init__(self, *, first_s: float = _FIRST_S, most_s: float = _MOST_S) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def reset(self) -> None:
        """Let the next wait be the shortest one again."""
        self._next_s = self._first_s

    async def wait(self) -> None:
        """Wait, and let the next wait be twice as long."""
        wait_s, self._next_s = self._next_s, min(self._next_s * 2, self._most_s)
        await asyncio.sleep(wait_s)
