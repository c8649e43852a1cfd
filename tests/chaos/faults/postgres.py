"""Postgres dies, is stopped, is slow, or somebody else holds a row of it."""

from __future__ import annotations

import asyncio

import asyncpg

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play

_SLOW = """
CREATE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER chaos_slow AFTER UPDATE ON progress
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_slow();
"""
_QUICK = "DROP TRIGGER chaos_slow ON progress; DROP FUNCTION chaos_slow();"


def kill_postgres(*, away_s: float) -> Fault:
    """Return the fault: the database is dead for so long."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work("load")
        await play.pair.kill("postgres")
        await asyncio.sleep(away_s)  # the fault itself
        await play.pair.revive()
        return Hit("kill postgres", moving=moving.partitions)

    return strike


def stop_postgres(*, away_s: float) -> Fault:
    """Return the fault: every process of the database is stopped for so long."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work("load")
        async with play.pair.stopped("postgres"):
            await asyncio.sleep(away_s)  # the fault itself
        return Hit("stop postgres", moving=moving.partitions, note=f"{away_s:.0f} s")

    return strike


def lock_row(*, seconds: float) -> Fault:
    """Return the fault: another session holds the progress row of a partition that is loaded."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work("load")
        topic, _, number = moving.partitions[0].removeprefix("load/").rpartition("/")
        connection = await asyncpg.connect(play.here.endpoints.postgres_dsn)
        try:
            await connection.execute(f'SET search_path TO "{play.settings.installation}"')
            async with connection.transaction():
                locked = await connection.fetch(
                    "SELECT 1 FROM progress WHERE topic = $1 AND partition = $2 FOR UPDATE",
                    topic,
                    int(number),
                )
                assert locked, (topic, number)
                await asyncio.sleep(seconds)  # the fault itself
        finally:
            await connection.close()
        return Hit("lock row", moving=moving.partitions, note=f"{seconds:.0f} s")

    return strike


def slow_postgres(*, seconds: float, a_transaction_s: int = 2) -> Fault:
    """Return the fault: every transaction of load takes so long to commit, for a while."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work("load")
        await play.here.execute(_SLOW.format(seconds=a_transaction_s))
        try:
            await asyncio.sleep(seconds)  # the fault itself
        finally:
            await play.here.execute(_QUICK)
        return Hit("slow postgres", moving=moving.partitions, note=f"{a_transaction_s} s each")

    return strike
