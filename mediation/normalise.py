"""Normalise: raw records become usage events, each item with exactly one outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from mediation.changes import pack, state_changes, unpack
from mediation.decode.item import DecodedItem, Decoder, Ignored
from mediation.dedup import (
    DAY_MS,
    Mark,
    MarkState,
    Seen,
    Window,
    mark_from_bytes,
    mark_to_bytes,
    seen,
)
from mediation.file_progress import (
    NOTHING,
    FileProgress,
    after_block,
    progress_from_bytes,
    progress_to_bytes,
    what_is_missing,
)
from mediation.intake import Intake, in_full
from mediation.ordinary import OrdinaryUsage, end_of_event, with_end
from mediation.owners import Owners
from mediation.received import Command, End, Ready, Received, ReceivedItem
from mediation.suspending import suspended
from mediation.tally import NormaliseTally
from schemas import suspense
from schemas.flow import Append, Channel, Decided, PartitionOf, SourceRecord, StateChange
from schemas.outcome import NormaliseOutcome
from schemas.proof import NORMALISE, Proof, Versions, proof_from_msgpack
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand
from schemas.reference import Account, ReferenceData, Subscription
from schemas.refusal import RefusalReason, Refused
from schemas.sethash import event_member
from schemas.usage import (
    RETAIL,
    MonthCorrection,
    NormalisedCommand,
    NormalisedRecord,
    PeriodClose,
    Provenance,
    UsageEvent,
    to_wire,
)

_REMEMBERED_KEYS = 100_000  # rating keys whose partition is remembered, 12 MB
_NORMALISED = Channel.NORMALISED  # a member of an enumeration is found by a descriptor, slowly
_COPY = Ignored("a copy: what it is made of is not looked at")
_new_tuple = tuple.__new__  # of an `Append`, in half the time of its own constructor
_COMMAND_FORMAT = "command@1"

_UNKNOWN_SUBSCRIBER = Refused(
    RefusalReason.UNKNOWN_SUBSCRIBER,
    "none of its identifiers belonged to a subscription when the usage began",
)
_CONFLICT = Refused(
    RefusalReason.CONFLICT, "an event of the same identity came before, with other content"
)
_UNKNOWN_ACCOUNT = Refused(RefusalReason.INVALID_COMMAND, "the command's account is not known")
_NOT_OVER = Refused(
    RefusalReason.INVALID_COMMAND,
    "the period ends before it begins, or had not ended when the command arrived",
)


class PreparedBatch:
    """Raw records, read; it knows the keys of the marks and files that decide about them."""

    def __init__(
        self,
        records: Sequence[SourceRecord],
        received: list[Received],
        *,
        internal_errors: frozenset[int],
        reference: int,
    ) -> None:
        self.records = records
        self.internal_errors = internal_errors
        self.received = received
        self.reference = reference  # version under which owners were looked up
        keys = {each.file_key for each in received}
        for each in received:
            keys.update([item.key for item in each.items])
        keys.discard(b"")  # of what has none
        self._state_keys = tuple(keys)

    @property
    def state_keys(self) -> Sequence[bytes]:
        """Return the keys, each once."""
        return self._state_keys


class NormaliseStep:
    """The pure step of normalise, `schemas.flow.Step`."""

    stage = NORMALISE

    def __init__(
        self,
        *,
        mappings: Mapping[str, Decoder],
        reference: ReferenceData,
        partition_of: PartitionOf,
        raw_partition_of: Callable[[bytes], int],
        horizon_ms: int,
        future_ms: int,
    ) -> None:
        """Build the step. ``mappings`` are by name; ``partition_of`` tells the normalised
        partition of a rating key, ``raw_partition_of`` the raw one of a stream."""
        self.window = Window(horizon_ms=horizon_ms, future_ms=future_ms)
        self.reference = reference
        self._intake = Intake(mappings, raw_partition_of=raw_partition_of)
        self._owners = Owners(reference, self.partition_of)
        self._ordinary = OrdinaryUsage(self._owners, self.window)
        self._partition_of = partition_of
        self._partitions: dict[str, int] = {}
        self._mappings = {
            decoder.name: f"{decoder.version}:{decoder.digest}" for decoder in mappings.values()
        }

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> PreparedBatch:
        """Return the decoded batch; records at ``internal_errors`` are refused unread."""
        self._owners.refresh()
        intake, make = self._intake, self._ordinary.items
        received = [
            intake.unread(record) if record.offset in internal_errors else intake.read(record, make)
            for record in records
        ]
        return PreparedBatch(
            records,
            received,
            internal_errors=internal_errors,
            reference=self.reference.version,
        )

    def decide(
        self, batch: PreparedBatch, state: Mapping[bytes, bytes], *, previous: Proof
    ) -> Decided:
        """Return the events and refusals of a batch, its proof, and the marks it makes.

        Items are decided in their order, each with the marks of those before it, so that where a
        batch ends changes nothing but batch numbers.
        """
        if batch.reference != self.reference.version:
            # Owners were looked up in another version than the one that the proof names.
            batch = self.prepare(batch.records, internal_errors=batch.internal_errors)
        decision = _Decision(self, state, previous)
        for received in batch.received:
            decision.take(received)
        return decision.decided(batch.received)

    def fold(self, value: bytes) -> Iterable[StateChange]:
        """Return the changes of state that one proof tells."""
        proof = proof_from_msgpack(value)
        return state_changes(unpack(proof.changes), batch=proof.batch)

    def in_full(self, record: SourceRecord) -> Sequence[ReceivedItem | Ready]:
        """Return items as they were decoded: for the few that were ready and are no event."""
        return self._intake.read(record, in_full).items

    def partition_of(self, rating_key: str) -> int:
        """Return the normalised partition of a rating key, remembered."""
        partition = self._partitions.get(rating_key)
        if partition is None:
            if len(self._partitions) >= _REMEMBERED_KEYS:
                self._partitions.clear()
            partition = self._partitions[rating_key] = self._partition_of(rating_key)
        return partition

    def versions(self) -> Versions:
        """Return the versions that this step decides under now."""
        return Versions(reference=self.reference.version, mappings=self._mappings)


class _Decision:
    """One batch under decision."""

    def __init__(self, step: NormaliseStep, state: Mapping[bytes, bytes], previous: Proof) -> None:
        self._step = step
        self._window = step.window
        self._reference = step.reference
        self._state = state
        self._previous = previous
        self._batch = previous.batch + 1
        self._changed: dict[bytes, bytes | None] = {}
        self._appends: list[Append] = []
        self._end = end_of_event(self._batch)
        self._handed_on = defaultdict[int, list[bytes]](list)  # members that were ready
        self._in_full: tuple[Received, Sequence[ReceivedItem | Ready]] | None = None
        self._tally = NormaliseTally(previous)

    def take(self, received: Received) -> None:
        """Give each item of a record its one outcome."""
        self._tally.record(
            received.origin.source, items=len(received.items), sequence=received.sequence
        )
        if received.block is not None:
            progress = after_block(self._progress(received.file_key), received.block)
            self._changed[received.file_key] = progress_to_bytes(progress)
        state, changed, appends = self._state, self._changed, self._appends
        passed = 0
        for item in received.items:
            if isinstance(item, ReceivedItem):
                self._tally.outcome(self._decide(received, item))
            elif item.key in state or item.key in changed:
                self._tally.outcome(self._ready_copy(received, item))
            else:
                value = with_end(item.event, self._end)
                _, _, _, key, to, _, _, _, _ = item.owner
                changed[item.key] = item.mark
                appends.append(_new_tuple(Append, (_NORMALISED, to, key, value, ())))
                self._handed_on[to].append(item.member)
                passed += 1
        self._tally.outcome(NormaliseOutcome.NORMALISED, passed)

    def _ready_copy(self, received: Received, item: Ready) -> NormaliseOutcome:
        """Return the outcome of usage whose identity is known."""
        mark = mark_from_bytes(item.mark)
        usage = ReceivedItem(item.index, item.raw, _COPY, item.key, mark.content_hash)
        copy = self._copy(received, usage, version=mark.content_version)
        if copy is None:  # the one before is behind the horizon: it counts no more
            copy = self._decide(received, self._item_in_full(received, item.index))
        return copy

    def _item_in_full(self, received: Received, index: int) -> ReceivedItem:
        # The record is read once, not once for each of its thousand items.
        known = self._in_full
        if known is None or known[0] is not received:
            known = self._in_full = received, self._step.in_full(received.record)
        item = known[1][index]
        assert isinstance(item, ReceivedItem)
        return item

    def decided(self, batch: Sequence[Received]) -> Decided:
        """Return what the batch comes to."""
        for partition, digests in self._handed_on.items():
            self._tally.all_handed_on(partition, digests)
        proof = self._tally.proof(
            next_offset=batch[-1].record.offset + 1 if batch else self._previous.next,
            versions=self._step.versions(),
            changes=pack(self._changed),
        )
        changes = state_changes(self._changed.items(), batch=proof.batch)
        return Decided(self._appends, proof, changes)

    def _decide(self, received: Received, item: ReceivedItem) -> NormaliseOutcome:
        outcome = item.outcome
        if isinstance(outcome, DecodedItem):
            return self._usage(received, item, outcome)
        if isinstance(outcome, Refused):
            return self._suspend(received, item, outcome)
        if isinstance(outcome, Ignored):
            return NormaliseOutcome.IGNORED
        if isinstance(outcome, Command):
            return self._command(received, item, outcome)
        return self._end_of_file(received, item, outcome)

    def _usage(
        self, received: Received, item: ReceivedItem, usage: DecodedItem
    ) -> NormaliseOutcome:
        appended_at_ms = received.record.appended_at_ms
        started_at_ms = usage.started_at_ms
        if started_at_ms is None:
            started_at_ms = appended_at_ms
        # Out of the window nothing is asked and nothing marked: its mark may be pruned already.
        refused = self._window.check(started_at_ms, appended_at_ms=appended_at_ms)
        if refused is not None:
            return self._suspend(received, item, refused)
        day = started_at_ms // DAY_MS
        copy = self._copy(received, item, version=usage.content_version)
        if copy is not None:
            return copy
        owner = self._owner(received.origin.tenant, usage.identifiers, started_at_ms)
        if owner is None:
            self._mark(received, item, usage.content_version, day, MarkState.SUSPENDED)
            return self._suspend(received, item, _UNKNOWN_SUBSCRIBER)
        event = self._event(received, item, usage, owner, started_at_ms)
        value = to_wire(event)
        if len(value) > MAX_RECORD_BYTES:
            self._mark(received, item, usage.content_version, day, MarkState.SUSPENDED)
            return self._suspend(received, item, _too_large(len(value)))
        self._mark(received, item, usage.content_version, day, MarkState.PASSED)
        self._hand_on(event, value)
        return NormaliseOutcome.NORMALISED

    def _copy(
        self, received: Received, item: ReceivedItem, *, version: int
    ) -> NormaliseOutcome | None:
        """Return the outcome of an item that was seen before, or None where it was not."""
        value = self._changed.get(item.key) or self._state.get(item.key)
        if value is None:
            return None
        mark = mark_from_bytes(value)
        if not self._window.remembers(mark, appended_at_ms=received.record.appended_at_ms):
            return None
        answer = seen(mark, content=item.content_hash, version=version)
        if answer is Seen.CONFLICT:
            return self._suspend(received, item, _CONFLICT)
        self._into_suspense(received, item, None, first_copy=mark.first_copy)
        return NormaliseOutcome.DUPLICATE

    def _mark(
        self, received: Received, item: ReceivedItem, version: int, day: int, state: MarkState
    ) -> None:
        mark = Mark(item.content_hash, version, day, state, received.record.offset, item.index)
        self._changed[item.key] = mark_to_bytes(mark)

    def _owner(
        self, tenant: str, identifiers: tuple[str, ...], at_ms: int
    ) -> tuple[Account, Subscription] | None:
        for identifier in identifiers:
            found = self._reference.find(tenant=tenant, identifier=identifier, at_ms=at_ms)
            if found is not None:
                return found
        return None

    def _event(
        self,
        received: Received,
        item: ReceivedItem,
        usage: DecodedItem,
        owner: tuple[Account, Subscription],
        started_at_ms: int,
    ) -> UsageEvent:
        record, origin = received.record, received.origin
        account, subscription = owner
        return UsageEvent(
            tenant=origin.tenant,
            identity=item.key[1:],
            content_hash=item.content_hash,
            run=RETAIL,
            rating_key=account.rating_key,
            source=origin.source,
            record_id=usage.record_id,
            account_id=account.account_id,
            subscription_id=subscription.subscription_id,
            product=usage.product,
            usage_kind=usage.usage_kind,
            started_at_ms=started_at_ms,
            ended_at_ms=usage.ended_at_ms,
            zone=account.zone,
            quantities=usage.quantities,
            origin=usage.origin,
            destination=usage.destination,
            service_class=usage.service_class,
            attributes=usage.attributes,
            provenance=Provenance(
                record.partition, record.offset, item.index, origin.format, record.appended_at_ms
            ),
            batch=self._batch,
        )

    def _command(
        self, received: Received, item: ReceivedItem, command: Command
    ) -> NormaliseOutcome:
        copy = self._copy(received, item, version=0)
        if copy is not None:
            return copy
        asked = command.command
        account = self._reference.accounts.get(asked.account_id)
        if account is None or account.tenant != asked.tenant:
            # Not marked: the outbox may send it again when the account is known.
            return self._suspend(received, item, _UNKNOWN_ACCOUNT)
        record = received.record
        event: NormalisedCommand
        provenance = Provenance(
            record.partition, record.offset, item.index, _COMMAND_FORMAT, record.appended_at_ms
        )
        latest_ms = record.appended_at_ms + self._window.future_ms
        if isinstance(asked, CorrectMonthCommand):
            month = asked.correction
            if not month.usage_period_ms < min(month.period_end_ms, latest_ms):
                return self._suspend(received, item, _NOT_OVER)
            event = MonthCorrection(
                tenant=asked.tenant,
                identity=item.key[1:],
                content_hash=item.content_hash,
                run=RETAIL,
                rating_key=account.rating_key,
                account_id=account.account_id,
                correction=asked.correction,
                provenance=provenance,
                batch=self._batch,
            )
        else:
            # Obeyed, the close of a period far ahead would hold all usage back until then, for
            # ever: a closed period stays closed.
            if not 0 <= asked.period_start_ms < asked.period_end_ms <= latest_ms:
                return self._suspend(received, item, _NOT_OVER)
            event = PeriodClose(
                tenant=asked.tenant,
                identity=item.key[1:],
                content_hash=item.content_hash,
                run=RETAIL,
                rating_key=account.rating_key,
                account_id=account.account_id,
                period_start_ms=asked.period_start_ms,
                period_end_ms=asked.period_end_ms,
                provenance=provenance,
                batch=self._batch,
            )
        value = to_wire(event)
        if len(value) > MAX_RECORD_BYTES:
            return self._suspend(received, item, _too_large(len(value)))
        self._mark(received, item, 0, record.appended_at_ms // DAY_MS, MarkState.PASSED)
        self._hand_on(event, value)
        return NormaliseOutcome.COMMAND

    def _end_of_file(self, received: Received, item: ReceivedItem, end: End) -> NormaliseOutcome:
        copy = self._copy(received, item, version=0)
        if copy is not None:
            return copy
        progress = self._progress(end.file_key)
        self._changed[end.file_key] = None
        missing = what_is_missing(progress, end.end)
        day = received.record.appended_at_ms // DAY_MS
        self._mark(received, item, 0, day, MarkState.PASSED)
        if missing is not None:
            return self._suspend(received, item, Refused(RefusalReason.FILE_INCOMPLETE, missing))
        return NormaliseOutcome.COMMAND

    def _progress(self, file_key: bytes) -> FileProgress:
        # Not `or`: a file that ended in this batch is None in it, whatever the state still holds.
        changed, state = self._changed, self._state
        value = changed[file_key] if file_key in changed else state.get(file_key)
        return NOTHING if value is None else progress_from_bytes(value)

    def _hand_on(self, event: NormalisedRecord, value: bytes) -> None:
        key = event.rating_key
        partition = self._step.partition_of(key)
        self._appends.append(Append(Channel.NORMALISED, partition, key.encode(), value, ()))
        self._tally.handed_on(
            partition, event_member(event.identity, event.run, key, event.content_hash)
        )

    def _suspend(
        self, received: Received, item: ReceivedItem, refused: Refused
    ) -> NormaliseOutcome:
        self._into_suspense(received, item, refused)
        self._tally.refused(refused.reason, received.origin.source)
        return NormaliseOutcome.SUSPENDED

    def _into_suspense(
        self,
        received: Received,
        item: ReceivedItem,
        refused: Refused | None,
        *,
        first_copy: tuple[int, int] | None = None,
    ) -> None:
        record = suspended(
            received, item, refused, topic=self._previous.source_topic, first_copy=first_copy
        )
        self._appends.append(
            Append(
                Channel.SUSPENSE,
                self._previous.source_partition,
                record.suspense_id.encode(),
                suspense.to_wire(record),
                suspense.error_headers(record),
            )
        )
        self._tally.in_suspense(record.suspense_id)


def _too_large(size: int) -> Refused:
    return Refused(
        RefusalReason.TOO_LARGE, f"its event would have {size:,} bytes, {MAX_RECORD_BYTES:,} fit"
    )
