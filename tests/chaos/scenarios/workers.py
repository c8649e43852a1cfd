"""Rows of the table whose faults hit worker processes."""

from __future__ import annotations

from tests.chaos.faults.kill import kill_worker
from tests.chaos.faults.rolling import restart_in_turn, scale
from tests.chaos.faults.stop import LOCKED_OUT, ZOMBIES, stop_lock_holder, stop_worker
from tests.chaos.feed import raw_records
from tests.chaos.play import playing
from tests.chaos.problem import NeverBit
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import generated

STAGES = ("normalise", "rate", "load")
_KILLS_FED = 3  # raw records; one by one, two million records would be fed for an hour
WORKERS = ("normalise", "rate-1", "rate-2", "rate-3", "load")


async def kills(run: Run) -> None:
    """Kill -9 of any process at random, three rating workers."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    stages = [STAGES[place % 3] for place in range(run.faults)]
    run.random.shuffle(stages)
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*WORKERS)
        await play.under_load(
            [kill_worker(stage) for stage in stages],
            raw_records(usage.folder),
            at_a_time=1 if run.short else _KILLS_FED,
        )
        await play.through()
        await run.check(play)


async def stops(run: Run) -> None:
    """SIGSTOP of 5 to 40 s, so that a zombie wakes; and of one that holds the RocksDB lock."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    longest = 9 if run.short else 40
    faults = []
    for place in range(run.faults):
        seconds = run.random.uniform(5, longest)
        if place % 4 == 3:
            faults.append(stop_lock_holder("rate", seconds=seconds))
        else:  # the first one of rate is surely asleep for too long
            stage = STAGES[(place + 1) % 3]
            faults.append(stop_worker(stage, seconds=seconds, until_moved=place % 12 == 0))
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*WORKERS, "normalise-2")
        await play.under_load(faults, raw_records(usage.folder))
        await play.through()
        await run.check(play)
    for fact in (ZOMBIES, LOCKED_OUT):
        if not run.hits.facts[fact]:
            raise NeverBit(f"there were no {fact}")


async def rolling(run: Run) -> None:
    """Rolling restart and scaling 1 -> 3 -> 1 under load."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    turns = ("normalise", "rate-1", "load")
    steps = [
        scale("rate", to=3),
        restart_in_turn(turns[0]),
        scale("rate", to=1),
        *(restart_in_turn(name) for name in turns[1:]),
    ]
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*turns)
        faults = [steps[place % len(steps)] for place in range(run.faults)]
        await play.under_load(faults, raw_records(usage.folder))
        await play.through()
        await run.check(play)
