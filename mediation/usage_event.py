"""Usage that was decoded: the one event that it becomes, or why it becomes none."""

from __future__ import annotations

from mediation.coming_back import pinned_by, told_of_suspense
from mediation.decision import Decision, too_large
from mediation.decode.item import DecodedItem
from mediation.dedup import DAY_MS, MarkState
from mediation.received import Received, ReceivedItem, first_copy_of
from schemas.outcome import NormaliseOutcome
from schemas.raw import MAX_RECORD_BYTES
from schemas.reference import Account, Subscription
from schemas.refusal import RefusalReason, Refused
from schemas.usage import RETAIL, Provenance, UsageEvent, to_wire

_UNKNOWN_SUBSCRIBER = Refused(
    RefusalReason.UNKNOWN_SUBSCRIBER,
    "none of its identifiers belonged to a subscription when the usage began",
)


def usage_outcome(
    decision: Decision, received: Received, item: ReceivedItem, usage: DecodedItem
) -> NormaliseOutcome:
    """Hand on the event that usage becomes, unless it is out of the window, a copy or nobody's."""
    appended_at_ms = received.record.appended_at_ms
    started_at_ms = usage.started_at_ms
    if started_at_ms is None:
        started_at_ms = appended_at_ms
    # Out of the window nothing is asked and nothing marked: its mark may be pruned already.
    refused = decision.window.check(started_at_ms, appended_at_ms=appended_at_ms)
    recycling = received.recycling
    pinned = None
    if recycling is not None and refused is None:
        pinned = pinned_by(decision, received, item.key, recycling.suspense_id)
        if pinned is None:
            # Of this one nothing was kept: what came since is known as far back as of any other.
            came_back_ms = recycling.came_back_ms
            refused = decision.window.check(started_at_ms, appended_at_ms=came_back_ms)
    if refused is not None:
        return decision.suspend(received, item, refused)
    day = started_at_ms // DAY_MS
    if pinned is None:
        copy = decision.copy_outcome(received, item, version=usage.content_version)
        if copy is not None:
            return copy
    owner = _owner(decision, received.origin.tenant, usage.identifiers, started_at_ms)
    if owner is None:
        decision.mark(received, item, usage.content_version, day, MarkState.SUSPENDED)
        return decision.suspend(received, item, _UNKNOWN_SUBSCRIBER)
    event = _event(decision, received, item, usage, owner, started_at_ms)
    value = to_wire(event)
    if len(value) > MAX_RECORD_BYTES:
        decision.mark(received, item, usage.content_version, day, MarkState.SUSPENDED)
        return decision.suspend(received, item, too_large(len(value)))
    decision.mark(received, item, usage.content_version, day, MarkState.PASSED)
    decision.hand_on(event, value, headers=() if recycling is None else told_of_suspense(recycling))
    return NormaliseOutcome.NORMALISED


def _owner(
    decision: Decision, tenant: str, identifiers: tuple[str, ...], at_ms: int
) -> tuple[Account, Subscription] | None:
    for identifier in identifiers:
        found = decision.reference.find(tenant=tenant, identifier=identifier, at_ms=at_ms)
        if found is not None:
            return found
    return None


def _event(
    decision: Decision,
    received: Received,
    item: ReceivedItem,
    usage: DecodedItem,
    owner: tuple[Account, Subscription],
    started_at_ms: int,
) -> UsageEvent:
    record, origin = received.record, received.origin
    account, subscription = owner
    offset, index = first_copy_of(received, item)
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
        batch=decision.batch,
        recycles=None if received.recycling is None else received.recycling.suspense_id,
    )
