"""Rows of the table whose faults hit the broker or the database."""

from __future__ import annotations

from tests.chaos.faults.broker import kill_broker, stop_broker
from tests.chaos.faults.postgres import kill_postgres, lock_row, slow_postgres, stop_postgres
from tests.chaos.feed import raw_records
from tests.chaos.play import Fault, playing
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import generated

WORKERS = ("normalise", "rate-1", "rate-2", "load")


async def broker(run: Run) -> None:
    """Broker kill -9 and restart; broker stopped for 30 s."""
    short = run.short
    faults: list[Fault] = [
        stop_broker(away_s=8 if short else 30)
        if place % 4 == 1
        else kill_broker(away_s=run.random.uniform(0, 3 if short else 15))
        for place in range(run.faults)
    ]
    await _play(run, faults)


async def postgres(run: Run) -> None:
    """Postgres kill -9; stopped; a row locked for 20 s; slow, 2 s a transaction."""
    short = run.short
    kinds = (
        lambda: kill_postgres(away_s=run.random.uniform(0, 3)),
        lambda: stop_postgres(away_s=5 if short else 15),
        lambda: lock_row(seconds=8 if short else 20),
        lambda: slow_postgres(seconds=6 if short else 15),
    )
    await _play(run, [kinds[place % len(kinds)]() for place in range(run.faults)])


async def _play(run: Run, faults: list[Fault]) -> None:
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    async with (
        own_pair(hurt=True) as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*WORKERS)
        # A client may send again what a dying broker had taken: so no ends of files.
        await play.under_load(faults, raw_records(usage.folder, whole_files=False))
        await play.through()
        await run.check(play)
