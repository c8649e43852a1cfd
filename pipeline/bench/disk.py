"""How long the disk takes to keep something: every transaction waits for it some times."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.clock import Clock

_TIMES = 100
_BYTES = 4096


def fsync_ms(folder: Path, clock: Clock) -> list[float]:
    """Return, in rising order, what each of a hundred small writes took until it was on the disk."""
    took = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(_TIMES):
            started_ns = clock.monotonic_ns()
            file.write(bytes(_BYTES))
            os.fsync(file.fileno())
            took.append((clock.monotonic_ns() - started_ns) / 1e6)
    path.unlink()
    return sorted(took)
