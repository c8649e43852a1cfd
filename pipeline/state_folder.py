"""Opening a partition's state when another process may still hold it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from pipeline.state import StateLocked, StateStore

_log = structlog.get_logger(__name__)


async def open_state(folder: Path, *, wait_s: float) -> StateStore:
    """Return the state in ``folder``; while it is locked, wait up to ``wait_s``.

    After that the state is opened in a new folder beside it, empty: it is rebuilt from the
    changelog, which a stopped process that holds a lock cannot prevent.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        try:
            return StateStore(folder)
        except StateLocked:
            if loop.time() > deadline:
                break
        await asyncio.sleep(0.1)
    number = 1
    while True:
        aside = folder.with_name(f"{folder.name}.{number}")
        try:
            store = StateStore(aside)
        except StateLocked:
            number += 1
            continue
        _log.warning("state_is_locked", folder=str(folder), using=str(aside))
        return store
