"""Keeps worker processes running: a dead one is started again at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded.children import leashed

QUICK_DEATH_S = 10.0  # a worker that lived longer did some work, so its death starts a new count
_BACK_OFF_S = (0.0, 0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # by quick deaths in a row; at once, at first
_STOP_GRACE_S = 15.0


@dataclass
class _Worker:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0


class Supervisor:
    """Owns its workers: they end with `stop`, and also when this process is killed."""

    def __init__(
        self,
        log_folder: Path,
        *,
        on_event: Callable[[str], None] = lambda _: None,
        stop_grace_s: float = _STOP_GRACE_S,
    ) -> None:
        self._log_folder = log_folder
        self._on_event = on_event
        self._stop_grace_s = stop_grace_s
        self._workers: dict[str, _Worker] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    async def start(self, name: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start the command and keep it running; `env` is added to our own environment."""
        assert name not in self._workers, f"{name} is supervised already"
        self._log_folder.mkdir(parents=True, exist_ok=True)
        worker = _Worker(name, tuple(argv), env, self._log_folder / f"{name}.log")
        await self._spawn(worker)
        self._workers[name] = worker
        self._watches[name] = asyncio.create_task(self._watch(worker), name=f"watch {name}")

    def names(self) -> tuple[str, ...]:
        return tuple(self._workers)

    def pid(self, name: str) -> int | None:
        """Return its pid, or nothing while it is between two lives."""
        process = self._workers[name].process
        return process.pid if process and process.returncode is None else None

    def restarts(self, name: str) -> int:
        """Return how often it was started again."""
        return self._workers[name].restarts

    async def stop(self) -> None:
        """Return when every worker has ended: TERM to all at once, KILL after the grace."""
        watches = list(self._watches.values())
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await asyncio.gather(*(self._end(worker) for worker in self._workers.values()))
        self._watches.clear()
        self._workers.clear()

    async def _spawn(self, worker: _Worker) -> None:
        with worker.log.open("ab") as log:
            worker.process = await asyncio.create_subprocess_exec(
                *leashed(worker.argv, dies_on=signal.SIGTERM),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **worker.env},
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on
            )

    async def _watch(self, worker: _Worker) -> None:
        clock = asyncio.get_running_loop().time
        quick_deaths = 0
        while True:
            started = clock()
            assert worker.process is not None
            code = await worker.process.wait()
            _kill_group(worker.process.pid)  # what it may have started itself
            quick_deaths = quick_deaths + 1 if clock() - started < QUICK_DEATH_S else 0
            pause_s = _BACK_OFF_S[min(quick_deaths, len(_BACK_OFF_S) - 1)]
            self._on_event(_what_happened(worker, code, quick_deaths, pause_s))
            await self._spawn_again(worker, pause_s)

    async def _spawn_again(self, worker: _Worker, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._spawn(worker)
            except OSError as error:  # no memory, no file handle, a full disk: it may pass
                pause_s = _BACK_OFF_S[-1]
                self._on_event(
                    f"{worker.name} cannot be started: {error}; it is tried again in "
                    f"{pause_s:.0f} s. Operator action: free what the system lacks."
                )
            else:
                worker.restarts += 1
                return

    async def _end(self, worker: _Worker) -> None:
        process = worker.process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._stop_grace_s):
                await process.wait()
        except TimeoutError:
            self._on_event(f"{worker.name} did not end on TERM, it is killed")
        _kill_group(process.pid)
        await process.wait()


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _what_happened(worker: _Worker, code: int, quick_deaths: int, pause_s: float) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    if pause_s == 0:
        return f"{worker.name} ended with {how}, it is started again"
    return (
        f"{worker.name} ended with {how}, {quick_deaths} times in a row soon after its start; it is "
        f"started again in {pause_s:.0f} s. Operator action: read the end of {worker.log}."
    )
