"""Orderly ends under load: every worker in turn is ended by TERM and started again; scaling."""

from __future__ import annotations

import asyncio

from tests.chaos.hits import Hit
from tests.chaos.play import AT_WORK_S, Fault, Play
from tests.chaos.workers import stage_of


def restart_in_turn(name: str) -> Fault:
    """Return the fault: this worker ends by TERM while it works, and is started again."""

    async def strike(play: Play) -> Hit:
        stage = stage_of(name)
        # Which of a stage's workers has busy partitions, the group decides.
        moving = await play.at_work(stage)
        await play.workers.stop(name)
        await play.workers.start(name)
        return Hit(f"rolling restart of {stage}", moving=moving.partitions, note=name)

    return strike


def scale(stage: str, *, to: int) -> Fault:
    """Return the fault: workers are added or ended until there are so many."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        names = play.workers.names(stage)
        before = len(names)
        if to < before:
            await play.workers.stop(*names[to:])
        else:
            added = [f"{stage}-{number}" for number in range(before + 1, to + 1)]
            await play.workers.start(*added)
            await _all_own_something(play, stage)
        return Hit(f"scale {stage} from {before} to {to}", moving=moving.partitions)

    return strike


async def _all_own_something(play: Play, stage: str) -> None:
    """Return when each worker of a stage has taken partitions over."""
    async with asyncio.timeout(AT_WORK_S):
        while True:
            numbers = await play.watch.look(stage)
            owning = {pid for pid, one in numbers.items() if one.lags}
            if set(play.workers.pids(stage)) <= owning:
                return
            await asyncio.sleep(0.2)
