"""What comes back from suspense or is given up there: each once, with the mark that it pinned."""

from __future__ import annotations

import msgspec

from mediation.decision import Decision, too_large
from mediation.dedup import Mark, MarkState, mark_from_bytes, mark_to_bytes
from mediation.received import Received, ReceivedItem, Recycling, arrived_ms
from mediation.settling import SettledAs, settled_from_bytes, settled_to_bytes
from schemas import raw
from schemas.flow import Headers
from schemas.ids import suspense_id
from schemas.outcome import NormaliseOutcome, Settled
from schemas.proof import NORMALISE
from schemas.raw import MAX_RECORD_BYTES
from schemas.usage import RETAIL, UsageEvent, to_wire


def settled_as(decision: Decision, key: bytes) -> SettledAs | None:
    """Return what became of the suspense id under a state key, or None while it waits."""
    value = decision.changed.get(key) or decision.state.get(key)
    return None if value is None else settled_from_bytes(value)


def settle(decision: Decision, key: bytes, settled: Settled, received: Received) -> None:
    """Settle the suspense id under a state key, by the record that does it."""
    decision.changed[key] = settled_to_bytes(SettledAs(settled, received.record.offset))
    decision.tally.settled(settled)


def pinned_by(decision: Decision, received: Received, key: bytes, suspense_id_: str) -> Mark | None:
    """Return the mark under a state key where a record in suspense is why it is pinned."""
    value = (decision.changed.get(key) or decision.state.get(key)) if key else None
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


def let_go(
    decision: Decision,
    received: Received,
    item: ReceivedItem,
    recycling: Recycling,
    outcome: NormaliseOutcome,
) -> None:
    """See to a mark that the record pinned, where its new outcome has made none of the identity."""
    key = recycling.identity_key
    mark = pinned_by(decision, received, key, recycling.suspense_id)
    if mark is None:
        return
    if outcome is NormaliseOutcome.SUSPENDED and item.key in (b"", key):
        # It waits again, in another place: what comes back from there must find it.
        mark = mark._replace(offset=received.record.offset, item_index=item.index)
    else:  # it came to something, or is read as another record now
        mark = mark._replace(state=MarkState.PASSED)
    decision.changed[key] = mark_to_bytes(mark)


def returned_outcome(
    decision: Decision, received: Received, item: ReceivedItem, event: UsageEvent
) -> NormaliseOutcome:
    """Hand an event on that rate refused. Its identity passed then, and is that of no copy."""
    recycling = received.recycling
    assert recycling is not None
    value = decision.changed.get(item.key) or decision.state.get(item.key)
    mark = None if value is None else mark_from_bytes(value)
    first = (event.provenance.offset, event.provenance.index)
    # A mark that is behind the horizon may be pruned or not: it says nothing.
    if mark is not None and not decision.window.remembers(
        mark, appended_at_ms=arrived_ms(received)
    ):
        mark = None
    if mark is not None and (mark.state, mark.first_copy) != (MarkState.PASSED, first):
        decision.into_suspense(received, item, None, first_copy=mark.first_copy)
        return NormaliseOutcome.DUPLICATE
    event = msgspec.structs.replace(event, recycles=recycling.suspense_id, batch=decision.batch)
    wire = to_wire(event)
    if len(wire) > MAX_RECORD_BYTES:
        return decision.suspend(received, item, too_large(len(wire)))
    decision.hand_on(event, wire, headers=told_of_suspense(recycling))
    return NormaliseOutcome.NORMALISED


def told_of_suspense(recycling: Recycling) -> Headers:
    """Return what a refusal by rate says of the tries before it."""
    return (
        (raw.RECYCLES, recycling.suspense_id.encode()),
        (raw.RECYCLED_ATTEMPTS, b"%d" % recycling.attempts),
    )
