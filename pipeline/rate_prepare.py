"""What rate knows of a batch before it knows the state: events, prices, limits, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from counters.state import head_key
from pipeline import rate_compiled
from pipeline.rate_closing import Closable, closables
from pipeline.rate_correcting import Correctable, correctable
from pipeline.rate_read import ReadRuns
from pipeline.rate_records import Charged, charged_of, rest_json, usage_json
from pipeline.rate_terms import PeriodCounters, Terms, TermsInForce
from rating.other_ratings import other_ratings
from rating.rate import Filtered, Selected, charge_after, select_price
from schemas import usage
from schemas.flow import SourceRecord
from schemas.ledger import OtherRating
from schemas.proof import Versions
from schemas.refusal import RefusalReason, Refused
from schemas.usage import MonthCorrection, NormalisedRecord, PeriodClose, UsageEvent

_NOT_READ = Refused(
    RefusalReason.INTERNAL_ERROR,
    "the step failed at this record twice. Operator action: find step_failed in the log of the "
    "rate worker and report it; the record stays in suspense.",
)


class Priceable(msgspec.Struct, frozen=True, gc=False):
    """An event whose price is selected, and all of its ledger record that needs no state.

    Not the event itself: two thousand of them, visited twice, are more than a processor's cache
    holds, and waiting for memory then costs more than the work.
    """

    selected: Selected  # compiled, without the explanation that `charged` has
    terms: Terms
    counters: PeriodCounters
    usage_period_ms: int
    charged: Charged | None  # None: the price asks for counters
    charge_id: bytes
    source: str
    usage_json: bytes
    rest_json: bytes
    raw: tuple[int, int, int]
    is_recycled: bool = False


class Closing(NamedTuple):
    """A close, and what prices may ask for at it."""

    command: PeriodClose
    closables: tuple[Closable, ...]


class Item(msgspec.Struct, frozen=True, gc=False):
    """A source record, what it holds, and what is to be done with it."""

    record: SourceRecord
    event: NormalisedRecord | None  # None: it is priceable, or its bytes are no record
    verdict: Priceable | Filtered | Refused | Closing | Correctable


class RateBatch(NamedTuple):
    """A batch, decoded under one version of catalogue and reference data; to be decided once."""

    items: list[Item]
    read: ReadRuns
    state_keys: Sequence[bytes]
    versions: Versions


def prepare(
    records: Sequence[SourceRecord], *, terms: TermsInForce, internal_errors: frozenset[int]
) -> RateBatch:
    """Return the batch decoded, with its prices selected and the keys of its counters.

    Bytes that are no record of ours raise `msgspec.DecodeError`: only normalise writes here.
    """
    keys: dict[bytes, None] = {}  # a set that keeps its order
    read = ReadRuns()

    def twin(record: SourceRecord) -> Item:
        if record.offset in internal_errors:
            return _not_looked_at(record, read)
        return _item(record, usage.from_wire(record.value), terms, keys, read)

    ordinary = rate_compiled.ordinary_items(terms, item=Item, priceable=Priceable)
    if ordinary is None:
        items = [twin(record) for record in records]
    else:
        items = ordinary(records, terms, keys, read, internal_errors, twin)
    versions = Versions(catalogue=terms.catalogue.version, reference=terms.reference_version)
    return RateBatch(items, read, list(keys), versions)


def _not_looked_at(record: SourceRecord, read: ReadRuns) -> Item:
    """Return a record at which the step failed; decoded only to say which event it was."""
    try:
        event = usage.from_wire(record.value)
    except msgspec.DecodeError:  # then the bytes themselves are why it failed
        return Item(record, None, _NOT_READ)
    read.add_record(event)
    return Item(record, event, _NOT_READ)


def _item(
    record: SourceRecord,
    event: NormalisedRecord,
    in_force: TermsInForce,
    keys: dict[bytes, None],
    read: ReadRuns,
) -> Item:
    if isinstance(event, PeriodClose):
        read.add_record(event)
        keys[head_key(event.rating_key)] = None
        account = in_force.reference.accounts.get(event.account_id)
        found = closables(event, account, in_force.catalogue)
        for each in found:
            keys.update(dict.fromkeys(each.keys))
        return Item(record, event, Closing(event, found))
    if isinstance(event, MonthCorrection):
        read.add_record(event)
        keys[head_key(event.rating_key)] = None
        asked = correctable(event)
        if isinstance(asked, Correctable):
            keys.update(dict.fromkeys(asked.keys))
        return Item(record, event, asked)
    terms = in_force.of(event)
    if isinstance(terms, Refused):
        read.add_record(event)
        return Item(record, event, terms)
    member = terms.digests.member(event.identity, event.content_hash)
    read.add(event.provenance.partition, event.batch, member)
    offer = terms.offer
    if isinstance(offer, Refused):
        return Item(record, event, offer)
    selected = select_price(offer, event, terms.plan, terms.holder)
    if not isinstance(selected, Selected):
        return Item(record, event, selected)
    others: tuple[OtherRating, ...] = ()
    if offer.others:
        rated = other_ratings(offer, event, terms.holder)
        if isinstance(rated, Refused):
            return Item(record, event, rated)
        others = rated
    counters = terms.counters(event.started_at_ms, selected.counting)
    if len(counters) > 1 and selected.rule.months_rolled:
        earlier = in_force.earlier_months(event, terms, selected.rule)
        selected = msgspec.structs.replace(selected, earlier=earlier)
    if len(counters) > 1 and selected.rule.is_fitted:
        with_its = in_force.fitted(event, terms, selected)
        if isinstance(with_its, Refused):
            return Item(record, event, with_its)
        selected = with_its
    keys[terms.head_key] = None
    for counter in counters:
        keys[counter.key] = None
    return Item(record, None, _priceable(event, selected, terms, counters, others))


def _priceable(
    event: UsageEvent,
    selected: Selected,
    terms: Terms,
    counters: PeriodCounters,
    others: tuple[OtherRating, ...],
) -> Priceable:
    month_ms = terms.month_start_ms
    charged = None
    if len(counters) == 1:
        priced = charge_after(selected, ())
        charged = charged_of(selected, priced, month_ms)
    charge_id = terms.digests.charge_id(event.identity)
    provenance = event.provenance
    return Priceable(
        selected,
        terms,
        counters,
        month_ms,
        charged,
        charge_id,
        event.source,
        usage_json(event, selected, charge_id),
        rest_json(event, selected, others),
        (provenance.partition, provenance.offset, provenance.index),
        event.recycles is not None,
    )
