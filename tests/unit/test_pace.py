"""Small batches are spread; full ones, and the first after a pause, never wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import TopicPartition

from pipeline.pace import Pace
from tests.simulation import loop

EVERY_MS = 40


class _Consumer:
    """What a pace asks of a consumer."""

    def __init__(self) -> None:
        self.fetches = True

    def pause(self, _place: TopicPartition) -> None:
        self.fetches = False

    def resume(self, _place: TopicPartition) -> None:
        self.fetches = True


def _pace(consumer: _Consumer | None = None, *, every_ms: int = EVERY_MS) -> Pace:
    return Pace(consumer or _Consumer(), TopicPartition("any", 0), every_ms)


async def _waited_s(pace: Pace) -> float:
    now = asyncio.get_running_loop().time
    before_s = now()
    await pace.turn()
    return now() - before_s


def _made_up(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on made-up time."""

    def run() -> None:
        loop.run(test())  # type: ignore[arg-type]

    return run


@_made_up
async def test_the_first_batch_is_not_kept_waiting() -> None:
    assert await _waited_s(_pace()) == 0


@_made_up
async def test_a_small_batch_lets_the_next_one_wait() -> None:
    pace = _pace()
    pace.took(full=False)
    await asyncio.sleep(0.015)
    assert await _waited_s(pace) == pytest.approx(0.025)


@_made_up
async def test_a_full_batch_does_not() -> None:
    pace = _pace()
    pace.took(full=True)
    assert await _waited_s(pace) == 0


@_made_up
async def test_a_record_after_a_pause_is_not_kept_waiting() -> None:
    """Latency at low load does not pay for batching."""
    pace = _pace()
    pace.took(full=False)
    await asyncio.sleep(0.2)
    assert await _waited_s(pace) == 0


@_made_up
async def test_a_pace_of_nothing_never_waits() -> None:
    pace = _pace(every_ms=0)
    pace.took(full=False)
    assert await _waited_s(pace) == 0


@_made_up
async def test_nothing_is_fetched_until_the_next_batch_may_be_taken() -> None:
    """Else the client asks at once, and what it is given is the first record that comes, alone."""
    consumer = _Consumer()
    pace = _pace(consumer)
    pace.took(full=False)
    assert not consumer.fetches
    await pace.turn()
    assert consumer.fetches


@_made_up
async def test_behind_a_full_batch_the_next_is_fetched_meanwhile() -> None:
    consumer = _Consumer()
    _pace(consumer).took(full=True)
    assert consumer.fetches


@_made_up
async def test_batches_that_take_long_are_a_third_of_the_time() -> None:
    pace = _pace()
    pace.took(full=False)
    await asyncio.sleep(0.1)
    pace.done()
    assert await _waited_s(pace) == pytest.approx(0.2)


@_made_up
async def test_a_batch_that_took_minutes_is_followed_within_a_second() -> None:
    """It waited for a database, or the process was stopped: that is no measure of its work."""
    pace = _pace()
    pace.took(full=False)
    await asyncio.sleep(600)
    pace.done()
    assert await _waited_s(pace) == pytest.approx(1)


@_made_up
async def test_batches_that_take_no_time_are_spread_as_ever() -> None:
    pace = _pace()
    pace.took(full=False)
    await asyncio.sleep(0.001)
    pace.done()
    assert await _waited_s(pace) == pytest.approx(EVERY_MS / 1000 - 0.001)
