"""Who works on a partition, when an assignment, a question and a failure meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import TopicPartition

from pipeline import ownership as module
from pipeline.ownership import Ownership, _Listener
from pipeline.settings import Settings

_PLACE = TopicPartition("t", 0)


class _Owner:
    """Works until it is cancelled often enough, or gives up when told to."""

    def __init__(self, *, swallows: int = 0) -> None:
        self.position = 5
        self.gives_up = asyncio.Event()
        self._swallows = swallows

    async def run(self) -> None:
        while not self.gives_up.is_set():
            try:
                await self.gives_up.wait()
            except asyncio.CancelledError:
                if self._swallows == 0:
                    raise
                self._swallows -= 1


class _World:
    def __init__(self) -> None:
        self.owners: list[_Owner] = []
        self.make: Callable[[], _Owner] = _Owner
        self.ownership = Ownership(
            Settings(),
            bootstrap="127.0.0.1:1",
            group="g",
            topics=["t"],
            own=self._own,
            instance_id=None,
        )
        self.ownership._consumer.pause = lambda *partitions: None

    def _own(self, partition: TopicPartition) -> _Owner:
        self.owners.append(self.make())
        return self.owners[-1]

    async def assign(self, *partitions: TopicPartition) -> None:
        listener = _Listener(self.ownership._assigned, self.ownership._failed)
        await listener.on_partitions_assigned(set(partitions))

    async def given_up(self) -> None:
        """Let the last owner give its partition up."""
        self.owners[-1].gives_up.set()
        await self.ownership._running[_PLACE][1]


@pytest.fixture
async def world() -> AsyncIterator[_World]:
    world = _World()
    yield world
    async with asyncio.timeout(5):
        await world.assign()
        await world.ownership._consumer.stop()


async def test_a_partition_that_stays_is_not_disturbed(world: _World) -> None:
    await world.assign(_PLACE)
    await world.assign(_PLACE)
    assert len(world.owners) == 1


async def test_one_that_gave_up_is_started_by_the_next_assignment(world: _World) -> None:
    await world.assign(_PLACE)
    await world.given_up()
    await world.assign(_PLACE)
    assert len(world.owners) == 2


async def test_one_that_gave_up_and_is_ours_all_the_same_is_taken_up_again(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])

    async def prove(partition: TopicPartition, *, position: int) -> bool:
        assert (partition, position) == (_PLACE, 5)
        return next(answers)

    monkeypatch.setattr(world.ownership, "prove", prove)
    await world.assign(_PLACE)
    await world.ownership._take_up_again()
    assert len(world.owners) == 1, "it works, so nobody is asked"
    await world.given_up()
    await world.ownership._take_up_again()
    assert len(world.owners) == 1, "refused"
    await world.ownership._take_up_again()
    assert len(world.owners) == 2


async def test_an_assignment_during_the_question_starts_one_task_not_two(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one process would fence each other for ever, and both would prove that it is theirs."""

    async def prove(partition: TopicPartition, *, position: int) -> bool:
        await world.assign(_PLACE)
        return True

    monkeypatch.setattr(world.ownership, "prove", prove)
    await world.assign(_PLACE)
    await world.given_up()
    await world.ownership._take_up_again()
    assert len(world.owners) == 2


async def test_a_partition_taken_away_during_the_question_is_not_started(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prove(partition: TopicPartition, *, position: int) -> bool:
        await world.assign()
        return True

    monkeypatch.setattr(world.ownership, "prove", prove)
    await world.assign(_PLACE)
    await world.given_up()
    await world.ownership._take_up_again()
    assert len(world.owners) == 1
    assert not world.ownership._running


async def test_an_owner_that_swallows_cancellations_is_stopped_all_the_same(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_S", 0.01)
    world.make = lambda: _Owner(swallows=3)
    await world.assign(_PLACE)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await world.assign()
    assert not world.ownership._running


async def test_an_assignment_that_fails_is_raised_and_not_forgotten(world: _World) -> None:
    """aiokafka logs what a listener raises and goes on; the partition would be nobody's."""

    def broken() -> _Owner:
        raise PermissionError("suspects.json")

    world.make = broken
    await world.assign(_PLACE)
    with pytest.raises(PermissionError):
        world.ownership._raise_failures()
