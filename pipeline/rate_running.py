"""The state of a batch as it runs, and the decoded state of the batches before.

Reading a head or a bucket from its bytes costs more than counting in it. What a batch wrote is kept
with its bytes, and is what the next batch means if it is given the same bytes: a batch that was decided
and then dropped is never mistaken for one that was committed.
"""

from __future__ import annotations

from collections.abc import Mapping

from counters.running import RunningBucket, RunningHead, running_bucket, running_head
from counters.state import bucket_from_state, bucket_to_state, head_from_state, head_to_state
from pipeline.generations import Generations
from schemas.flow import StateChange

_MOST_KEPT = 20_000  # in each of two generations, about 500 bytes each


class Decoded:
    """Heads and buckets by key, each with the bytes that it was written as."""

    def __init__(self) -> None:
        self.heads: Generations[bytes, tuple[bytes, RunningHead]] = Generations(_MOST_KEPT)
        self.buckets: Generations[bytes, tuple[bytes, RunningBucket]] = Generations(_MOST_KEPT)


class RunningState:
    """The state under one batch: `head` and `bucket` say how it is now."""

    def __init__(self, state: Mapping[bytes, bytes], decoded: Decoded) -> None:
        self._state = state
        self._decoded = decoded
        self.heads: dict[bytes, RunningHead] = {}  # those that changed, as they are now
        self.buckets: dict[bytes, RunningBucket] = {}

    def head(self, key: bytes) -> RunningHead:
        """Return the head under a key; a new one where there is none."""
        head = self.heads.get(key)
        if head is not None:
            return head
        value = self._state.get(key)
        known = self._decoded.heads.get(key)
        if known is not None and known[0] == value:
            return known[1]
        return running_head(head_from_state(value))

    def bucket(self, key: bytes) -> RunningBucket:
        """Return the bucket under a key; a new one where there is none."""
        bucket = self.buckets.get(key)
        if bucket is not None:
            return bucket
        value = self._state.get(key)
        known = self._decoded.buckets.get(key)
        if known is not None and known[0] == value:
            return known[1]
        return running_bucket(bucket_from_state(value))

    def changes(self) -> list[StateChange]:
        """Return the state after the batch, where it changed."""
        changes: list[StateChange] = []
        for key, head in self.heads.items():
            value = head_to_state(head.stored())
            self._decoded.heads.put(key, (value, head))
            changes.append((key, value))
        for key, bucket in self.buckets.items():
            value = bucket_to_state(bucket.stored())
            self._decoded.buckets.put(key, (value, bucket))
            changes.append((key, value))
        return changes
