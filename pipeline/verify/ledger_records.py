"""Ledger records, decoded no further than the reconciliation needs."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from schemas.ledger import CounterAfter, LimitHit, Unbilled
from schemas.proof import Proof


class Keyed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What every record of a rating key says."""

    rating_key: str
    sequence: int
    first_open_period_ms: int
    unbilled: tuple[Unbilled, ...]


class RatingSaid(msgspec.Struct, frozen=True, gc=False):
    """What a charge says of another rating."""

    name: str
    plan: str
    amount: str
    currency: str


RatingsSaid = tuple[RatingSaid, ...] | UnsetType
_ratings = msgspec.json.Decoder(tuple[RatingSaid, ...])


def ratings_of(json: str | None) -> RatingsSaid:
    """Return the other ratings of a charge as Postgres keeps them; None: it has none."""
    return UNSET if json is None else _ratings.decode(json)


def in_words(ratings: RatingsSaid) -> list[str]:
    """Return other ratings as texts to be compared and shown; nothing where there are none."""
    return [f"{one.name} {one.plan} {one.amount} {one.currency}" for one in ratings or ()]


class ChargeSaid(Keyed, frozen=True, gc=False, tag_field="kind", tag="usage", kw_only=True):
    charge_id: str
    product: str
    product_type: str
    usage_kind: str
    used: str
    billed: str
    unit: str
    amount: str
    currency: str
    usage_period_ms: int
    bill_period_ms: int
    counters_after: tuple[CounterAfter, ...]
    other_ratings: RatingsSaid = UNSET
    corrects: str | None = None


class LimitSaid(Keyed, frozen=True, gc=False, tag_field="kind", tag="limit_reached", kw_only=True):
    limit_reached_id: str
    crossing_charge_id: str
    limits: tuple[LimitHit, ...]
    invoice_up_to: int
    invoice_scope: str
    invoiced: tuple[Unbilled, ...]


class CloseSaid(Keyed, frozen=True, gc=False, tag_field="kind", tag="period_closed", kw_only=True):
    period_closed_id: str
    period_end_ms: int
    closed: tuple[Unbilled, ...]


Said = ChargeSaid | LimitSaid | CloseSaid

_decoder: msgspec.json.Decoder[Said | Proof] = msgspec.json.Decoder(Said | Proof)


def said(value: bytes) -> Said | Proof | None:
    """Return the record; None for bytes, or a kind, that this version does not know."""
    try:
        return _decoder.decode(value)
    except msgspec.DecodeError:  # of which ValidationError is one
        return None
