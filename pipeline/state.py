"""The state of one partition in RocksDB: a fold of its changelog, and how far it is folded."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    Options,
    Rdict,
    WriteBatch,
)

from pipeline.errors import RatemillError
from schemas.flow import StateChange, StateValues

FORMAT = 1  # of keys and values; another one means: rebuild
_OURS = b"\x00"  # no key of a stage begins with a zero byte
_META = _OURS + b"meta"
_PRUNED = _OURS + b"pruned"
_DAY = struct.Struct(">q")
_DIGEST_PAIRS = 1_000  # hashed at once; part of what a digest is
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


class Interrupted(Exception):
    """Whoever asked does not want the answer any more."""


class Content(NamedTuple):
    """What a whole state comes to: how many keys, ours among them, and the digest of all."""

    folded: Folded | None
    keys: int
    digest: str  # 32 hex digits


class StateStore:
    """One partition's keys. `write` is atomic: changes and position go in together."""

    def __init__(self, path: Path) -> None:
        """Open or create; `StateLocked` when another process has it open."""
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = _open(path)

    @property
    def path(self) -> Path:
        """Return the folder of the state."""
        return self._path

    @property
    def folded(self) -> Folded | None:
        """Return how far the state is folded; None when it is empty or of another format."""
        with _explained(self._path):
            return _folded(self._db.get(_META))

    @property
    def pruned_before(self) -> int | None:
        """Return the first day (UTC, since 1970) that was never pruned; None: nothing was."""
        with _explained(self._path):
            value = self._db.get(_PRUNED)
        return None if value is None else int(_DAY.unpack(value)[0])

    @property
    def keys(self) -> int:
        """Return about how many keys there are, as RocksDB estimates it."""
        with _explained(self._path):
            return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def get_many(self, keys: Sequence[bytes]) -> StateValues:
        """Return the values of those of ``keys`` that are there, in one call to RocksDB."""
        if not keys:
            return StateValues({}, self.scan_prefix)
        with _explained(self._path):
            values: list[bytes | None] = cast("list[bytes | None]", self._db.get(list(keys)))
        found = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        return StateValues(found, self.scan_prefix)

    def write(self, changes: Iterable[StateChange], folded: Folded) -> None:
        """Put the changes and the position in one batch; a crash keeps all of it or nothing."""
        self._write(changes, _META, msgspec.msgpack.encode(folded))

    def prune(self, changes: Iterable[StateChange], *, before: int) -> None:
        """Put changes that no fold tells, and the day before which keys may be gone now."""
        self._write(changes, _PRUNED, _DAY.pack(before))

    def _write(self, changes: Iterable[StateChange], ours: bytes, said: bytes) -> None:
        batch = WriteBatch(raw_mode=True)
        # The last word on each key, in the order of the keys: RocksDB takes them three times faster.
        last = dict(changes)
        for key in sorted(last):
            value = last[key]
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(ours, said)
        with _explained(self._path):
            self._db.write(batch)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key and value but our own, in the order of the keys."""
        for key, value in _items(self._db, self._path):
            if not key.startswith(_OURS):
                yield key, value

    def scan(self, begin: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return the keys and values of [begin, end) in the order of the keys."""
        for key, value in _items(self._db, self._path, begin):
            if key >= end:
                return
            yield key, value

    def scan_prefix(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return the keys that begin so, with their values, in the order of the keys. The prefix does not
        end in the highest byte."""
        return self.scan(prefix, prefix[:-1] + bytes([prefix[-1] + 1]))

    def flush_soon(self) -> None:
        """Have RocksDB write what it holds in memory to its files; does not wait for it."""
        with _explained(self._path):
            self._db.flush(wait=False)

    @property
    def flushing(self) -> bool:
        """Return whether RocksDB still writes what `flush_soon` asked for."""
        with _explained(self._path):
            return bool(self._db.property_int_value("rocksdb.num-immutable-mem-table"))

    def checkpoint(self, path: Path) -> None:
        """Make a copy of the state as it is now in ``path``, which must not be there.

        Its files are hard links. It takes as long as what is still in memory takes to be written,
        and holds the interpreter meanwhile: `flush_soon` first.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with _explained(self._path):
            Checkpoint(self._db).create_checkpoint(str(path))

    def replace(self, path: Path) -> None:
        """Put the state that lies in ``path``, beside this one, in its place; it is moved."""
        self.close()
        shutil.rmtree(self._path)
        path.replace(self._path)
        self._db = _open(self._path)

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


def content_of(path: Path, *, goes_on: Callable[[], bool] = lambda: True) -> Content:
    """Return what lies in a folder that no process writes to; it is read only, every key of it.

    `Interrupted` as soon as ``goes_on`` says no.
    """
    with _explained(path):
        db = Rdict(
            str(path),
            options=Options(raw_mode=True),
            access_type=AccessType.read_only(error_if_log_file_exist=False),
        )
    digest, keys = hashlib.blake2b(digest_size=16), 0
    pairs: list[tuple[bytes, bytes]] = []
    try:
        with _explained(path):
            folded = _folded(db.get(_META))
        for pair in _items(db, path):
            pairs.append(pair)
            if len(pairs) == _DIGEST_PAIRS:
                if not goes_on():
                    raise Interrupted
                # With its lengths: no two states have the same bytes.
                digest.update(msgspec.msgpack.encode(pairs))
                keys += len(pairs)
                pairs.clear()
    finally:
        db.close()
    digest.update(msgspec.msgpack.encode(pairs))
    return Content(folded, keys + len(pairs), digest.hexdigest())


def _folded(value: bytes | None) -> Folded | None:
    if value is None:
        return None
    try:
        folded = msgspec.msgpack.decode(value, type=Folded)
    except msgspec.MsgspecError:
        return None
    return folded if folded.format == FORMAT else None


def _items(db: Rdict, path: Path, begin: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Return keys and values in order; `StateUnavailable` at what cannot be read.

    RocksDict's iterator ends at a damaged block as if it were the end: what lies behind the last
    key is asked for by one that tells. Nothing may be written meanwhile.
    """
    last = None
    with _explained(path):
        for last in db.items() if begin is None else db.items(from_key=begin):
            yield cast("tuple[bytes, bytes]", last)
        behind = db.iter()
        if last is not None:
            behind.seek(last[0])
            behind.next()
        elif begin is not None:
            behind.seek(begin)
        else:
            behind.seek_to_first()
        behind.status()
        if behind.valid():
            raise OSError("it gave no key behind a block that it could not read")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # rocksdict raises plain Exception for every status
        if any(words in str(error) for words in _LOCKED):
            raise StateLocked(str(path)) from error
        raise StateUnavailable(
            f"RocksDB at {path} failed: {error}. Operator action: make room on the disk; "
            "if a file is damaged, delete that folder: it is rebuilt from a snapshot and the changelog."
        ) from error


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # Of each partition, and there are two such buffers while one is written out: a process has four
    # partitions or more, and should stay below 400 MB.
    options.set_write_buffer_size(8 << 20)
    # Whether a key is not in such a buffer is answered without a search: most that are asked for are
    # not. 160 kB for each.
    options.set_memtable_prefix_bloom_ratio(0.02)
    options.set_memtable_whole_key_filtering(True)
    options.set_keep_log_file_num(2)
    options.set_max_total_wal_size(64 << 20)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)  # most identities were never seen: answer without a read
    table.set_block_cache(Cache(16 << 20))
    options.set_block_based_table_factory(table)
    return options


def _open(path: Path) -> Rdict:
    # The column family is named although there is one only: rocksdict opens one that exists and is
    # not named with the options that it finds in the folder, and those do not hold the filter. A
    # key that is not there then takes 6 us and not 1.
    with _explained(path):
        return Rdict(str(path), options=_options(), column_families={"default": _options()})
