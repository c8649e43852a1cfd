"""The record that restates earlier charges of a period, because an event gave them another price."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from counters.count import adjust_running, count_running
from counters.running import RunningBucket, RunningHead
from counters.state import rating_key_of
from pipeline.rate_prepare import Priceable
from rating.charging import restated_steps
from schemas import ledger
from schemas.decimals import to_text
from schemas.flow import SourceRecord
from schemas.ids import adjustment_id
from schemas.ledger import Charge, CounterAfter
from schemas.refusal import Refused


class _Used(msgspec.Struct, frozen=True, gc=False):
    """The fields of an event's charge that its adjustment has too."""

    identity: str
    account_id: str
    source: str
    record_id: str
    started_at_ms: int


_decode_used = msgspec.json.Decoder(_Used).decode


def adjustment(
    head: RunningHead,
    priceable: Priceable,
    restated: Decimal,
    *,
    earlier: tuple[Decimal, Decimal],
    product_bucket: RunningBucket,
    bill_period_ms: int,
    catalogue_version: int,
    record: SourceRecord,
) -> tuple[RunningHead, RunningBucket, Charge] | Refused:
    """Return head and product counter after the adjustment, and its record; or why it is refused.
    ``earlier``: what the charges came to that it changes, and come to now.

    One for all earlier charges under a price and a period, however many they are. It is billed with
    the event, for what was invoiced before stays as it is.
    """
    terms, selected, offer = priceable.terms, priceable.selected, priceable.selected.offer
    counted = count_running(
        *(head, offer.product, offer.product_type, restated, offer.currency, bill_period_ms),
        records=0,
    )
    if isinstance(counted, Refused):
        return counted
    bucket = adjust_running(product_bucket, restated)
    place = selected.rule.restating_place(selected.counting)
    product, tier = priceable.counters[0], priceable.counters[place + 1]
    used = _decode_used(b"{%b}" % priceable.usage_json)
    charge = Charge(
        tenant=terms.tenant,
        rating_key=rating_key_of(terms.head_key).decode(),
        sequence=counted.sequence,
        charge_id=adjustment_id(charge_id=priceable.charge_id.hex(), counter=tier.name),
        run=terms.run,
        identity=used.identity,
        account_id=used.account_id,
        subscription_id=terms.subscription_id,
        product=offer.product,
        product_type=offer.product_type,
        usage_kind=ledger.ADJUSTMENT,
        source=used.source,
        record_id=used.record_id,
        started_at_ms=used.started_at_ms,
        origin=None,
        destination=None,
        used="0",
        billed="0",
        free="0",
        unit=offer.unit,
        amount=to_text(restated),
        currency=offer.currency,
        usage_period_ms=priceable.usage_period_ms,
        bill_period_ms=bill_period_ms,
        catalogue_version=catalogue_version,
        price_id=selected.rule.price_id,
        explanation=(selected.rule.price_step, *restated_steps(earlier, restated)),
        counters_after=(
            CounterAfter(
                product.name,
                product.start_ms,
                bucket.records,
                bucket.quantity_text,
                bucket.amount_text,
            ),
        ),
        source_partition=record.partition,
        source_offset=record.offset,
        raw=priceable.raw,
        first_open_period_ms=counted.first_open_period_ms,
        unbilled=counted.unbilled,
        tax_code=offer.tax_code,
    )
    return counted, bucket, charge
