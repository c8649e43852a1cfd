"""RocksDB in memory: what `pipeline.state` calls of rocksdict, with its lock and its durability.

A write survives the death of its process. A crash of the whole machine may lose the newest ones:
`lose_newest` goes back to the state after an earlier write. A database lies where its folder lies:
whoever deletes the folder deletes it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.simulation.process import Process, current

_KEPT_WRITES = 8


class MemoryBatch:
    """rocksdict's WriteBatch: changes that are written together."""

    def __init__(self, *, raw_mode: bool) -> None:
        self.changes: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self.changes.append((key, value))

    def delete(self, key: bytes) -> None:
        self.changes.append((key, None))


class Disk:
    """The databases of a world, by the mark that lies in their folder."""

    def __init__(self) -> None:
        self._databases: dict[str, _Database] = {}

    def database(self, path: Path) -> _Database:
        mark = path / "CURRENT"
        if not mark.exists():
            mark.write_text(f"{len(self._databases)}")
            self._databases[mark.read_text()] = _Database()
        return self._databases[mark.read_text()]

    def lose_newest(self, writes: int) -> int:
        """Take back the newest writes of every database nobody has open; return how many."""
        return sum(each.lose(writes) for each in self._databases.values() if each.owner is None)


class _Database:
    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.owner: Process | None = None
        self._undo: list[dict[bytes, bytes | None]] = []

    def write(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        undo: dict[bytes, bytes | None] = {}
        for key, value in changes:
            undo.setdefault(key, self.data.get(key))
            _put(self.data, key, value)
        self._undo = [*self._undo[-_KEPT_WRITES:], undo]

    def lose(self, writes: int) -> int:
        lost = 0
        while self._undo and lost < writes:
            for key, value in self._undo.pop().items():
                _put(self.data, key, value)
            lost += 1
        return lost


def _put(data: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    if value is None:
        data.pop(key, None)
    else:
        data[key] = value


class MemoryIterator:
    """rocksdict's iterator over keys: what is asked of it after `items` came to its end."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys
        self._at = len(keys)

    def seek_to_first(self) -> None:
        self._at = 0

    def seek(self, key: bytes) -> None:
        self._at = bisect.bisect_left(self._keys, key)

    def next(self) -> None:
        self._at += 1

    def valid(self) -> bool:
        return self._at < len(self._keys)

    def status(self) -> None:
        """Nothing is ever damaged in memory."""


class MemoryRdict:
    """An open database."""

    def __init__(self, path: str, disk: Disk) -> None:
        self._process = current()
        self._database = disk.database(Path(path))
        if self._database.owner is not None:
            raise Exception(f"IO error: While lock file: {path}: simulated")
        self._database.owner = self._process
        self._process.on_death.append(self._release)
        self._open = True

    def _release(self) -> None:
        if self._database.owner is self._process:
            self._database.owner = None

    def get(self, key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
        self._process.check()
        if isinstance(key, list):
            return [self._database.data.get(each) for each in key]
        return self._database.data.get(key)

    def write(self, batch: MemoryBatch) -> None:
        self._process.at_once("rocksdb.before")
        self._database.write(batch.changes)
        self._process.at_once("rocksdb.after")

    def items(self, *, from_key: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        self._process.check()
        return iter(sorted(item for item in self._database.data.items() if item[0] >= from_key))

    def iter(self) -> MemoryIterator:
        self._process.check()
        return MemoryIterator(sorted(self._database.data))

    def close(self) -> None:
        if self._open and not self._process.dead:
            self._release()
            self._process.on_death.remove(self._release)
        self._open = False
