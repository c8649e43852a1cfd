"""Finding an id that comes twice, in bounded memory: ids go to disk in buckets when they are many."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_BUCKETS = 256  # by the first byte of the id, which is a hash
_ENTRY = struct.Struct(">16sQ")
_SPILL_BYTES = 64 * 1024 * 1024


class Repeats:
    """Takes (id, position) pairs; gives the ids that came more than once.

    A context manager: the folder with what did not fit the memory is gone at its end.
    """

    def __init__(self, *, spill_bytes: int = _SPILL_BYTES) -> None:
        self._buckets = [bytearray() for _ in range(_BUCKETS)]
        self._size = 0
        self._spill_bytes = spill_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, identity: bytes, position: int) -> None:
        """Take one 16-byte id."""
        self._buckets[identity[0]] += _ENTRY.pack(identity, position)
        self._size += _ENTRY.size
        if self._size >= self._spill_bytes:
            self._spill()

    def found(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the next position of each id that came again."""
        for number, bucket in enumerate(self._buckets):
            content = bytes(bucket)
            if self._folder is not None:
                content = self._path(number).read_bytes() + content
            before: tuple[bytes, int] | None = None
            for entry in sorted(_ENTRY.iter_unpack(content)):
                if before is not None and entry[0] == before[0]:
                    yield before[1], entry[1]
                before = entry

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="ratemill-verify-")
        for number, bucket in enumerate(self._buckets):
            with self._path(number).open("ab") as file:
                file.write(bucket)
            bucket.clear()
        self._size = 0

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / str(number)
