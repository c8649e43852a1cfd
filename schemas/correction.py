"""What the correction of a month says: charges that go into the ledger, and counters before and after.

It is worked out beside the stream, from what the ledger holds, and takes effect in it: a command that
finds the counters as they were when it was made, and nothing otherwise.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.decimals import DecimalText
from schemas.ledger import ExplanationStep, OtherRating

Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Whole = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
Instant = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
"""Milliseconds since 1970, before the year 10000."""
Step = Annotated[ExplanationStep, Meta(min_length=1)]

CORRECTIONS = "corrections"
"""The counter of an account's month that counts its corrections: what was worked out before another
one took effect finds it changed, whatever else is the same."""


class CorrectedCharge(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A charge of a correction: it takes one charge back, or says what a charge or a price comes to by
    now."""

    kind: str  # `schemas.ledger.REVERSAL` or `CORRECTION`
    corrects: Id | None  # the id of the charge that is taken back, or comes to something else
    subscription_id: str
    product: str
    product_type: str
    source: str
    record_id: str
    started_at_ms: Instant  # of what it corrects; of a price the last instant of the month
    origin: str | None
    destination: str | None
    used: DecimalText  # below zero for what is taken back
    billed: DecimalText
    free: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    catalogue_version: Whole
    price_id: str
    tax_code: str | None
    explanation: tuple[Step, ...]
    other_ratings: tuple[OtherRating, ...] = ()  # what it changes of them
    usage_period_ms: Instant | None = None  # of `MonthCorrected.also`; None: the month itself


class CounterFigures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A counter at one time."""

    records: Whole = 0
    quantity: DecimalText = "0"
    amount: DecimalText = "0"


class CorrectedCounter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A usage counter of the month: what it must be before, and is after."""

    counter: str
    period_start_ms: Instant
    before: CounterFigures
    after: CounterFigures


class AlsoCorrected(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Another month of the account that is corrected with it, since both take of the same."""

    usage_period_ms: Instant
    period_end_ms: Instant


class MonthCorrected(msgspec.Struct, frozen=True, array_like=True):
    """The correction of one account's month, and of those that take of the same as it does."""

    job_id: Id
    usage_period_ms: Instant
    period_end_ms: Instant  # of the month
    is_closed: bool  # the month, when the correction was worked out
    charges: tuple[CorrectedCharge, ...]
    counters: tuple[CorrectedCounter, ...]
    also: tuple[AlsoCorrected, ...] = ()
    # Of the account's newest ledger record, where months hang together: usage that found nothing left
    # changed no counter that tells of it. None: the counters of the month say enough.
    sequence: Whole | None = None
