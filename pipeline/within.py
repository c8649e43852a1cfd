"""Waiting for so long and no longer, without losing a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; `TimeoutError` after ``seconds``.

    The work is a task of its own. `asyncio.wait_for` of Python 3.11 loses a cancellation that
    comes when the work has just ended; that of 3.12 lets the work run in the caller's task, where
    aiokafka swallows the caller's cancellation while it stops. Whoever lost one would go on with a
    partition that was taken away.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return task.result()
