"""Records in a file, one behind the other: written and read without holding more than one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar

import msgspec

T = TypeVar("T")

_LENGTH_BYTES = 4


def write_frame(file: IO[bytes], record: object) -> None:
    """Append a record."""
    value = msgspec.msgpack.encode(record)
    file.write(len(value).to_bytes(_LENGTH_BYTES, "big"))
    file.write(value)


def read_frames(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of a file."""
    decoder = msgspec.msgpack.Decoder(kind)
    with path.open("rb") as file:
        while head := file.read(_LENGTH_BYTES):
            yield decoder.decode(file.read(int.from_bytes(head, "big")))
