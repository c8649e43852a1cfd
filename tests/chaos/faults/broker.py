"""The broker dies by kill -9 and comes back, or is stopped for a while."""

from __future__ import annotations

import asyncio

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play


def kill_broker(*, away_s: float) -> Fault:
    """Return the fault: the broker is dead for so long."""

    async def strike(play: Play) -> Hit:
        moving, left = await _at_work(play)
        await play.pair.kill("kafka")
        await asyncio.sleep(away_s)  # the fault itself
        await play.pair.revive()
        return Hit("kill broker", moving=moving, open=left)

    return strike


def stop_broker(*, away_s: float) -> Fault:
    """Return the fault: the broker keeps its connections, and answers nothing for so long."""

    async def strike(play: Play) -> Hit:
        moving, left = await _at_work(play)
        async with play.pair.stopped("kafka"):
            await asyncio.sleep(away_s)  # the fault itself
        return Hit("stop broker", moving=moving, open=left, note=f"{away_s:.0f} s")

    return strike


async def _at_work(play: Play) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what moves, and which transactions are open just before."""
    moving = await play.at_work(play.random.choice(["normalise", "rate"]))
    left = await play.transactions.of("rate", set(range(play.settings.rating_partitions)))
    left += await play.transactions.of("normalise", set(range(play.settings.raw_partitions)))
    return moving.partitions, left
