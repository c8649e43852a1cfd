"""Whether a worker lives and whether it is ready: what `/livez` and `/readyz` answer.

Written by the worker's event loop, read by the threads of its HTTP server.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pipeline.clock import Clock, SystemClock

COMMIT_WITHIN_S = 120.0  # longer than any batch or transaction may take, with its time-outs
_BEAT_EVERY_S = 1.0
_NS = 1_000_000_000


class Phase(StrEnum):
    """How far an owned partition is."""

    STARTING = "starting"  # fences, and looks where it is
    RESTORING = "restoring"  # folds its changelog into its state
    WORKING = "working"
    STOPPED = "stopped"  # in doubt; it starts again by itself


class Check(NamedTuple):
    """One line of an answer."""

    name: str
    holds: bool
    says: str


@dataclass(slots=True)
class _Owned:
    phase: Phase
    says: str
    behind: int
    moved_ns: int  # when it had committed, or had nothing to do, last


class Health:
    """What is known of one worker process."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        alive_within_s: float = 60.0,
        needs_database: bool = False,
    ) -> None:
        """``alive_within_s``: how long the event loop may be busy without saying that it lives."""
        self._clock = clock or SystemClock()
        self._alive_within_s = alive_within_s
        self._needs_database = needs_database
        self._lock = threading.Lock()
        self._beat_ns = self._clock.monotonic_ns()
        self._assigned = False
        self._owned: dict[str, _Owned] = {}
        self._database: str | None = "not asked yet"  # why it does not answer; None: it does

    def beat(self) -> None:
        """Say that the event loop still takes turns."""
        self._beat_ns = self._clock.monotonic_ns()

    def assigned(self) -> None:
        """Say that the group has answered which partitions are ours; it may be none."""
        self._assigned = True

    def owned(self, partition: str) -> None:
        """Say that a partition is ours from now on."""
        with self._lock:
            self._owned[partition] = _Owned(Phase.STARTING, "", 0, self._clock.monotonic_ns())

    def released(self, partition: str) -> None:
        """Say that a partition is not ours any more."""
        with self._lock:
            self._owned.pop(partition, None)

    def phase(self, partition: str, phase: Phase, says: str = "") -> None:
        """Say how far a partition is; nothing where it is not ours."""
        with self._lock:
            if (owned := self._owned.get(partition)) is None:
                return
            if owned.phase is not phase:
                owned.moved_ns = self._clock.monotonic_ns()
            owned.phase, owned.says = phase, says

    def moved(self, partition: str, *, behind: int, committed: bool) -> None:
        """Say how many offsets a partition is behind, and whether it has just committed."""
        with self._lock:
            if (owned := self._owned.get(partition)) is None:
                return
            # What comes after a pause is waited for from its arrival on, not from the pause.
            if committed or not behind or not owned.behind:
                owned.moved_ns = self._clock.monotonic_ns()
            owned.behind = behind

    def database(self, problem: str | None) -> None:
        """Say why the database does not answer; None: it does."""
        self._database = problem

    def live(self) -> list[Check]:
        """Return whether the event loop takes turns: where it does not, a restart helps."""
        for_s = (self._clock.monotonic_ns() - self._beat_ns) // _NS
        says = "takes turns" if for_s <= self._alive_within_s else f"took no turn for {for_s} s"
        return [Check("event loop", for_s <= self._alive_within_s, says)]

    def ready(self) -> list[Check]:
        """Return whether the worker does its work: owned partitions restored and moving."""
        with self._lock:
            owned = dict(sorted(self._owned.items()))
            checks = [
                *self.live(),
                Check("partitions", self._assigned, self._ownership(len(owned))),
                *(self._restored(name, one) for name, one in owned.items()),
                *(
                    self._commits(name, one)
                    for name, one in owned.items()
                    if one.phase is Phase.WORKING
                ),
            ]
        if self._needs_database:
            problem = self._database
            checks.append(Check("database", problem is None, problem or "answers"))
        return checks

    def _ownership(self, count: int) -> str:
        return f"{count} owned" if self._assigned else "the group has not answered yet"

    def _restored(self, name: str, owned: _Owned) -> Check:
        says = f"{owned.phase}: {owned.says}" if owned.says else str(owned.phase)
        return Check(f"tables of {name}", owned.phase is Phase.WORKING, says)

    def _commits(self, name: str, owned: _Owned) -> Check:
        for_s = (self._clock.monotonic_ns() - owned.moved_ns) // _NS
        if not owned.behind:
            return Check(f"commits of {name}", True, "nothing waits")
        return Check(
            f"commits of {name}",
            for_s <= COMMIT_WITHIN_S,
            f"{owned.behind} offsets behind, last commit {for_s} s ago",
        )


async def keep_beating(health: Health) -> None:
    """Say again and again that the event loop takes turns, until cancelled."""
    while True:
        health.beat()
        await asyncio.sleep(_BEAT_EVERY_S)


def page_of(checks: list[Check]) -> str:
    """Return an answer as text: a line for each check, then the outcome."""
    lines = [f"[{'+' if one.holds else '-'}] {one.name}: {one.says}" for one in checks]
    lines.append("ok" if holds(checks) else "not ok")
    return "\n".join(lines) + "\n"


def holds(checks: list[Check]) -> bool:
    """Return whether all of them hold."""
    return all(one.holds for one in checks)
