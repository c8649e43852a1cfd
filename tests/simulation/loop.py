"""An event loop whose time is made up: it jumps to the next timer instead of waiting for it.

Everything that runs on it is in memory, so the order of what happens depends on the seed alone:
tasks hash by their number, work for threads is done at once, and nothing reads a clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

_RESOLUTION_S = 1e-6


class Stuck(Exception):
    """Nothing is left that could ever happen, and the simulation has not ended."""


class _Task(asyncio.Task):
    """A task that hashes by its number: a set of tasks then has the same order in every run."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class _Selector(selectors.BaseSelector):
    """Selects nothing; a time-out is not waited for, time moves on by it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, hash(fileobj), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("no timer is set and no task is ready")
        if timeout > 0:
            self._loop.now_s += timeout
        return []

    def get_map(self) -> dict[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0 s; see the module."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._numbers = 0
        super().__init__(_Selector(self))
        self._clock_resolution = _RESOLUTION_S
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self.now_s

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **named: Any
    ) -> asyncio.Task[Any]:
        self._numbers += 1
        task = _Task(coroutine, loop=loop, **named)
        task.number = self._numbers
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what ``work`` returns, run on a virtual loop to its end."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in sorted(left, key=hash):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
