"""What a benchmark looks at before it starts anything, and refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.bench.machine import memory_bytes
from pipeline.errors import RatemillError
from pipeline.kafka import admin_client

PREFIX = "bench_"  # every installation of a benchmark is named so

# Measured: topics, tables and write-ahead log of one event, all parts of a run together.
_DISK_BYTES_PER_EVENT = 12_000
_DISK_BYTES = 2 << 30
_MEMORY_BYTES_PER_EVENT = 600  # RocksDB and what the system keeps of files that are written
_MEMORY_BYTES = 2 << 30


class BenchRefused(RatemillError):
    """The benchmark was not started, because it would do harm or could not end."""


def check_room(folder: Path, *, events: int) -> None:
    """Raise `BenchRefused` where disk or memory would not last; nothing is started before that."""
    disk = shutil.disk_usage(_existing(folder)).free
    wanted = _DISK_BYTES + events * _DISK_BYTES_PER_EVENT
    if disk < wanted:
        raise BenchRefused(
            f"{events:,} events need {_gib(wanted)} of disk, {folder} has {_gib(disk)} free. "
            "Nothing was started. Operator action: make room, name another folder with --data, or "
            "ask for fewer with --events."
        )
    memory = memory_bytes("MemAvailable")
    needed = _MEMORY_BYTES + events * _MEMORY_BYTES_PER_EVENT
    if memory < needed:
        raise BenchRefused(
            f"{events:,} events need {_gib(needed)} of memory, {_gib(memory)} are available. "
            "Nothing was started. Operator action: end other programs, or ask for fewer with "
            "--events; a machine that swaps measures its disk."
        )


async def check_broker(bootstrap: str) -> None:
    """Raise `BenchRefused` where a broker holds topics that no benchmark has created."""
    async with admin_client(bootstrap) as admin:
        topics = sorted(await admin.list_topics())
    foreign = [name for name in topics if not name.startswith((PREFIX, "__"))]
    if foreign:
        shown = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise BenchRefused(
            f"The broker at {bootstrap} holds {len(foreign):,} topics that no benchmark created: "
            f"{shown}. It would be loaded to its limits. Nothing was started. Operator action: "
            "name a broker that nobody works with, or unset RATEMILL_KAFKA_BOOTSTRAP: then a "
            "Kafka of the benchmark's own is started."
        )


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
