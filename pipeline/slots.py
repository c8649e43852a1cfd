"""The folder that a worker's state lies in, held by a lock for as long as the worker lives."""

from __future__ import annotations

import asyncio
import fcntl
import os
import uuid
from pathlib import Path


class Slot:
    """An instance slot: a number, and the folder that belongs to it while the lock is held."""

    def __init__(self, number: int, folder: Path, lock: int) -> None:
        self.number = number
        self.folder = folder
        self._lock = lock

    def member_id(self, *, installation: str, stage: str) -> str:
        """Return the static id under which this slot's worker joins its group, at every start.

        Drawn once per folder: two machines, or two data folders, may both have a slot 0, and the
        broker lets two holders of one id displace each other for ever.
        """
        path = self.folder / "member"
        if not path.exists():
            scratch = path.with_suffix(".tmp")
            scratch.write_text(uuid.uuid4().hex[:16])
            scratch.replace(path)
        return f"{installation}.{stage}.{self.number}.{path.read_text()}"

    def release(self) -> None:
        """Give the slot up; the kernel does it too when the process dies."""
        os.close(self._lock)


def _try(folder: Path, number: int) -> Slot | None:
    path = folder / f"slot-{number}"
    path.mkdir(parents=True, exist_ok=True)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return Slot(number, path, lock)


async def take_slot(folder: Path, *, wanted: int | None, wait_s: float) -> Slot:
    """Return the wanted slot, or the first free one.

    A wanted slot that another process still holds (one that is stopped, say) is waited for up to
    ``wait_s``; then the worker takes a folder of its own and rebuilds its state there.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while wanted is not None:
        slot = _try(folder, wanted)
        if slot is not None:
            return slot
        if loop.time() > deadline:
            break
        await asyncio.sleep(0.1)
    number = 0 if wanted is None else 1000  # above every supervised slot
    while True:
        slot = _try(folder, number)
        if slot is not None:
            return slot
        number += 1
