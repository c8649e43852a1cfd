"""What an installation takes on the disk of services of our own."""

from __future__ import annotations

from pathlib import Path

from pipeline.embedded.layout import layout_of
from pipeline.settings import Settings
from pipeline.topics import topics_of

_BLOCK_BYTES = 512  # in which the system counts what a file takes


def stored_by(settings: Settings) -> dict[str, int]:
    """Return the bytes of each topic, and of all tables; nothing of services that are not ours."""
    layout = layout_of(settings.data)
    found: dict[str, int] = {}
    if layout.kafka.data.exists():
        for topic in topics_of(settings).all():
            name = topic.name.removeprefix(f"{settings.installation}.").removesuffix(".v1")
            found[f"topic_{name.replace('.', '_')}"] = sum(
                folder_bytes(layout.kafka.data / f"{topic.name}-{number}")
                for number in range(topic.partitions)
            )
    location = layout.postgres / "location"
    if location.exists():
        cluster = Path(location.read_text().strip()) / "cluster"
        found["tables"] = folder_bytes(cluster / "data" / "base")
    return found


def folder_bytes(folder: Path) -> int:
    """Return what the files below a folder take on the disk."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * _BLOCK_BYTES
        except OSError:
            continue  # gone meanwhile
    return total
