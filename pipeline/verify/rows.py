"""Rows of a table, taken batch by batch in step with a topic."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Generic, Protocol, TypeVar


class _Numbered(Protocol):
    @property
    def batch(self) -> int: ...


RowT = TypeVar("RowT", bound=_Numbered)


class RowsByBatch(Generic[RowT]):
    """Rows in the order of their batches, a chunk of them in memory."""

    def __init__(self, chunks: AsyncIterator[Sequence[RowT]]) -> None:
        self._chunks = chunks
        self._waiting: deque[RowT] = deque()
        self._more = True

    async def upto(self, batch: int) -> list[RowT]:
        """Return the rows that are left of the batches up to one, that one included."""
        taken: list[RowT] = []
        waiting = self._waiting
        while True:
            while waiting and waiting[0].batch <= batch:
                taken.append(waiting.popleft())
            if waiting or not await self._next():
                return taken

    async def first_left(self) -> RowT | None:
        """Return the next row without taking it; None at the end."""
        while not self._waiting and await self._next():
            pass
        return self._waiting[0] if self._waiting else None

    async def _next(self) -> bool:
        if not self._more:
            return False
        try:
            self._waiting.extend(await anext(self._chunks))
        except StopAsyncIteration:
            self._more = False
        return self._more
