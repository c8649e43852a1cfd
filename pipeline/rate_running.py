"""The state of a batch as it runs: read into decimals once per batch and key.

It is not kept from batch to batch: what lies far apart in memory costs more to find again than to read
from bytes that just came from RocksDB (measured: 3 us more per event).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Protocol

from counters.running import RunningBucket, RunningHead, running_bucket, running_head
from counters.state import bucket_from_state, head_from_state
from native import compiled
from schemas.flow import StateChange, StateValues

_native = compiled("counting")


class CompiledHead(Protocol):
    """A head that `native/counting.pyx` counts in, and changes as it does."""

    def value(self) -> bytes:
        """Return it as a value of the state."""


class CompiledBucket(Protocol):
    """A bucket that `native/counting.pyx` counts in, and changes as it does."""

    @property
    def records(self) -> int: ...

    @property
    def quantity(self) -> Decimal: ...

    def value(self) -> bytes:
        """Return it as a value of the state."""


class RunningState:
    """The state under one batch: `head` and `bucket` say how it is now. One over another one is a
    draft of it, which is thrown away or taken over."""

    def __init__(self, state: Mapping[bytes, bytes] | RunningState) -> None:
        self._under = state if isinstance(state, RunningState) else None
        self.state: Mapping[bytes, bytes] = {} if isinstance(state, RunningState) else state
        # Those that changed, as they are now.
        self.heads: dict[bytes, RunningHead | CompiledHead] = {}
        self.buckets: dict[bytes, RunningBucket | CompiledBucket] = {}

    def head(self, key: bytes) -> RunningHead:
        """Return the head under a key; a new one where there is none."""
        head = self.heads.get(key)
        if head is not None:
            if isinstance(head, RunningHead):
                return head
            return running_head(head_from_state(head.value()))
        if self._under is not None:
            return self._under.head(key)
        return running_head(head_from_state(self.state.get(key)))

    def bucket(self, key: bytes) -> RunningBucket:
        """Return the bucket under a key; a new one where there is none."""
        bucket = self.buckets.get(key)
        if bucket is not None:
            if isinstance(bucket, RunningBucket):
                return bucket
            return running_bucket(bucket_from_state(bucket.value()))
        if self._under is not None:
            return self._under.bucket(key)
        return running_bucket(bucket_from_state(self.state.get(key)))

    def counted_from(self, prefix: bytes) -> Iterator[tuple[bytes, int, Decimal]]:
        """Yield the keys of buckets that begin so, with records and quantity as they are now; in no
        order."""
        changed: dict[bytes, RunningBucket | CompiledBucket] = {}
        layer: RunningState | None = self
        while layer is not None:
            for key, bucket in layer.buckets.items():
                if key.startswith(prefix):
                    changed.setdefault(key, bucket)
            state, layer = layer.state, layer._under
        for key, bucket in changed.items():
            yield key, bucket.records, bucket.quantity
        for key, value in _scanned(state, prefix):
            if key not in changed:
                found = bucket_from_state(value)
                yield key, found.records, Decimal(found.quantity)

    def changes(self) -> list[StateChange]:
        """Return the state after the batch, where it changed."""
        if _native is not None:
            changes: list[StateChange] = _native.changes(self.heads, self.buckets)
            return changes
        return self.changes_in_python()

    def changes_in_python(self) -> list[StateChange]:
        """Return what `changes` returns, by nothing that is compiled."""
        heads = [(key, head.value()) for key, head in self.heads.items()]
        buckets = [(key, bucket.value()) for key, bucket in self.buckets.items()]
        return [*heads, *buckets]


def _scanned(state: Mapping[bytes, bytes], prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Return what of the whole state begins so."""
    if isinstance(state, StateValues):
        return state.scan(prefix)
    return [(key, value) for key, value in state.items() if key.startswith(prefix)]
