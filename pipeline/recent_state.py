"""The newest values of a partition's state in memory, in front of RocksDB.

A look-up in RocksDB takes two microseconds, also where the value was written a moment ago, and rate
asks for two or three of each event. Nothing is written later than it would be: a change goes to
RocksDB first, and is kept here only when it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from pipeline.generations import Generations
from schemas.flow import StateChange, StateValues

PositionT = TypeVar("PositionT", contravariant=True)


class Store(Protocol[PositionT]):
    """What `pipeline.state.StateStore` does, as far as a batch needs it."""

    def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Return the values of those of ``keys`` that are there."""
        ...

    def scan_prefix(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return the keys that begin so, with their values, in the order of the keys."""
        ...

    def write(self, changes: Iterable[StateChange], folded: PositionT, /) -> None:
        """Put the changes and the position; all of it or nothing."""
        ...


class RecentState(Generic[PositionT]):
    """A store whose last values are at hand. All reads and writes of a session go through it."""

    def __init__(self, store: Store[PositionT], *, most_values: int) -> None:
        self._store = store
        self._recent: Generations[bytes, bytes] = Generations(most_values // 2)

    def get_many(self, keys: Sequence[bytes]) -> StateValues:
        """Return the values of those of ``keys`` that are there; RocksDB is asked for the rest, in
        one call."""
        found = self._recent.get_many(keys)
        if len(found) < len(keys):
            missing = [key for key in keys if key not in found]
            read = self._store.get_many(missing)
            self._recent.put_many(read)
            found.update(read)
        return StateValues(found, self._store.scan_prefix)

    def scan_prefix(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return the keys that begin so, with their values: RocksDB has all that was written."""
        return self._store.scan_prefix(prefix)

    def write(self, changes: Iterable[StateChange], folded: PositionT) -> None:
        """Put the changes and the position in one batch, then remember them."""
        changes = list(changes)
        try:
            self._store.write(changes, folded)
        except BaseException:
            self._recent.clear()  # nobody knows what is there now
            raise
        last = dict(changes)
        kept = {key: value for key, value in last.items() if value is not None}
        self._recent.put_many(kept)
        if len(kept) < len(last):
            for key in last.keys() - kept.keys():
                self._recent.forget(key)
