"""What a process has used, as Linux counts it: CPU time, resident memory, bytes written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Used(NamedTuple):
    """What one process, or some of them together, have used since they started."""

    cpu_s: float = 0.0
    resident_bytes: int = 0  # now; pages that processes share count for each of them
    peak_bytes: int = 0
    written_bytes: int = 0  # to the disk


def used_by(pid: int) -> Used:
    """Return what a process has used, with its children that have ended; nothing once it is gone.

    A PostgreSQL is many processes: see `used_by_tree`.
    """
    folder = _PROC / str(pid)
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = _named(folder / "status")
        written = _named(folder / "io").get("write_bytes", 0)
    except (OSError, ValueError):
        return Used()
    ticks = sum(int(field) for field in fields[11:15])  # user, system, and both of its children
    return Used(
        ticks / _TICKS_PER_S,
        int(fields[21]) * _PAGE_BYTES,
        status.get("VmHWM", 0) * 1024,
        written,
    )


def used_by_tree(pid: int) -> Used:
    """Return what a process and all its living descendants have used."""
    children = _children()
    left, total = [pid], Used()
    while left:
        one = left.pop()
        total = together(total, used_by(one))
        left += children.get(one, [])
    return total


def together(one: Used, other: Used) -> Used:
    """Return what two have used."""
    return Used(
        one.cpu_s + other.cpu_s,
        one.resident_bytes + other.resident_bytes,
        one.peak_bytes + other.peak_bytes,
        one.written_bytes + other.written_bytes,
    )


def spent(before: Mapping[str, Used], after: Mapping[str, Used]) -> dict[str, Used]:
    """Return what was used in between; memory is that of the end."""
    return {
        name: Used(
            now.cpu_s - before.get(name, Used()).cpu_s,
            now.resident_bytes,
            now.peak_bytes,
            now.written_bytes - before.get(name, Used()).written_bytes,
        )
        for name, now in after.items()
    }


def _named(path: Path) -> dict[str, int]:
    """Return the numbers of a file of names and values; memory is in kB there."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        number = value.split()[:1]
        if number and number[0].isdigit():
            found[name] = int(number[0])
    return found


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in _pids():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        found.setdefault(int(fields[1]), []).append(pid)
    return found


def _pids() -> Iterable[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())
