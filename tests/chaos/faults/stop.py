"""SIGSTOP: a worker that sleeps past its session, and wakes when its partitions are another's."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.watch import Moving
from tests.chaos.workers import kill

_MOST_S = 60.0

ZOMBIES = "stopped workers whose partitions had moved when they woke"
LOCKED_OUT = "second owners that could not have the locked folder and went on"


def stop_worker(stage: str, *, seconds: float, until_moved: bool = False) -> Fault:
    """Return the fault: one of the stage's workers stops for so long, then goes on.

    ``until_moved``: for longer, if it takes longer until others have its partitions.
    """

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        name = play.workers.name_of(moving.pid)
        assert name is not None
        kill(moving.pid, signal.SIGSTOP)
        try:
            left = await play.left_open(stage, moving)
            await asyncio.sleep(seconds)  # the fault itself
            if until_moved:
                await _eventually(lambda: _taken(play, moving, name))
            taken = _taken(play, moving, name)
        finally:
            kill(moving.pid, signal.SIGCONT)
        play.hits.facts[ZOMBIES] += taken
        return Hit(f"stop {stage}", moving=moving.partitions, open=left, note=f"{seconds:.1f} s")

    return strike


def stop_lock_holder(stage: str, *, seconds: float) -> Fault:
    """Return the fault: a worker stops, and another process wants the folder whose lock it holds."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        name = play.workers.name_of(moving.pid)
        assert name is not None
        second = f"{stage}-second"
        kill(moving.pid, signal.SIGSTOP)
        try:
            left = await play.left_open(stage, moving)
            await play.workers.start(second, slot=play.workers.slot(name))
            await asyncio.sleep(seconds)  # the fault itself
            await _eventually(lambda: play.workers.assigned(second))
            took = bool(play.workers.assigned(second)) and "slot-1000" in _folders(play)
        finally:
            kill(moving.pid, signal.SIGCONT)
        play.hits.facts[LOCKED_OUT] += took
        await play.workers.stop(second)
        return Hit(
            f"stop {stage} that holds its lock",
            moving=moving.partitions,
            open=left,
            note=f"{seconds:.1f} s",
        )

    return strike


def _taken(play: Play, moving: Moving, name: str) -> bool:
    """Return whether others have been given some of a worker's partitions."""
    return any(play.workers.owners(one, but=name) for one in moving.partitions)


async def _eventually(holds: Callable[[], object]) -> None:
    """Return as soon as it holds, or when it has not for long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_MOST_S):
            while not holds():  # noqa: ASYNC110  (other processes set no event)
                await asyncio.sleep(0.2)


def _folders(play: Play) -> set[str]:
    """Return the slots that workers have taken; one above 1000 belongs to nobody's number."""
    return {one.name for one in play.settings.state_folder().iterdir()}
