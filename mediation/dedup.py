"""Was this event seen before? A question: asking never marks.

The mark of an event is made together with its effect, in the batch that hands it on
(`mediation/usage_event.py`). All copies meet in one partition, since raw is keyed by stream.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from schemas.refusal import RefusalReason, Refused

DAY_MS = 86_400_000
CONTENT_HASH_BYTES = 8


class MarkState(IntEnum):
    """What became of the first copy. Values stand in proofs: add, never renumber."""

    PASSED = 1
    SUSPENDED = 2  # waits in suspense; pinned until it is recycled or written off
    WRITTEN_OFF = 3
    HELD = 4  # a part that waits for the others; pinned until it is released
    RELEASED = 5


_PINNED = (MarkState.SUSPENDED, MarkState.HELD)

_MARK = struct.Struct(">8sHiBQI")
MARK_BYTES = _MARK.size


class Mark(NamedTuple):
    """What is remembered of an identity: 27 bytes."""

    content_hash: bytes  # 8 bytes
    content_version: int  # of the choice of fields that are hashed
    event_day: int  # UTC days since 1970
    state: int
    offset: int  # of the first copy, in its raw partition
    item_index: int

    @property
    def first_copy(self) -> tuple[int, int]:
        """Return the raw offset and the index of the first copy."""
        return self.offset, self.item_index


def mark_to_bytes(mark: Mark) -> bytes:
    """Return the 27 bytes of a mark."""
    return _MARK.pack(*mark)


pack_mark = _MARK.pack
"""`mark_to_bytes` of the fields of a mark, for where a hundred thousand are made a second."""


def mark_from_bytes(value: bytes) -> Mark:
    """Return the mark of 27 bytes."""
    return Mark(*_MARK.unpack(value))


def content_hash(content: bytes) -> bytes:
    """Return the 8-byte hash of the fields that decide a charge."""
    return hashlib.blake2b(content, digest_size=CONTENT_HASH_BYTES).digest()


new_content_hash = hashlib.blake2b(digest_size=CONTENT_HASH_BYTES).copy
"""Return a `content_hash` that has taken nothing yet: copied in half the time of a new one."""


class Seen(StrEnum):
    """The answer."""

    NEVER = "never"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


def seen(mark: Mark | None, *, content: bytes, version: int) -> Seen:
    """Return whether an event was seen before, given the mark of its identity.

    Same content: a duplicate. Other content: a conflict. Hashes of another choice of fields cannot
    be compared: the identity decides, so a duplicate. A copy of a suspended event is a duplicate.
    """
    if mark is None:
        return Seen.NEVER
    if mark.content_version == version and mark.content_hash != content:
        return Seen.CONFLICT
    return Seen.DUPLICATE


@dataclass(frozen=True, slots=True)
class Window:
    """The event times that are taken, measured from the broker's append time of the raw record.

    Never from other events, nor from a clock: one record dated 9999 ages nothing, and a replay
    decides as the first time.
    """

    horizon_ms: int
    future_ms: int

    def check(self, started_at_ms: int, *, appended_at_ms: int) -> Refused | None:
        """Return why an event is out of the window, or None."""
        if started_at_ms < appended_at_ms - self.horizon_ms:
            return Refused(
                RefusalReason.OLDER_THAN_DEDUP_HORIZON,
                f"began more than {self.horizon_ms // DAY_MS} days before it arrived: whether it "
                "came before is no longer known",
            )
        if started_at_ms > appended_at_ms + self.future_ms:
            return Refused(
                RefusalReason.TOO_FAR_IN_FUTURE,
                f"begins more than {self.future_ms // 3_600_000} hours after it arrived",
            )
        return None

    def remembers(self, mark: Mark, *, appended_at_ms: int) -> bool:
        """Return whether a mark counts for a record. One that does not may have been pruned or
        not: the comparison decides, so that both give the same outcome."""
        return mark.state in _PINNED or (
            (mark.event_day + 1) * DAY_MS > appended_at_ms - self.horizon_ms
        )

    def may_prune(self, mark: Mark, *, appended_at_ms: int) -> bool:
        """Return whether no record appended from now on can ask for a mark.

        A day is left for a broker whose clock is set back.
        """
        return not self.remembers(mark, appended_at_ms=appended_at_ms - DAY_MS)
