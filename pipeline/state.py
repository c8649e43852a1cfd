"""The state of one partition in RocksDB: a fold of its changelog, and how far it is folded."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from pipeline.errors import RatemillError
from schemas.flow import StateChange

FORMAT = 1  # of keys and values; another one means: rebuild
_META = b"\x00meta"  # no key of a stage begins with a zero byte
# RocksDB's own words: held by another process, held by this one. Not just "lock", which a path
# may hold, and a file that cannot be made is no lock either.
_LOCKED = ("While lock file: ", "lock hold by current process")


class Folded(msgspec.Struct, frozen=True):
    """How far the state is folded, and of which installation it is."""

    format: int
    cluster_id: str
    genesis_id: str
    next_offset: int  # of the changelog: the first record that is not in the state
    chain: str  # of the last proof that is in it


class StateLocked(Exception):
    """Another process holds the folder."""


class StateUnavailable(RatemillError):
    """RocksDB could not read or write: a full disk, a damaged file."""


class StateStore:
    """One partition's keys. `write` is atomic: changes and position go in together."""

    def __init__(self, path: Path) -> None:
        """Open or create; `StateLocked` when another process has it open."""
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = _open(path)

    @property
    def folded(self) -> Folded | None:
        """Return how far the state is folded; None when it is empty or of another format."""
        with _explained(self._path):
            value = self._db.get(_META)
        if value is None:
            return None
        try:
            folded = msgspec.msgpack.decode(value, type=Folded)
        except msgspec.MsgspecError:
            return None
        return folded if folded.format == FORMAT else None

    def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return the values of those of ``keys`` that are there, in one call to RocksDB."""
        if not keys:
            return {}
        with _explained(self._path):
            values: list[bytes | None] = cast("list[bytes | None]", self._db.get(list(keys)))
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def write(self, changes: Iterable[StateChange], folded: Folded) -> None:
        """Put the changes and the position in one batch; a crash keeps all of it or nothing."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_META, msgspec.msgpack.encode(folded))
        with _explained(self._path):
            self._db.write(batch)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key and value but the position, in the order of the keys."""
        for key, value in self._db.items():
            assert isinstance(key, bytes), "raw mode keeps keys as they are"
            if key != _META:
                yield key, value

    def clear(self) -> None:
        """Delete everything: the state is of another installation, or of another format."""
        self.close()
        shutil.rmtree(self._path)
        self._path.mkdir(parents=True)
        self._db = _open(self._path)

    def close(self) -> None:
        """Release the folder; raises nothing.

        What RocksDB cannot write now is in its log, or else it is folded again. An error here
        would take the place of the one that ended the session, or of its cancellation.
        """
        with contextlib.suppress(Exception):
            self._db.close()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # rocksdict raises plain Exception for every status
        if any(words in str(error) for words in _LOCKED):
            raise StateLocked(str(path)) from error
        raise StateUnavailable(
            f"RocksDB at {path} failed: {error}. Operator action: make room on the disk; "
            "if a file is damaged, delete that folder, it is rebuilt from the changelog."
        ) from error


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(32 << 20)
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(64 << 20)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)  # most identities were never seen: answer without a read
    table.set_block_cache(Cache(32 << 20))
    options.set_block_based_table_factory(table)
    return options


def _open(path: Path) -> Rdict:
    # The column family is named although there is one only: rocksdict opens one that exists and is
    # not named with the options that it finds in the folder, and those do not hold the filter. A
    # key that is not there then takes 6 us and not 1.
    with _explained(path):
        return Rdict(str(path), options=_options(), column_families={"default": _options()})
