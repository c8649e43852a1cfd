"""A process of the simulation: it may be killed, stopped and slowed at every point it passes.

A point is a moment at which a client of the outside (Kafka, RocksDB, Postgres) is called or
answers. What a dead process does has no effect: its clients raise, and its clean-up reaches nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.schedule import Schedule

_CURRENT: contextvars.ContextVar[Process] = contextvars.ContextVar("process")


def current() -> Process:
    """Return the process whose code is running."""
    return _CURRENT.get()


class Process:
    """One process of the installation. Nothing goes wrong in one that is ``spared``."""

    def __init__(self, name: str, schedule: Schedule, *, spared: bool = False) -> None:
        self.name = name
        self.spared = spared
        self.dead = False
        self.asked_to_end = False
        self.on_death: list[Callable[[], None]] = []  # what the operating system closes
        self._schedule = schedule
        self._running = asyncio.Event()
        self._running.set()
        self._main: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> bool:
        return not self._running.is_set()

    def enter(self) -> None:
        """Let the running task, and all that it starts, belong to this process."""
        _CURRENT.set(self)
        self._main = asyncio.current_task()

    def kill(self) -> None:
        """End it as SIGKILL does: nothing it does from here on has an effect."""
        if self.dead:
            return
        self.dead = True
        self._running.set()
        for release in self.on_death:
            release()
        if self._main is not None:
            self._main.cancel()

    def terminate(self) -> None:
        """Ask it to end as SIGTERM does: it cleans up after itself."""
        self.asked_to_end = True
        if self._main is not None:
            self._main.cancel()

    def stop(self, for_s: float) -> None:
        """Let it stand still as SIGSTOP does, and go on after a while."""
        self._running.clear()
        asyncio.get_running_loop().call_later(for_s, self._running.set)

    def check(self) -> None:
        """Raise in a dead process: it never comes back from a call."""
        if self.dead:
            raise asyncio.CancelledError(f"{self.name} is dead")

    async def at(self, point: str) -> None:
        """Pass a point: what the schedule has for it happens here."""
        self.check()
        await asyncio.sleep(self._schedule.delay_s(self, point))
        self.check()
        self._schedule.passed(self, point)
        while self.stopped:
            await self._running.wait()
        self.check()

    def at_once(self, point: str) -> None:
        """Pass a point in code that cannot wait: a stop takes effect at the next one."""
        self.check()
        self._schedule.passed(self, point)
        self.check()
