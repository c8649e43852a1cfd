"""Killing and stopping worker processes while records move through them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.app import run_folder
from pipeline.cli.workers import announced_workers, numbers_of
from pipeline.embedded import Supervisor
from pipeline.settings import Settings

Kind = Literal["kill", "stop"]

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Fault:
    """What is done to one of the workers of a stage."""

    kind: Kind
    stage: str


def schedule(counts: Mapping[tuple[Kind, str], int], *, seed: int) -> list[Fault]:
    """Return so many faults of each kind for each stage, in an order that the seed draws."""
    faults = [Fault(*fault) for fault, count in counts.items() for _ in range(count)]
    random.Random(seed).shuffle(faults)
    return faults


@dataclass
class Chaos:
    """Does faults to supervised workers and counts those that hit one at work."""

    settings: Settings
    supervisor: Supervisor
    seed: int
    stop_s: float  # how long a stopped one stays stopped
    hits: Counter[Fault] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def do(self, fault: Fault, *, within_s: float) -> None:
        """Wait until a worker of the stage commits records, and hit it then.

        `TimeoutError` where none moves any: the fault would prove nothing.
        """
        async with asyncio.timeout(within_s):
            pid = await self._at_work(fault.stage)
        if fault.kind == "kill":
            os.kill(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(self.stop_s)  # the fault itself
            finally:
                os.kill(pid, signal.SIGCONT)
        self.hits[fault] += 1

    async def _at_work(self, stage: str) -> int:
        """Return a worker of the stage whose count of committed records has just grown."""
        before: dict[int, int] = {}
        while True:
            now = await self._records(stage)
            alive = {self.supervisor.pid(name) for name in self._names(stage)}
            moving = [
                pid
                for pid, records in now.items()
                if pid in alive and before.get(pid, records) < records
            ]
            if moving:
                return self._random.choice(sorted(moving))
            before = now
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _records(self, stage: str) -> dict[int, int]:
        workers = announced_workers(run_folder(self.settings))
        found = {}
        for worker in workers:
            if worker.stage == stage:
                numbers = await numbers_of([worker])
                found[worker.pid] = numbers[stage].records
        return found

    def _names(self, stage: str) -> Sequence[str]:
        return [name for name in self.supervisor.names() if name.startswith(stage)]

    def report(self) -> str:
        """Return how often each fault hit a worker that was moving records."""
        return ", ".join(
            f"{fault.kind} {fault.stage} x{count}"
            for fault, count in sorted(self.hits.items(), key=lambda hit: str(hit[0]))
        )
