"""What runs in a data folder, written down so that another process finds it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from pipeline.embedded.processes import ProcessId, alive

ServiceName = Literal["kafka", "postgres"]
SERVICES: tuple[ServiceName, ...] = ("kafka", "postgres")


@dataclass(frozen=True)
class Entry:
    process: ProcessId
    address: str  # host:port; no password, that one has a file of its own
    ready: bool  # false: it was started, and nobody has seen it answer yet


class RunFile:
    """`run/services.json`; whoever changes it holds the lock of the data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[ServiceName, Entry]:
        """Return what was written last, also of services that are gone since."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            return msgspec.json.decode(content, type=dict[ServiceName, Entry])
        except msgspec.DecodeError:
            return {}  # of another version: nothing of ours

    def living(self) -> dict[ServiceName, Entry]:
        """Return the entries whose very process still runs; a stale file gives none."""
        return {name: entry for name, entry in self.read().items() if alive(entry.process)}

    def put(self, name: ServiceName, entry: Entry) -> None:
        self._write({**self.read(), name: entry})

    def remove(self, *names: ServiceName) -> None:
        self._write({name: entry for name, entry in self.read().items() if name not in names})

    def _write(self, entries: dict[ServiceName, Entry]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
        unfinished.replace(self._path)
