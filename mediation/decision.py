"""One batch under decision: what it comes to so far, and what it changes of the state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from mediation.changes import pack, state_changes
from mediation.dedup import Mark, MarkState, Seen, Window, mark_from_bytes, mark_to_bytes, seen
from mediation.file_progress import NOTHING, FileProgress, progress_from_bytes
from mediation.ordinary import end_of_event
from mediation.received import Ready, Received, ReceivedItem, arrived_ms, first_copy_of
from mediation.suspending import suspended
from mediation.tally import NormaliseTally
from schemas import suspense
from schemas.flow import Append, Channel, Decided, Headers, PartitionOf, SourceRecord
from schemas.outcome import NormaliseOutcome
from schemas.proof import Proof, Versions
from schemas.raw import MAX_RECORD_BYTES
from schemas.reference import ReferenceData
from schemas.refusal import RefusalReason, Refused
from schemas.sethash import event_member
from schemas.usage import NormalisedRecord

_CONFLICT = Refused(
    RefusalReason.CONFLICT, "an event of the same identity came before, with other content"
)


class Decision:
    """One batch under decision."""

    def __init__(
        self,
        state: Mapping[bytes, bytes],
        previous: Proof,
        *,
        window: Window,
        reference: ReferenceData,
        partition_of: PartitionOf,
        in_full: Callable[[SourceRecord], Sequence[ReceivedItem | Ready]],
    ) -> None:
        """Begin with nothing decided. ``in_full`` reads the items of a record as they were decoded."""
        self.window = window
        self.reference = reference
        self.state = state
        self.batch = previous.batch + 1
        self.changed: dict[bytes, bytes | None] = {}
        self.appends: list[Append] = []
        self.end = end_of_event(self.batch)
        self.ready_members = defaultdict[int, list[bytes]](list)  # of what was ready, by partition
        self.tally = NormaliseTally(previous)
        self._previous = previous
        self._partition_of = partition_of
        self._read_in_full = in_full
        self._in_full: tuple[Received, Sequence[ReceivedItem | Ready]] | None = None

    def item_in_full(self, received: Received, index: int) -> ReceivedItem:
        """Return an item as it was decoded, though it was ready."""
        # The record is read once, not once for each of its thousand items.
        known = self._in_full
        if known is None or known[0] is not received:
            known = self._in_full = received, self._read_in_full(received.record)
        item = known[1][index]
        assert isinstance(item, ReceivedItem)
        return item

    def progress(self, file_key: bytes) -> FileProgress:
        """Return how far a file has come, with what this batch has of it."""
        # Not `or`: a file that ended in this batch is None in it, whatever the state still holds.
        changed, state = self.changed, self.state
        value = changed[file_key] if file_key in changed else state.get(file_key)
        return NOTHING if value is None else progress_from_bytes(value)

    def copy_outcome(
        self, received: Received, item: ReceivedItem, *, version: int
    ) -> NormaliseOutcome | None:
        """Return the outcome of an item that was seen before, or None where it was not."""
        value = self.changed.get(item.key) or self.state.get(item.key)
        if value is None:
            return None
        mark = mark_from_bytes(value)
        if not self.window.remembers(mark, appended_at_ms=arrived_ms(received)):
            return None
        answer = seen(mark, content=item.content_hash, version=version)
        if answer is Seen.CONFLICT:
            return self.suspend(received, item, _CONFLICT)
        self.into_suspense(received, item, None, first_copy=mark.first_copy)
        return NormaliseOutcome.DUPLICATE

    def mark(
        self, received: Received, item: ReceivedItem, version: int, day: int, state: MarkState
    ) -> None:
        """Remember the identity of an item."""
        at = first_copy_of(received, item)
        if state is MarkState.SUSPENDED:  # where it waits
            at = received.record.offset, item.index
        mark = Mark(item.content_hash, version, day, state, *at)
        self.changed[item.key] = mark_to_bytes(mark)

    def hand_on(self, event: NormalisedRecord, value: bytes, *, headers: Headers = ()) -> None:
        """Give rate an event or a command; ``value`` is what it is on the wire."""
        key = event.rating_key
        partition = self._partition_of(key)
        self.appends.append(Append(Channel.NORMALISED, partition, key.encode(), value, headers))
        self.tally.handed_on(
            partition, event_member(event.identity, event.run, key, event.content_hash)
        )

    def suspend(self, received: Received, item: ReceivedItem, refused: Refused) -> NormaliseOutcome:
        """Refuse an item; the outcome is that it waits in suspense."""
        self.into_suspense(received, item, refused)
        # Of a block that cannot be read as a whole one item is left, whatever it held.
        block = received.block if len(received.items) == 1 else None
        whole = 1 if block is None else max(1, block.items)
        self.tally.refused(refused.reason, received.origin.source, whole=whole)
        return NormaliseOutcome.SUSPENDED

    def into_suspense(
        self,
        received: Received,
        item: ReceivedItem,
        refused: Refused | None,
        *,
        first_copy: tuple[int, int] | None = None,
    ) -> None:
        """Tell suspense of a refusal, or without one of a copy and where the first copy lies."""
        record = suspended(
            received, item, refused, topic=self._previous.source_topic, first_copy=first_copy
        )
        self.appends.append(
            Append(
                Channel.SUSPENSE,
                self._previous.source_partition,
                record.suspense_id.encode(),
                suspense.to_wire(record),
                suspense.error_headers(record),
            )
        )
        self.tally.in_suspense(record.suspense_id)

    def decided(self, batch: Sequence[Received], *, versions: Versions) -> Decided:
        """Return what the batch comes to."""
        for partition, digests in self.ready_members.items():
            self.tally.all_handed_on(partition, digests)
        proof = self.tally.proof(
            next_offset=batch[-1].record.offset + 1 if batch else self._previous.next,
            versions=versions,
            changes=pack(self.changed),
        )
        changes = state_changes(self.changed.items(), batch=proof.batch)
        return Decided(self.appends, proof, changes)


def too_large(size: int) -> Refused:
    """Return why an event of so many bytes is not handed on."""
    return Refused(
        RefusalReason.TOO_LARGE, f"its event would have {size:,} bytes, {MAX_RECORD_BYTES:,} fit"
    )
