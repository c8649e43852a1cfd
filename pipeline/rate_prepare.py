"""What rate knows of a batch before it knows the state: events, prices, limits, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from counters.state import head_key
from pipeline.rate_terms import PeriodCounters, Terms, TermsInForce
from rating.rate import Filtered, Selected, select_price
from schemas import usage
from schemas.flow import SourceRecord
from schemas.proof import Versions
from schemas.refusal import RefusalReason, Refused
from schemas.usage import NormalisedRecord, PeriodClose, UsageEvent

_NOT_READ = Refused(
    RefusalReason.INTERNAL_ERROR,
    "the step failed at this record twice. Operator action: find step_failed in the log of the "
    "rate worker and report it; recycle the record with a version that has the cure.",
)


class Priceable(msgspec.Struct, frozen=True, gc=False):
    """An event whose price is selected, and what counting it takes."""

    event: UsageEvent
    selected: Selected
    terms: Terms
    usage_period_ms: int
    counters: PeriodCounters


class Item(msgspec.Struct, frozen=True, gc=False):
    """A source record, what it holds, and what is to be done with it."""

    record: SourceRecord
    event: NormalisedRecord | None  # None: bytes that are no record, at an internal error
    verdict: Priceable | Filtered | Refused | PeriodClose


class RateBatch(NamedTuple):
    """A batch, decoded under one version of catalogue and reference data."""

    items: list[Item]
    state_keys: Sequence[bytes]
    versions: Versions


def prepare(
    records: Sequence[SourceRecord], *, terms: TermsInForce, internal_errors: frozenset[int]
) -> RateBatch:
    """Return the batch decoded, with its prices selected and the keys of its counters.

    Bytes that are no record of ours raise `msgspec.DecodeError`: only normalise writes here.
    """
    keys: dict[bytes, None] = {}  # a set that keeps its order
    items = [
        _not_looked_at(record)
        if record.offset in internal_errors
        else _item(record, usage.from_wire(record.value), terms, keys)
        for record in records
    ]
    versions = Versions(catalogue=terms.catalogue.version, reference=terms.reference_version)
    return RateBatch(items, list(keys), versions)


def _not_looked_at(record: SourceRecord) -> Item:
    """Return a record at which the step failed; decoded only to say which event it was."""
    try:
        event = usage.from_wire(record.value)
    except msgspec.DecodeError:  # then the bytes themselves are why it failed
        event = None
    return Item(record, event, _NOT_READ)


def _item(
    record: SourceRecord, event: NormalisedRecord, terms: TermsInForce, keys: dict[bytes, None]
) -> Item:
    if isinstance(event, PeriodClose):
        keys[head_key(event.rating_key)] = None
        return Item(record, event, event)
    return Item(record, event, _verdict(event, terms.of(event), keys))


def _verdict(
    event: UsageEvent, terms: Terms | Refused, keys: dict[bytes, None]
) -> Priceable | Filtered | Refused:
    if isinstance(terms, Refused):
        return terms
    if isinstance(terms.offer, Refused):
        return terms.offer
    selected = select_price(terms.offer, event, terms.plan)
    if not isinstance(selected, Selected):
        return selected
    counters = terms.counters(event.started_at_ms, selected.counting)
    keys[terms.head_key] = None
    for counter in counters:
        keys[counter.key] = None
    return Priceable(event, selected, terms, terms.month.start_ms, counters)
