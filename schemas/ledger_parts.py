"""A charge written in parts: the JSON of `ledger.Charge`, without the record in between.

Most of a charge is known before the state is: it is written while its event is at hand, and what the
state adds is put between. A test compares the fields, their order and the bytes with `Charge`.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from schemas.decimals import DecimalText
from schemas.ledger import CounterAfter, ExplanationStep, OtherRating, Unbilled

_encode = msgspec.json.Encoder().encode


class UsagePart(msgspec.Struct, frozen=True, gc=False):
    """What was used, by whom."""

    charge_id: str
    run: str
    identity: str
    account_id: str
    subscription_id: str
    product: str
    product_type: str
    usage_kind: str
    source: str
    record_id: str
    started_at_ms: int
    origin: str | None
    destination: str | None
    used: DecimalText


class PricePart(msgspec.Struct, frozen=True, gc=False):
    """What it comes to."""

    billed: DecimalText
    free: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    usage_period_ms: int


class CountedPart(msgspec.Struct, frozen=True, gc=False):
    """What became of the counters; known only at its turn."""

    bill_period_ms: int
    catalogue_version: int
    price_id: str
    explanation: msgspec.Raw  # `explanation_json`
    counters_after: list[CounterAfter]
    source_partition: int
    source_offset: int
    raw: tuple[int, int, int]
    first_open_period_ms: int
    unbilled: tuple[Unbilled, ...]


class RestPart(msgspec.Struct, frozen=True, gc=False):
    """What stands at the end of the record."""

    tax_code: str | None
    recycles: str | None
    corrects: str | None
    job_id: str | None
    attributes: dict[str, str]
    other_ratings: tuple[OtherRating, ...] | UnsetType = UNSET


class _HeadPart(msgspec.Struct, frozen=True, tag_field="kind", tag="usage"):
    tenant: str
    rating_key: str


def head_json(tenant: str, rating_key: str) -> bytes:
    """Return the beginning of all charges of a rating key, up to the sequence's value."""
    return _encode(_HeadPart(tenant, rating_key))[:-1] + b',"sequence":'


def fields_json(part: UsagePart | PricePart | CountedPart | RestPart) -> bytes:
    """Return the fields of a part, without the braces around them."""
    return _encode(part)[1:-1]


def explanation_json(steps: list[ExplanationStep] | tuple[ExplanationStep, ...]) -> msgspec.Raw:
    """Return the steps of an explanation, to be put into a part as they are."""
    return msgspec.Raw(_encode(steps))


def charge_json(
    head: bytes, sequence: int, usage: bytes, price: bytes, counted: bytes, rest: bytes
) -> bytes:
    """Return the JSON of a charge: `head_json`, then the `fields_json` of its parts."""
    return b"%b%d,%b,%b,%b,%b}" % (head, sequence, usage, price, counted, rest)
