"""A lock between processes that ends with its holder, however that one ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.embedded.errors import EmbeddedError

_POLL_S = 0.05  # flock has no time-out, so it is asked for again and again


@asynccontextmanager
async def held(path: Path, *, timeout_s: float, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock inside the block; the file stays, since removing it would let two hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await _acquire(handle, path, timeout_s=timeout_s, on_wait=on_wait)
        yield
    finally:
        os.close(handle)


async def _acquire(
    handle: int, path: Path, *, timeout_s: float, on_wait: Callable[[], None]
) -> None:
    left = timeout_s
    while not _try(handle):
        if left == timeout_s:
            on_wait()
        if left <= 0:
            raise EmbeddedError(
                f"Another process has held {path} for {timeout_s:.0f} s. Operator action: wait for "
                "it or end it, then start again."
            )
        await asyncio.sleep(_POLL_S)
        left -= _POLL_S


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
