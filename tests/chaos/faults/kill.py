"""Kill -9 of a worker that is at work."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.workers import kill


def kill_worker(stage: str, *, before_restart: Callable[[Play, str], None] | None = None) -> Fault:
    """Return the fault: one of the stage's workers dies; its supervisor starts it again.

    ``before_restart`` is called with the worker's name at once, before the next life begins.
    """

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        name = play.workers.name_of(moving.pid)
        kill(moving.pid)
        if before_restart is not None and name is not None:
            before_restart(play, name)
        return Hit(
            f"kill {stage}",
            moving=moving.partitions,
            open=await play.left_open(stage, moving),
        )

    return strike
