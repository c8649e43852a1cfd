"""A row of our own: two faults of different kinds at once, again and again."""

from __future__ import annotations

import asyncio

from tests.chaos.faults import network
from tests.chaos.faults.broker import kill_broker, stop_broker
from tests.chaos.faults.kill import kill_worker
from tests.chaos.faults.postgres import kill_postgres, stop_postgres
from tests.chaos.faults.stop import stop_worker
from tests.chaos.feed import raw_records
from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.run import Run
from tests.chaos.scenarios.proxied import Proxied, proxied


async def storm(run: Run) -> None:
    """Two faults at once: one of a service or a process that sleeps, one of a worker or a way."""
    async with proxied(run) as there:
        faults = [_both(there) for _ in range(run.faults // 2)]
        # A client may send again what a dying broker had taken: so no ends of files.
        await there.hurt(faults, raw_records(there.play.generated.folder, whole_files=False))


def _both(there: Proxied) -> Fault:
    run, broker, postgres = there.run, there.broker, there.postgres
    draw = run.random
    slow = draw.choice(
        [
            lambda: kill_broker(away_s=draw.uniform(0, 6)),
            lambda: stop_broker(away_s=draw.uniform(3, 12)),
            lambda: kill_postgres(away_s=draw.uniform(0, 6)),
            lambda: stop_postgres(away_s=draw.uniform(3, 12)),
            lambda: stop_worker("rate", seconds=draw.uniform(5, 15)),
            lambda: stop_worker("normalise", seconds=draw.uniform(5, 15)),
        ]
    )()
    quick = draw.choice(
        [
            lambda: kill_worker("normalise"),
            lambda: kill_worker("rate"),
            lambda: kill_worker("load"),
            lambda: network.cut_all(broker, "broker"),
            lambda: network.cut_all(postgres, "postgres"),
            lambda: network.half_open(broker, "broker", seconds=draw.uniform(3, 9)),
        ]
    )()

    async def strike(play: Play) -> Hit:
        first, second = await asyncio.gather(slow(play), quick(play))
        play.hits.add(first)
        return second

    return strike
