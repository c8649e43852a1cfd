"""The records that rate writes for one event: the charge, or the refusal."""

from __future__ import annotations

from counters.running import RunningHead
from pipeline.rate_prepare import Priceable
from rating.rate import Priced
from schemas.decimals import DecimalText, to_text
from schemas.flow import SourceRecord
from schemas.ids import suspense_id
from schemas.ledger import Charge, CounterAfter
from schemas.proof import RATE
from schemas.refusal import Refused
from schemas.suspense import Suspended, SuspenseClass
from schemas.usage import NormalisedRecord, UsageEvent


def charge_record(
    record: SourceRecord,
    priceable: Priceable,
    priced: Priced,
    amount: DecimalText,
    charge_id: str,
    head: RunningHead,
    bill_period_ms: int,
    catalogue_version: int,
    counters_after: tuple[CounterAfter, ...],
) -> Charge:
    """Return the ledger's record of a charge: all that a reader needs without a second topic."""
    event, selected = priceable.event, priceable.selected
    offer, provenance = selected.offer, event.provenance
    return Charge(
        tenant=event.tenant,
        rating_key=event.rating_key,
        sequence=head.sequence,
        charge_id=charge_id,
        run=event.run,
        identity=event.identity.hex(),
        account_id=event.account_id,
        subscription_id=event.subscription_id,
        product=offer.product,
        product_type=offer.product_type,
        usage_kind=event.usage_kind,
        source=event.source,
        record_id=event.record_id,
        started_at_ms=event.started_at_ms,
        origin=event.origin,
        destination=event.destination,
        used=to_text(selected.used),
        billed=to_text(priced.billed),
        free=to_text(priced.free),
        unit=offer.unit,
        amount=amount,
        currency=offer.currency,
        usage_period_ms=priceable.usage_period_ms,
        bill_period_ms=bill_period_ms,
        catalogue_version=catalogue_version,
        price_id=selected.rule.price_id,
        explanation=priced.explanation,
        counters_after=counters_after,
        source_partition=record.partition,
        source_offset=record.offset,
        raw=(provenance.partition, provenance.offset, provenance.index),
        first_open_period_ms=head.first_open_period_ms,
        unbilled=head.unbilled,
        tax_code=offer.tax_code,
        recycles=event.recycles,
        attributes=event.attributes,
    )


def suspended_record(
    record: SourceRecord, event: NormalisedRecord | None, refused: Refused, *, topic: str
) -> Suspended:
    """Return the record of a refusal: the normalised record as it came, and why.

    ``event`` is None where the bytes are no record; then nobody knows whose it was.
    """
    return Suspended(
        suspense_id=suspense_id(
            stage=RATE,
            partition=record.partition,
            offset=record.offset,
            index=0,
            run="" if event is None else event.run,
        ),
        suspense_class=SuspenseClass.SUSPENDED,
        stage=RATE,
        tenant="" if event is None else event.tenant,
        source=source_of(event),
        format="" if event is None else event.provenance.format,
        reason=refused.reason,
        detail=refused.detail,
        raw=record.value,
        raw_headers=record.headers,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        index=0,
        appended_at_ms=record.appended_at_ms,
        identity=None if event is None else event.identity.hex(),
    )


def source_of(event: NormalisedRecord | None) -> str:
    """Return the source of an event; empty for a command, which has none."""
    return event.source if isinstance(event, UsageEvent) else ""
