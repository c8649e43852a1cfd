"""Processes by what they are, not by their pid alone, which the system gives again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded.errors import EmbeddedError

_POLL_S = 0.02


@dataclass(frozen=True)
class ProcessId:
    pid: int
    started: str  # compared only; differs for a later process with the same pid


def identify(pid: int) -> ProcessId | None:
    """Return who runs under that pid now; a zombie is nobody."""
    started = _started_linux(pid) if sys.platform.startswith("linux") else _started_ps(pid)
    return ProcessId(pid, started) if started else None


def alive(process: ProcessId) -> bool:
    """Return whether exactly this process still runs."""
    return identify(process.pid) == process


async def end(process: ProcessId, signals: Sequence[signal.Signals], *, grace_s: float) -> None:
    """Return when the process is gone: each signal in turn, as long as the grace, then KILL."""
    for number in (*signals, signal.SIGKILL):
        _send(process, number)
        if await _gone(process, grace_s):
            return
    raise EmbeddedError(
        f"Process {process.pid} does not end, not even on KILL. Operator action: look at its state "
        f"with `ps -o stat,wchan,cmd {process.pid}`; a disk that does not answer is the usual cause."
    )


def _send(process: ProcessId, number: signal.Signals) -> None:
    if not alive(process):
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise EmbeddedError(
            f"Process {process.pid} belongs to another user. Operator action: run this command as "
            "the user who started it."
        ) from error


async def _gone(process: ProcessId, grace_s: float) -> bool:
    left = grace_s
    while alive(process):
        if left <= 0:
            return False
        await asyncio.sleep(_POLL_S)
        left -= _POLL_S
    return True


def _started_linux(pid: int) -> str | None:
    try:
        # The name in brackets may hold spaces and brackets, so count after the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, ticks_since_boot = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}+{ticks_since_boot}"


def _started_ps(pid: int) -> str | None:
    columns = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    with suppress(OSError):
        state, _, started = subprocess.run(
            columns, capture_output=True, text=True, check=False
        ).stdout.partition(" ")
        return None if state.startswith("Z") else started.strip() or None
    return None
