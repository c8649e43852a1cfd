"""Each item of a batch is given its one outcome: what is ready at once, the rest by its kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mediation.coming_back import let_go, returned_outcome, settle, settled_as
from mediation.commands import command_outcome, end_of_file_outcome
from mediation.decision import Decision
from mediation.decode.item import DecodedItem, Ignored
from mediation.dedup import mark_from_bytes
from mediation.file_progress import after_block, progress_to_bytes
from mediation.ordinary import END_BYTES, with_end
from mediation.received import Command, Ready, Received, ReceivedItem, Recycling, Returned
from mediation.usage_event import usage_outcome
from native import compiled
from schemas.flow import Append, Channel
from schemas.outcome import NormaliseOutcome, Settled
from schemas.refusal import Refused

_NORMALISED = Channel.NORMALISED  # a member of an enumeration is found by a descriptor, slowly
_COPY = Ignored("a copy: what it is made of is not looked at")
_new_tuple = tuple.__new__  # of an `Append`, in half the time of its own constructor
_deciding = compiled("deciding")


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


def state_keys(batch: Iterable[Received]) -> tuple[bytes, ...]:
    """Return the keys of the marks and files that decide about a batch, each once."""
    keys = {each.file_key for each in batch}
    for each in batch:
        if _native is None:
            keys.update([item.key for item in each.items])
        else:
            _native.put_keys(keys, each.items)
        if each.keys:
            keys.update(each.keys)
    keys.discard(b"")  # of what has none
    return tuple(keys)


def take(decision: Decision, received: Received) -> None:
    """Give each item of a record its one outcome."""
    if received.recycling is not None:
        _come_back(decision, received, received.recycling)
        return
    decision.tally.record(
        received.origin.source, items=len(received.items), sequence=received.sequence
    )
    if received.block is not None:
        progress = after_block(decision.progress(received.file_key), received.block)
        decision.changed[received.file_key] = progress_to_bytes(progress)
    if _native is not None and isinstance(decision.state, dict):
        _take_compiled(decision, received, decision.state)
    else:
        take_items(decision, received)


def _take_compiled(decision: Decision, received: Received, state: dict[bytes, bytes]) -> None:
    items, at, passed = received.items, 0, 0
    while True:
        upto = _native.hand_on(
            items,
            at,
            state=state,
            changed=decision.changed,
            appends=decision.appends,
            members=decision.ready_members,
            end=decision.end,
        )
        passed += upto - at
        if upto == len(items):
            break
        item = items[upto]
        if isinstance(item, ReceivedItem):
            decision.tally.outcome(_decide(decision, received, item))
        else:
            decision.tally.outcome(_ready_copy(decision, received, item))
        at = upto + 1
    decision.tally.outcome(NormaliseOutcome.NORMALISED, passed)


def take_items(decision: Decision, received: Received) -> None:
    """Give each item its one outcome, by nothing that is compiled."""
    state, changed, appends = decision.state, decision.changed, decision.appends
    passed = 0
    for item in received.items:
        if isinstance(item, ReceivedItem):
            decision.tally.outcome(_decide(decision, received, item))
        elif item.key in state or item.key in changed:
            decision.tally.outcome(_ready_copy(decision, received, item))
        else:
            value = with_end(item.event, decision.end)
            changed[item.key] = item.mark
            to, rating_key = item.partition, item.rating_key
            appends.append(_new_tuple(Append, (_NORMALISED, to, rating_key, value, ())))
            decision.ready_members[to].append(item.member)
            passed += 1
    decision.tally.outcome(NormaliseOutcome.NORMALISED, passed)


def _ready_copy(decision: Decision, received: Received, item: Ready) -> NormaliseOutcome:
    """Return the outcome of usage whose identity is known."""
    mark = mark_from_bytes(item.mark)
    usage = ReceivedItem(item.index, item.raw, _COPY, item.key, mark.content_hash)
    copy = decision.copy_outcome(received, usage, version=mark.content_version)
    if copy is None:  # the one before is behind the horizon: it counts no more
        copy = _decide(decision, received, decision.item_in_full(received, item.index))
    return copy


def _come_back(decision: Decision, received: Received, recycling: Recycling) -> None:
    """Let a record of suspense through once, whatever becomes of its items then."""
    source = received.origin.source
    before = settled_as(decision, recycling.key)
    if before is not None:
        decision.tally.record(source, items=1, sequence=None)
        copy = ReceivedItem(0, received.record.value, _COPY, recycling.identity_key)
        decision.into_suspense(received, copy, None, first_copy=(before.offset, 0))
        decision.tally.outcome(NormaliseOutcome.DUPLICATE)
        decision.tally.came_back(NormaliseOutcome.DUPLICATE)
        return
    settle(decision, recycling.key, Settled.RECYCLED, received)
    decision.tally.record(source, items=len(received.items), sequence=None)
    for item in received.items:
        assert isinstance(item, ReceivedItem), "what comes back is read in full"
        outcome = _decide(decision, received, item)
        decision.tally.outcome(outcome)
        decision.tally.came_back(outcome)
        let_go(decision, received, item, recycling, outcome)


def _decide(decision: Decision, received: Received, item: ReceivedItem) -> NormaliseOutcome:
    outcome = item.outcome
    if isinstance(outcome, DecodedItem):
        return usage_outcome(decision, received, item, outcome)
    if isinstance(outcome, Refused):
        return decision.suspend(received, item, outcome)
    if isinstance(outcome, Ignored):
        return NormaliseOutcome.IGNORED
    if isinstance(outcome, Command):
        return command_outcome(decision, received, item, outcome)
    if isinstance(outcome, Returned):
        return returned_outcome(decision, received, item, outcome.event)
    return end_of_file_outcome(decision, received, item, outcome)
