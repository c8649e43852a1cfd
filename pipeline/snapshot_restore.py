"""A state that is lost, or too old, from the newest snapshot that verifies."""

from __future__ import annotations

import asyncio
import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.snapshot_files import Snapshot, SnapshotDamaged, copy_in, positions, snapshot_at
from pipeline.state import Folded, StateStore

_log = structlog.get_logger(__name__)

_RESTORING = "restoring"


async def restore_newest(
    store: StateStore,
    folder: Path,
    *,
    name: str,
    begin: int,
    check: Callable[[Folded], None],
) -> Folded | None:
    """Put the newest snapshot that verifies in the place of a state; None: there is none.

    It reaches to offset ``begin`` of the changelog ``name`` at least. A damaged one is said in the
    log, and the next older one is looked at. ``check`` raises for one that is not of this
    installation, or that knows more than the broker: nothing is overwritten then.
    """
    for position in positions(folder):
        try:
            snapshot = snapshot_at(folder, position)
            check(snapshot.manifest.folded)
            if position < begin:
                _log.error("snapshot_is_too_old", snapshot=str(snapshot.folder), begin=begin)
                return None
            await _put(store, snapshot)
        except (SnapshotDamaged, FileNotFoundError) as error:  # or just replaced by its owner
            _log.error("snapshot_is_damaged", changelog=name, error=str(error), then="older one")
            continue
        _log.warning("state_begins_from_snapshot", changelog=name, snapshot=str(snapshot.folder))
        return snapshot.manifest.folded
    return None


async def _put(store: StateStore, snapshot: Snapshot) -> None:
    """Replace the state by a verified copy; a thread makes it, so that heartbeats go on."""
    folder = store.path.parent / _RESTORING / store.path.name
    shutil.rmtree(folder, ignore_errors=True)  # of one that was given up; a thread may still copy
    copy = folder / uuid.uuid4().hex
    stopped = threading.Event()
    try:
        await asyncio.to_thread(copy_in, snapshot, copy, goes_on=lambda: not stopped.is_set())
    except asyncio.CancelledError:
        stopped.set()
        raise
    store.replace(copy)
