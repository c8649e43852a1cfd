"""The ledger (`usage.rated.v1`): the public contract for invoicing systems, JSON.

Readers use `isolation.level=read_committed`, skip kinds they do not know and recognise a charge
by `charge_id`. Fields are added, never renamed.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from schemas.decimals import DecimalText
from schemas.proof import Proof

ADJUSTMENT = "adjustment"
"""The ``usage_kind`` of a charge for no usage: earlier charges of its period have another price since
the event whose ``identity`` it has. It precedes that event's charge, may be negative, and is no
record where records are counted."""

CLOSING = "closing"
"""The ``usage_kind`` of a charge for no usage that the close of a month asks for: what its price lacks
of a least amount, a fee that is due without usage; zero where it asks for nothing and only says what the
month was closed at. It precedes the ``period_closed`` record."""

CORRECTION = "correction"
"""The ``usage_kind`` of a charge for no usage that corrects a month: what a price comes to since charges
under it were taken back, or the month was rated anew; see ``job_id``. It may be negative."""

REVERSAL = "reversal"
"""The ``usage_kind`` of a charge that takes back the one that it ``corrects``: the same used, billed and
free units and the same amount below zero. Where records are counted it is one less."""

WITHOUT_USAGE = (ADJUSTMENT, CLOSING, CORRECTION)
"""Charges of these kinds are no records where records are counted."""


def records_of(usage_kind: str) -> int:
    """Return how many records a charge of a kind is where records are counted."""
    if usage_kind == REVERSAL:
        return -1
    return 0 if usage_kind in WITHOUT_USAGE else 1


ExplanationStep = tuple[str, ...]
"""A step's code and what it found: ``("prefix", "4930", "Germany Berlin")``."""


class CounterAfter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One usage counter after the record; the newest word on a (counter, period) is its state.

    ``product:<code>:<unit>:<currency>`` per rating key, since quantities add up in one unit and
    amounts in one currency only; ``tier:<subscription>:<price id>:<unit>`` and
    ``allowance:<subscription>:<allowance id>:<unit>`` for what a price must know of earlier usage.
    """

    counter: str
    period_start_ms: int  # of the usage's own period, or of an earlier month that it took of
    records: int
    quantity: DecimalText  # used
    amount: DecimalText


class Unbilled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Charges of one product that no invoice holds yet, by the period that will bill them.

    It has nothing to say about usage periods: late usage is unbilled in the first open one.
    """

    product: str
    product_type: str
    bill_period_ms: int
    currency: str
    records: int  # zero-priced ones included
    amount: DecimalText


class OtherRating(msgspec.Struct, frozen=True, kw_only=True):
    """What the usage of a charge comes to under another plan: what it costs, what a reseller pays."""

    name: str  # as the plan of the charge calls it: "wholesale"
    plan: str
    price_id: str
    billed: DecimalText  # in the unit of the charge
    amount: DecimalText
    currency: str  # that of the charge
    explanation: tuple[ExplanationStep, ...]


class Charge(msgspec.Struct, frozen=True, tag_field="kind", tag="usage", kw_only=True):
    """The charge for one usage event, or what an event changes of earlier ones; see `ADJUSTMENT`."""

    tenant: str
    rating_key: str
    sequence: int  # per rating key, from 1, no gaps
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
    billed: DecimalText
    free: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    usage_period_ms: int
    bill_period_ms: int
    catalogue_version: int
    price_id: str
    explanation: tuple[ExplanationStep, ...]
    counters_after: tuple[CounterAfter, ...]
    source_partition: int
    source_offset: int
    raw: tuple[int, int, int]  # partition, offset and index of the raw item
    first_open_period_ms: int = 0  # of the rating key; 0: none was ever closed
    unbilled: tuple[Unbilled, ...] = ()  # all of the rating key, after this record
    tax_code: str | None = None
    recycles: str | None = None
    corrects: str | None = None
    job_id: str | None = None
    attributes: dict[str, str] = {}
    other_ratings: tuple[OtherRating, ...] | UnsetType = UNSET  # in the order of the plan


class LimitHit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit that the crossing record reached."""

    limit_id: str
    scope: str  # "account", "product:<code>" or "product_type:<code>"
    by: str  # "amount" or "records"
    threshold: DecimalText
    before: DecimalText
    after: DecimalText


class LimitReached(
    msgspec.Struct, frozen=True, tag_field="kind", tag="limit_reached", kw_only=True
):
    """Unbilled usage reached a limit: invoice now what is unbilled up to ``invoice_up_to``."""

    tenant: str
    rating_key: str
    sequence: int
    limit_reached_id: str
    account_id: str
    crossing_charge_id: str
    limits: tuple[LimitHit, ...]
    invoice_up_to: int  # a sequence; the crossing record's is the last one in
    invoice_scope: str  # "account", "product:<code>" or "product_type:<code>"
    currency: str
    occurred_at_ms: int  # event time of the crossing record
    bill_period_ms: int
    counters_after: tuple[CounterAfter, ...]  # none: usage counters are not reset by an invoice
    source_partition: int
    source_offset: int
    first_open_period_ms: int = 0
    invoiced: tuple[Unbilled, ...] = ()  # what the invoice must come to
    unbilled: tuple[Unbilled, ...] = ()  # all that is left of the rating key


class PeriodClosed(
    msgspec.Struct, frozen=True, tag_field="kind", tag="period_closed", kw_only=True
):
    """A period of an account is closed: later usage of it is billed in the first open period."""

    tenant: str
    rating_key: str
    sequence: int
    period_closed_id: str
    account_id: str
    period_start_ms: int
    period_end_ms: int
    first_open_period_ms: int
    counters_after: tuple[CounterAfter, ...]  # none: usage counters are not reset by a close
    source_partition: int
    source_offset: int
    closed: tuple[Unbilled, ...] = ()  # what the bill run of the period must come to
    unbilled: tuple[Unbilled, ...] = ()  # all that is left of the rating key


StateRecord = Charge | LimitReached | PeriodClosed
LedgerRecord = Charge | LimitReached | PeriodClosed | Proof

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[LedgerRecord] = msgspec.json.Decoder(LedgerRecord)


def to_wire(record: LedgerRecord) -> bytes:
    """Return the JSON of a ledger record."""
    return _encoder.encode(record)


def from_wire(value: bytes) -> LedgerRecord:
    """Return the ledger record; `msgspec.ValidationError` where its kind is not known."""
    return _decoder.decode(value)


KIND_HEADER = "kind"
KIND_USAGE = b"usage"
KIND_LIMIT_REACHED = b"limit_reached"
KIND_PERIOD_CLOSED = b"period_closed"
KIND_PROOF = b"proof"
