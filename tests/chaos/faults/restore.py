"""A restore that takes longer than the group allows between two looks at it."""

from __future__ import annotations

import asyncio
from collections import Counter

from pipeline.topics import topics_of
from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.proxy import Proxy

_MOST_S = 120.0


def slow_restore(proxy: Proxy, name: str, *, longer_than_s: float) -> Fault:
    """Return the fault: a normaliser's state is gone, and its changelog comes slowly.

    It must stay a member of its group meanwhile: nobody may take its partitions over.
    """

    async def strike(play: Play) -> Hit:
        stage = name.partition("-")[0]
        moving = await play.at_work(stage, name=name)
        await play.workers.stop(name)
        play.workers.wipe_state(name)
        clock = asyncio.get_running_loop().time
        # So that the largest changelog takes half as long again. Narrower still, one answer of the
        # broker would not be whole before the client gives it up.
        largest = max((await _changelogs(play)).values())
        proxy.bytes_per_s = max(2_000, int(largest / (1.5 * longer_than_s)))
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


async def _changelogs(play: Play) -> dict[int, int]:
    """Return the bytes of each changelog of normalise."""
    sizes: Counter[int] = Counter()
    for place, record in (await play.here.read(topics_of(play.settings).proofs)).items():
        sizes[place.partition] += len(record.value)
    return sizes


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
