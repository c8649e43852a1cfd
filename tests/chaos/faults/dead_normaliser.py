"""A normaliser dies with a transaction open: whoever reads what it wrote to has to wait."""

from __future__ import annotations

import asyncio
import math

from aiokafka import TopicPartition

from pipeline.topics import topics_of
from tests.chaos.faults.commit import CommitTap, caught_by
from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.proxy import Proxy

_MOST_S = 60.0


def dead_normaliser(proxy: Proxy, *, started_again: bool) -> Fault:
    """Return the fault; ``started_again``: at once, as a supervisor does. It says how long it held."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work("normalise")
        tap = CommitTap("normalise", "before", pids=lambda: play.workers.pids("normalise"))
        client_id, name = await caught_by(proxy, tap)
        assert name is not None
        clock = asyncio.get_running_loop().time
        since_s = clock()
        if not started_again:
            await play.workers.stop(name)
        topic = topics_of(play.settings).normalised
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        held = await play.transactions.behind(places)
        async with asyncio.timeout(_MOST_S):
            while await _still(play, held):  # noqa: ASYNC110  (the broker sets no event)
                await asyncio.sleep(0.05)
        stalled_s = clock() - since_s
        if not started_again:
            await play.workers.start(name)
        how = "started again at once" if started_again else "left dead"
        fact = f"s that readers waited at most for a normaliser {how}"
        play.hits.facts[fact] = max(play.hits.facts[fact], math.ceil(stalled_s))
        return Hit(
            f"dead normaliser, {how}",
            moving=moving.partitions,
            open=tuple(f"normalised/{place.partition}" for place in held),
            note=f"{client_id}: {stalled_s:.1f} s",
        )

    return strike


async def _still(play: Play, held: dict[TopicPartition, int]) -> bool:
    """Return whether the readers of any of these partitions still stand where they stood."""
    now = await play.transactions.behind(list(held))
    return any(now.get(place) == stable for place, stable in held.items())
