"""Alive and ready: what each answer depends on."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pipeline.clock import ManualClock
from pipeline.health import COMMIT_WITHIN_S, Health, Phase, holds, keep_beating, page_of

START = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)


class World:
    def __init__(self, *, needs_database: bool = False) -> None:
        self.clock = ManualClock(START)
        self.health = Health(self.clock, alive_within_s=60, needs_database=needs_database)

    def after(self, seconds: float) -> None:
        """Let time pass in which the event loop takes turns."""
        self.clock.advance(dt.timedelta(seconds=seconds))
        self.health.beat()

    @property
    def ready(self) -> bool:
        return holds(self.health.ready())

    def wrong(self) -> list[str]:
        return [one.name for one in self.health.ready() if not one.holds]


@pytest.fixture
def working() -> World:
    world = World()
    world.health.assigned()
    world.health.owned("rate/0")
    world.health.phase("rate/0", Phase.WORKING)
    assert world.ready
    return world


def test_it_lives_as_long_as_the_event_loop_takes_turns():
    world = World()
    world.clock.advance(dt.timedelta(seconds=60))
    assert holds(world.health.live())
    world.clock.advance(dt.timedelta(seconds=1))
    assert not holds(world.health.live())
    assert not world.ready
    world.health.beat()
    assert holds(world.health.live())


def test_it_is_not_ready_before_the_group_has_answered():
    world = World()
    assert world.wrong() == ["partitions"]
    world.health.assigned()
    assert world.ready, "no partition: it stands by"


def test_it_is_not_ready_before_its_tables_are_restored():
    world = World()
    world.health.assigned()
    world.health.owned("rate/0")
    assert world.wrong() == ["tables of rate/0"]
    world.health.phase("rate/0", Phase.RESTORING, "7 changelog records folded")
    assert "[-] tables of rate/0: restoring: 7 changelog records folded" in page_of(
        world.health.ready()
    )
    world.health.phase("rate/0", Phase.WORKING)
    assert world.ready


def test_what_is_said_of_a_partition_of_another_is_not_kept(working):
    working.health.phase("rate/9", Phase.STOPPED, "KafkaError")
    working.health.moved("rate/9", behind=5, committed=False)
    assert working.ready


def test_an_idle_partition_is_ready_for_ever(working):
    working.after(10 * COMMIT_WITHIN_S)
    assert working.ready


def test_one_with_records_waiting_and_no_commit_is_not(working):
    working.health.moved("rate/0", behind=5, committed=True)
    working.after(COMMIT_WITHIN_S)
    working.health.moved("rate/0", behind=6, committed=False)
    assert working.ready
    working.after(1)
    assert working.wrong() == ["commits of rate/0"]
    working.health.moved("rate/0", behind=4, committed=True)
    assert working.ready


def test_records_after_a_pause_are_waited_for_from_their_arrival_on(working):
    working.health.moved("rate/0", behind=0, committed=True)
    working.after(10 * COMMIT_WITHIN_S)
    working.health.moved("rate/0", behind=5, committed=False)
    assert working.ready
    working.after(COMMIT_WITHIN_S + 1)
    assert working.wrong() == ["commits of rate/0"]


def test_a_restore_is_not_counted_as_a_time_without_commits(working):
    working.health.moved("rate/0", behind=5, committed=True)
    working.health.phase("rate/0", Phase.STOPPED, "KafkaError")
    working.after(10 * COMMIT_WITHIN_S)
    assert working.wrong() == ["tables of rate/0"]
    working.health.phase("rate/0", Phase.WORKING)
    assert working.ready


def test_load_is_ready_only_while_the_database_answers():
    world = World(needs_database=True)
    world.health.assigned()
    assert world.wrong() == ["database"]
    world.health.database(None)
    assert world.ready
    world.health.database("no answer within 5 s")
    assert "[-] database: no answer within 5 s" in page_of(world.health.ready())


async def test_a_loop_that_takes_turns_says_so():
    world = World()
    world.clock.advance(dt.timedelta(seconds=100))
    beating = asyncio.create_task(keep_beating(world.health))
    await asyncio.sleep(0)
    beating.cancel()
    assert holds(world.health.live())
