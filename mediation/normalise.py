"""Normalise: raw records become usage events, each item with exactly one outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mediation.changes import MARK_KEY, SETTLED_KEY, pack, state_changes, unpack
from mediation.decode.item import DecodedItem, Decoder, Ignored, content_of
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
from mediation.ordinary import END_BYTES, OrdinaryUsage, end_of_event, with_end
from mediation.owners import Owners
from mediation.received import (
    Command,
    End,
    Ready,
    Received,
    ReceivedItem,
    Recycling,
    Returned,
)
from mediation.settling import SettledAs, settled_from_bytes, settled_to_bytes
from mediation.suspending import suspended
from mediation.tally import NormaliseTally
from native import compiled
from schemas import raw, suspense
from schemas.flow import Append, Channel, Decided, Headers, PartitionOf, SourceRecord, StateChange
from schemas.ids import suspense_id
from schemas.outcome import NormaliseOutcome, Settled
from schemas.proof import NORMALISE, Proof, Versions, proof_from_msgpack
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, WriteOffCommand
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
_deciding = compiled("deciding")

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


def _handing() -> Any:  # noqa: ANN401
    """Return what hands on what is ready, compiled; None where a version of msgspec lays structs out in another
    way, or nothing is compiled: then the twin does."""
    if _deciding is None:
        return None
    try:
        return _deciding.Handing(
            ready=Ready, append=Append, channel=_NORMALISED, end_bytes=END_BYTES
        )
    except TypeError:
        return None


_native = _handing()


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
            if _native is None:
                keys.update([item.key for item in each.items])
            else:
                _native.put_keys(keys, each.items)
            if each.keys:
                keys.update(each.keys)
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
        self._mappings = {decoder.name: content_of(decoder) for decoder in mappings.values()}

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
        if received.recycling is not None:
            self._come_back(received, received.recycling)
            return
        self._tally.record(
            received.origin.source, items=len(received.items), sequence=received.sequence
        )
        if received.block is not None:
            progress = after_block(self._progress(received.file_key), received.block)
            self._changed[received.file_key] = progress_to_bytes(progress)
        if _native is not None and isinstance(self._state, dict):
            self._take_compiled(received, self._state)
        else:
            self.take_items(received)

    def _take_compiled(self, received: Received, state: dict[bytes, bytes]) -> None:
        items, at, passed = received.items, 0, 0
        while True:
            upto = _native.hand_on(
                items,
                at,
                state=state,
                changed=self._changed,
                appends=self._appends,
                members=self._handed_on,
                end=self._end,
            )
            passed += upto - at
            if upto == len(items):
                break
            item = items[upto]
            if isinstance(item, ReceivedItem):
                self._tally.outcome(self._decide(received, item))
            else:
                self._tally.outcome(self._ready_copy(received, item))
            at = upto + 1
        self._tally.outcome(NormaliseOutcome.NORMALISED, passed)

    def take_items(self, received: Received) -> None:
        """Give each item its one outcome, by nothing that is compiled."""
        state, changed, appends = self._state, self._changed, self._appends
        passed = 0
        for item in received.items:
            if isinstance(item, ReceivedItem):
                self._tally.outcome(self._decide(received, item))
            elif item.key in state or item.key in changed:
                self._tally.outcome(self._ready_copy(received, item))
            else:
                value = with_end(item.event, self._end)
                changed[item.key] = item.mark
                to, rating_key = item.partition, item.rating_key
                appends.append(_new_tuple(Append, (_NORMALISED, to, rating_key, value, ())))
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

    def _come_back(self, received: Received, recycling: Recycling) -> None:
        """Let a record of suspense through once, whatever becomes of its items then."""
        source = received.origin.source
        before = self._settled_as(recycling.key)
        if before is not None:
            self._tally.record(source, items=1, sequence=None)
            copy = ReceivedItem(0, received.record.value, _COPY, recycling.identity_key)
            self._into_suspense(received, copy, None, first_copy=(before.offset, 0))
            self._tally.outcome(NormaliseOutcome.DUPLICATE)
            self._tally.came_back(NormaliseOutcome.DUPLICATE)
            return
        self._settle(recycling.key, Settled.RECYCLED, received)
        self._tally.record(source, items=len(received.items), sequence=None)
        for item in received.items:
            assert isinstance(item, ReceivedItem), "what comes back is read in full"
            outcome = self._decide(received, item)
            self._tally.outcome(outcome)
            self._tally.came_back(outcome)
            self._let_go(received, item, recycling, outcome)

    def _settled_as(self, key: bytes) -> SettledAs | None:
        value = self._changed.get(key) or self._state.get(key)
        return None if value is None else settled_from_bytes(value)

    def _settle(self, key: bytes, settled: Settled, received: Received) -> None:
        self._changed[key] = settled_to_bytes(SettledAs(settled, received.record.offset))
        self._tally.settled(settled)

    def _pinned(self, received: Received, key: bytes, suspense_id_: str) -> Mark | None:
        """Return the mark under a state key where a record in suspense is why it is pinned."""
        value = (self._changed.get(key) or self._state.get(key)) if key else None
        mark = None if value is None else mark_from_bytes(value)
        if mark is None or mark.state != MarkState.SUSPENDED:
            return None
        of_mark = suspense_id(
            stage=NORMALISE,
            partition=received.record.partition,
            offset=mark.offset,
            index=mark.item_index,
            run=RETAIL,
        )
        return mark if of_mark == suspense_id_ else None

    def _let_go(
        self,
        received: Received,
        item: ReceivedItem,
        recycling: Recycling,
        outcome: NormaliseOutcome,
    ) -> None:
        """See to a mark that the record pinned, where its new outcome has made none of the identity."""
        key = recycling.identity_key
        mark = self._pinned(received, key, recycling.suspense_id)
        if mark is None:
            return
        if outcome is NormaliseOutcome.SUSPENDED and item.key in (b"", key):
            # It waits again, in another place: what comes back from there must find it.
            mark = mark._replace(offset=received.record.offset, item_index=item.index)
        else:  # it came to something, or is read as another record now
            mark = mark._replace(state=MarkState.PASSED)
        self._changed[key] = mark_to_bytes(mark)

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
        if isinstance(outcome, Returned):
            return self._returned(received, item, outcome.event)
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
        recycling = received.recycling
        pinned = None
        if recycling is not None and refused is None:
            pinned = self._pinned(received, item.key, recycling.suspense_id)
            if pinned is None:
                # Of this one nothing was kept: what came since is known as far back as of any other.
                came_back_ms = recycling.came_back_ms
                refused = self._window.check(started_at_ms, appended_at_ms=came_back_ms)
        if refused is not None:
            return self._suspend(received, item, refused)
        day = started_at_ms // DAY_MS
        if pinned is None:
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
        self._hand_on(event, value, headers=() if recycling is None else _of_suspense(recycling))
        return NormaliseOutcome.NORMALISED

    def _copy(
        self, received: Received, item: ReceivedItem, *, version: int
    ) -> NormaliseOutcome | None:
        """Return the outcome of an item that was seen before, or None where it was not."""
        value = self._changed.get(item.key) or self._state.get(item.key)
        if value is None:
            return None
        mark = mark_from_bytes(value)
        if not self._window.remembers(mark, appended_at_ms=_arrived_ms(received)):
            return None
        answer = seen(mark, content=item.content_hash, version=version)
        if answer is Seen.CONFLICT:
            return self._suspend(received, item, _CONFLICT)
        self._into_suspense(received, item, None, first_copy=mark.first_copy)
        return NormaliseOutcome.DUPLICATE

    def _mark(
        self, received: Received, item: ReceivedItem, version: int, day: int, state: MarkState
    ) -> None:
        at = _first_copy(received, item)
        if state is MarkState.SUSPENDED:  # where it waits
            at = received.record.offset, item.index
        mark = Mark(item.content_hash, version, day, state, *at)
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
        offset, index = _first_copy(received, item)
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
                record.partition, offset, index, origin.format, record.appended_at_ms
            ),
            batch=self._batch,
            recycles=None if received.recycling is None else received.recycling.suspense_id,
        )

    def _returned(
        self, received: Received, item: ReceivedItem, event: UsageEvent
    ) -> NormaliseOutcome:
        """Hand an event on that rate refused. Its identity passed then, and is that of no copy."""
        recycling = received.recycling
        assert recycling is not None
        value = self._changed.get(item.key) or self._state.get(item.key)
        mark = None if value is None else mark_from_bytes(value)
        first = (event.provenance.offset, event.provenance.index)
        # A mark that is behind the horizon may be pruned or not: it says nothing.
        if mark is not None and not self._window.remembers(
            mark, appended_at_ms=_arrived_ms(received)
        ):
            mark = None
        if mark is not None and (mark.state, mark.first_copy) != (MarkState.PASSED, first):
            self._into_suspense(received, item, None, first_copy=mark.first_copy)
            return NormaliseOutcome.DUPLICATE
        event = msgspec.structs.replace(event, recycles=recycling.suspense_id, batch=self._batch)
        wire = to_wire(event)
        if len(wire) > MAX_RECORD_BYTES:
            return self._suspend(received, item, _too_large(len(wire)))
        self._hand_on(event, wire, headers=_of_suspense(recycling))
        return NormaliseOutcome.NORMALISED

    def _write_off(
        self, received: Received, item: ReceivedItem, asked: WriteOffCommand
    ) -> NormaliseOutcome:
        """Give up a record in suspense, unless it was settled before: then this changes nothing."""
        key = SETTLED_KEY + bytes.fromhex(asked.suspense_id)
        before = self._settled_as(key)
        if before is not None:
            self._into_suspense(received, item, None, first_copy=(before.offset, 0))
            return NormaliseOutcome.DUPLICATE
        self._settle(key, Settled.WRITTEN_OFF, received)
        if asked.identity is not None:
            identity_key = MARK_KEY + bytes.fromhex(asked.identity)
            mark = self._pinned(received, identity_key, asked.suspense_id)
            if mark is not None:
                mark = mark._replace(state=MarkState.WRITTEN_OFF)
                self._changed[identity_key] = mark_to_bytes(mark)
        return NormaliseOutcome.COMMAND

    def _command(
        self, received: Received, item: ReceivedItem, command: Command
    ) -> NormaliseOutcome:
        asked = command.command
        if isinstance(asked, WriteOffCommand):
            return self._write_off(received, item, asked)
        copy = self._copy(received, item, version=0)
        if copy is not None:
            return copy
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
            self._tally.no_usage(received.origin.source)
            return copy
        progress = self._progress(end.file_key)
        self._changed[end.file_key] = None
        missing = what_is_missing(progress, end.end)
        day = received.record.appended_at_ms // DAY_MS
        self._mark(received, item, 0, day, MarkState.PASSED)
        if missing is not None:
            return self._suspend(received, item, Refused(RefusalReason.FILE_INCOMPLETE, missing))
        self._tally.no_usage(received.origin.source)
        return NormaliseOutcome.COMMAND

    def _progress(self, file_key: bytes) -> FileProgress:
        # Not `or`: a file that ended in this batch is None in it, whatever the state still holds.
        changed, state = self._changed, self._state
        value = changed[file_key] if file_key in changed else state.get(file_key)
        return NOTHING if value is None else progress_from_bytes(value)

    def _hand_on(self, event: NormalisedRecord, value: bytes, *, headers: Headers = ()) -> None:
        key = event.rating_key
        partition = self._step.partition_of(key)
        self._appends.append(Append(Channel.NORMALISED, partition, key.encode(), value, headers))
        self._tally.handed_on(
            partition, event_member(event.identity, event.run, key, event.content_hash)
        )

    def _suspend(
        self, received: Received, item: ReceivedItem, refused: Refused
    ) -> NormaliseOutcome:
        self._into_suspense(received, item, refused)
        # Of a block that cannot be read as a whole one item is left, whatever it held.
        block = received.block if len(received.items) == 1 else None
        whole = 1 if block is None else max(1, block.items)
        self._tally.refused(refused.reason, received.origin.source, whole=whole)
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


def _arrived_ms(received: Received) -> int:
    """Return when the broker took this copy; of what comes back, the record says when the first."""
    recycling = received.recycling
    return received.record.appended_at_ms if recycling is None else recycling.came_back_ms


def _first_copy(received: Received, item: ReceivedItem) -> tuple[int, int]:
    """Return the raw offset and index of an item; of what comes back, those of its first copy."""
    recycling = received.recycling
    if recycling is None or recycling.first is None:
        return received.record.offset, item.index
    offset, index = recycling.first
    return offset, index + item.index


def _of_suspense(recycling: Recycling) -> Headers:
    """Return what a refusal by rate says of the tries before it."""
    return (
        (raw.RECYCLES, recycling.suspense_id.encode()),
        (raw.RECYCLED_ATTEMPTS, b"%d" % recycling.attempts),
    )


def _too_large(size: int) -> Refused:
    return Refused(
        RefusalReason.TOO_LARGE, f"its event would have {size:,} bytes, {MAX_RECORD_BYTES:,} fit"
    )
