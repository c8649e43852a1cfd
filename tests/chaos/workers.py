"""The worker processes of a run, each under a supervisor of its own, so that one can be ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from pipeline.cli.stack import log_folder, worker_command
from pipeline.embedded import Supervisor
from pipeline.settings import Settings

_STOP_S = 20.0
_ASSIGNED = re.compile(r"\bassigned +\[pipeline\.ownership\] partitions=(\[.*\])")
_NUMBER = re.compile(r"/(\d+)'")


class Workers:
    """Named `stage` or `stage-number`; the supervisor starts a dead one again, as `up` does."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self.environment = dict(environment)  # of workers that are started from now on
        self._supervisors: dict[str, Supervisor] = {}
        self._slots: dict[str, int] = {}

    async def start(
        self, *names: str, slot: int | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        """Start workers; each keeps the slot that it got first."""
        for name in names:
            number = self._slots.setdefault(name, len(self._slots)) if slot is None else slot
            supervisor = Supervisor(log_folder(self._settings), stop_grace_s=_STOP_S)
            self._supervisors[name] = supervisor
            environment = {**self.environment, **(more or {}), "RATEMILL_SLOT": str(number)}
            await supervisor.start(name, worker_command(stage_of(name)), environment)

    async def stop(self, *names: str) -> None:
        """Return when the workers have ended, by TERM; all of them where none is named."""
        chosen = names or tuple(self._supervisors)
        await asyncio.gather(*(self._supervisors.pop(name).stop() for name in chosen))

    def names(self, stage: str | None = None) -> list[str]:
        """Return the workers, or those of a stage."""
        return [name for name in self._supervisors if stage in (None, stage_of(name))]

    def pid(self, name: str) -> int | None:
        """Return its pid, or nothing while it is between two lives."""
        return self._supervisors[name].pid(name)

    def name_of(self, pid: int) -> str | None:
        """Return whose process it is."""
        return next((name for name in self._supervisors if self.pid(name) == pid), None)

    def pids(self, stage: str) -> dict[int, str]:
        """Return the living processes of a stage, with their names."""
        found = ((self.pid(name), name) for name in self.names(stage))
        return {pid: name for pid, name in found if pid is not None}

    def restarts(self) -> int:
        """Return how often any of them was started again."""
        return sum(one.restarts(name) for name, one in self._supervisors.items())

    def slot(self, name: str) -> int:
        """Return the slot of a worker."""
        return self._slots[name]

    def state_folder(self, name: str) -> Path:
        """Return the folder of its RocksDB states."""
        return self._settings.state_folder() / f"slot-{self.slot(name)}"

    def assigned(self, name: str) -> set[str]:
        """Return what the group last gave to a worker, `rate/2`, by its log."""
        said = _ASSIGNED.findall(self.log(name))
        return {f"{stage_of(name)}/{one}" for one in _NUMBER.findall(said[-1])} if said else set()

    def owners(self, partition: str, *, but: str) -> list[str]:
        """Return the workers, but for one, whom the group has given a partition, `rate/2`."""
        stage = partition.partition("/")[0]
        return [
            name for name in self.names(stage) if name != but and partition in self.assigned(name)
        ]

    def wipe_state(self, name: str) -> None:
        """Remove the states of a worker that does not run; its slot stays its own."""
        for folder in self.state_folder(name).glob(f"{stage_of(name)}-*/"):
            shutil.rmtree(folder)

    def log(self, name: str) -> str:
        """Return what it has logged."""
        path = log_folder(self._settings) / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def stage_of(name: str) -> str:
    """Return the stage of a worker."""
    return name.partition("-")[0]


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
