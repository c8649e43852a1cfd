"""A restore that takes longer than the group allows between two looks at it."""

from __future__ import annotations

import asyncio

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.proxy import Proxy

_MOST_S = 120.0


def slow_restore(proxy: Proxy, name: str, *, bytes_per_s: int, longer_than_s: float) -> Fault:
    """Return the fault: a worker's state is gone, and its changelog comes slowly.

    It must stay a member of its group meanwhile: nobody may take its partitions over.
    """

    async def strike(play: Play) -> Hit:
        stage = name.partition("-")[0]
        moving = await play.at_work(stage, name=name)
        await play.workers.stop(name)
        play.workers.wipe_state(name)
        clock = asyncio.get_running_loop().time
        proxy.bytes_per_s = bytes_per_s
        try:
            await play.workers.start(name)
            since_s = await _begun(play, name)
            await asyncio.sleep(since_s + longer_than_s - clock())  # the fault itself
            still = _restoring(play, name, await play.watch.look(stage))
        finally:
            proxy.bytes_per_s = None
        await play.at_work(stage, name=name)
        play.hits.facts[f"restores that took longer than {longer_than_s:.0f} s"] += still
        return Hit("slow restore", moving=moving.partitions if still else (), note=name)

    return strike


async def _begun(play: Play, name: str) -> float:
    """Return when the worker has begun to fold its changelog."""
    async with asyncio.timeout(_MOST_S):
        while not _restoring(play, name, await play.watch.look(name.partition("-")[0])):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return asyncio.get_running_loop().time()


def _restoring(play: Play, name: str, numbers: dict) -> bool:
    """Return whether it folds, and commits nothing yet."""
    mine = numbers.get(play.workers.pid(name))
    return mine is not None and bool(mine.restored) and not any(mine.records.values())
