"""The records that rate writes for one event: the charge, or the refusal."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import UNSET

from rating.counting import Count
from rating.rate import Priced, Selected
from schemas import raw
from schemas.decimals import DecimalText, to_text
from schemas.flow import SourceRecord
from schemas.ids import suspense_id
from schemas.ledger import ExplanationStep, OtherRating
from schemas.ledger_parts import PricePart, RestPart, UsagePart, explanation_json, fields_json
from schemas.proof import RATE
from schemas.refusal import Refused
from schemas.suspense import Suspended, SuspenseClass
from schemas.usage import NormalisedRecord, UsageEvent


class Charged(msgspec.Struct, frozen=True, gc=False):
    """What a price came to, and how the ledger says it."""

    amount: Decimal
    amount_text: DecimalText
    billed: Decimal
    counts: tuple[Count, ...]
    restated: Decimal  # of earlier charges
    earlier: tuple[Decimal, Decimal]  # what those came to, and come to now
    causes: tuple[ExplanationStep, ...]  # why
    price_json: bytes
    explanation: msgspec.Raw


def charged_of(selected: Selected, priced: Priced, usage_period_ms: int) -> Charged:
    """Return what a price came to, written."""
    offer, billed, free, amount_text = (
        selected.offer,
        priced.billed,
        priced.free,
        to_text(priced.amount),
    )
    part = PricePart(
        to_text(billed), to_text(free), offer.unit, amount_text, offer.currency, usage_period_ms
    )
    return Charged(
        priced.amount,
        amount_text,
        billed,
        priced.counts,
        priced.restated,
        priced.earlier,
        priced.causes,
        fields_json(part),
        explanation_json(priced.explanation),
    )


def usage_json(event: UsageEvent, selected: Selected, charge_id: bytes) -> bytes:
    """Return the part of a charge that says what was used."""
    offer = selected.offer
    return fields_json(
        UsagePart(
            charge_id.hex(),
            event.run,
            event.identity.hex(),
            event.account_id,
            event.subscription_id,
            offer.product,
            offer.product_type,
            event.usage_kind,
            event.source,
            event.record_id,
            event.started_at_ms,
            event.origin,
            event.destination,
            to_text(selected.used),
        )
    )


def rest_json(event: UsageEvent, selected: Selected, others: tuple[OtherRating, ...]) -> bytes:
    """Return the part of a charge that ends it; ``others``: what the event comes to under the other
    plans that rate it."""
    tax_code = selected.offer.tax_code
    return fields_json(
        RestPart(tax_code, event.recycles, None, None, event.attributes, others or UNSET)
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
        attempts=_attempts_before(record) + 1,
    )


def _attempts_before(record: SourceRecord) -> int:
    """Return how often what came back from suspense was tried before; 0 for all else."""
    stated = dict(record.headers).get(raw.RECYCLED_ATTEMPTS, b"")
    return int(stated) if stated else 0  # only normalise writes here


def is_recycled(event: NormalisedRecord | None) -> bool:
    """Return whether an event came back from suspense."""
    return isinstance(event, UsageEvent) and event.recycles is not None


def source_of(event: NormalisedRecord | None) -> str:
    """Return the source of an event; empty for a command, which has none."""
    return event.source if isinstance(event, UsageEvent) else ""
