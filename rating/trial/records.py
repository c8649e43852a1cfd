"""The charges of a trial, in the form of the ledger: what only a ledger knows is zero or empty.

They are explained as all charges are, and a script reads them as it reads the ledger.
"""

from __future__ import annotations

from typing import TypedDict

from msgspec import UNSET

from rating.catalogue.compiled import Offer, Rule
from rating.charging import Priced, restated_steps
from rating.closing import Closed
from rating.selection import Selected
from schemas.decimals import ZERO, to_text
from schemas.ids import adjustment_id, closing_id, usage_charge_id
from schemas.ledger import ADJUSTMENT, CLOSING, Charge, OtherRating
from schemas.usage import UsageEvent


class _OfOffer(TypedDict):
    product: str
    product_type: str
    unit: str
    currency: str
    tax_code: str | None


def usage_charge(
    event: UsageEvent,
    selected: Selected,
    priced: Priced,
    others: tuple[OtherRating, ...],
    *,
    period_ms: int,
    catalogue_version: int,
    sequence: int,
) -> Charge:
    """Return the charge for an event; ``period_ms``: the start of its month."""
    return Charge(
        tenant=event.tenant,
        rating_key=event.rating_key,
        sequence=sequence,
        charge_id=_charge_id(event),
        run=event.run,
        identity=event.identity.hex(),
        account_id=event.account_id,
        subscription_id=event.subscription_id,
        usage_kind=event.usage_kind,
        source=event.source,
        record_id=event.record_id,
        started_at_ms=event.started_at_ms,
        origin=event.origin,
        destination=event.destination,
        used=to_text(selected.used),
        billed=to_text(priced.billed),
        free=to_text(priced.free),
        amount=to_text(priced.amount),
        usage_period_ms=period_ms,
        bill_period_ms=period_ms,
        catalogue_version=catalogue_version,
        price_id=selected.rule.price_id,
        explanation=priced.explanation,
        counters_after=(),
        source_partition=0,
        source_offset=0,
        raw=(0, 0, 0),
        attributes=event.attributes,
        other_ratings=others or UNSET,
        **_of(selected.offer),
    )


def adjustment_charge(
    event: UsageEvent,
    selected: Selected,
    priced: Priced,
    *,
    period_ms: int,
    catalogue_version: int,
    sequence: int,
) -> Charge:
    """Return what the event changes of the charges before it."""
    rule = selected.rule
    return Charge(
        tenant=event.tenant,
        rating_key=event.rating_key,
        sequence=sequence,
        charge_id=adjustment_id(
            charge_id=_charge_id(event),
            counter=selected.counters[rule.restating_place(selected.counting)],
        ),
        run=event.run,
        identity=event.identity.hex(),
        account_id=event.account_id,
        subscription_id=event.subscription_id,
        usage_kind=ADJUSTMENT,
        source=event.source,
        record_id=event.record_id,
        started_at_ms=event.started_at_ms,
        origin=None,
        destination=None,
        used=_NONE,
        billed=_NONE,
        free=_NONE,
        amount=to_text(priced.restated),
        usage_period_ms=period_ms,
        bill_period_ms=period_ms,
        catalogue_version=catalogue_version,
        price_id=rule.price_id,
        explanation=(
            rule.price_step,
            *restated_steps(priced.earlier, priced.restated, priced.causes),
        ),
        counters_after=(),
        source_partition=0,
        source_offset=0,
        raw=(0, 0, 0),
        **_of(selected.offer),
    )


def closing_charge(
    offer: Offer,
    rule: Rule,
    closed: Closed,
    *,
    account_id: str,
    subscription_id: str,
    month_start_ms: int,
    month_end_ms: int,
    catalogue_version: int,
    sequence: int,
) -> Charge:
    """Return what the close of a month asks for under a price."""
    identifier = closing_id(
        rating_key=account_id,
        subscription_id=subscription_id,
        price_id=rule.price_id,
        month_start_ms=month_start_ms,
        again=closed.again,
    )
    return Charge(
        tenant="",
        rating_key=account_id,
        sequence=sequence,
        charge_id=identifier,
        run="",
        identity="",
        account_id=account_id,
        subscription_id=subscription_id,
        usage_kind=CLOSING,
        source="",
        record_id=identifier,
        started_at_ms=month_end_ms - 1,
        origin=None,
        destination=None,
        used=_NONE,
        billed=to_text(closed.billed),
        free=_NONE,
        amount=to_text(closed.amount),
        usage_period_ms=month_start_ms,
        bill_period_ms=month_start_ms,
        catalogue_version=catalogue_version,
        price_id=rule.price_id,
        explanation=closed.explanation,
        counters_after=(),
        source_partition=0,
        source_offset=0,
        raw=(0, 0, 0),
        **_of(offer),
    )


_NONE = to_text(ZERO)


def _charge_id(event: UsageEvent) -> str:
    return usage_charge_id(identity=event.identity, run=event.run, rating_key=event.rating_key)


def _of(offer: Offer) -> _OfOffer:
    return {
        "product": offer.product,
        "product_type": offer.product_type,
        "unit": offer.unit,
        "currency": offer.currency,
        "tax_code": offer.tax_code,
    }
