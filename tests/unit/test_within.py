"""Bounded waiting: no longer than said, and a cancellation is never lost."""

from __future__ import annotations

import asyncio

import pytest

from pipeline.within import within


async def test_the_result_or_the_error_of_the_work_comes_back() -> None:
    async def works() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("no")

    assert await within(5, works()) == 7
    with pytest.raises(ValueError, match="no"):
        await within(5, fails())


async def test_work_that_takes_too_long_is_cancelled() -> None:
    ended = asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        await within(0.01, for_ever())
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_cancellation_that_meets_the_end_of_the_work_is_not_lost() -> None:
    """`asyncio.wait_for` of Python 3.11 returns the result, and its caller goes on."""
    answer = asyncio.get_running_loop().create_future()

    async def work() -> object:
        return await answer

    caller = asyncio.create_task(within(60, work()))
    while not answer._callbacks:  # noqa: ASYNC110
        await asyncio.sleep(0)
    answer.set_result(None)
    await asyncio.sleep(0)  # the work ends; its caller has not run yet
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_work_that_swallows_its_cancellation_keeps_nobody() -> None:
    """aiokafka does so while it stops."""

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue

    caller = asyncio.create_task(within(60, stubborn()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
