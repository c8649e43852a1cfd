"""What is compiled of `rate_prepare.py`: the events that are ordinary, which most are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from counters.count import product_counter
from counters.state import head_key
from native import compiled
from pipeline.rate_prices import kept_prices
from pipeline.rate_read import ReadRuns
from pipeline.rate_records import Charged, charged_of
from pipeline.rate_terms import MOST_KEPT, NEVER_MS, PeriodCounter, Terms, TermsInForce
from rating.catalogue import Offer
from rating.catalogue.compiled import CardPrice
from rating.counting import NO_COUNTING, CounterPeriod
from rating.local_time import local_time, offset_of_hour
from rating.price.aggregate import Aggregation
from rating.price.bands import BandChoice, BandedPrice
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.volume import VolumePrice
from rating.rate import Selected, charge_after, counter_names, select_price
from rating.selection import entry_for
from schemas import usage
from schemas.event_digests import EventDigests
from schemas.flow import SourceRecord
from schemas.ledger_parts import head_json
from schemas.period import month_of
from schemas.reference import LOOKED_THROUGH, Subscription
from schemas.refusal import Refused

_native = compiled("rating_event")
_native_terms = compiled("terms")


class OrdinaryItems(Protocol):
    """Makes the items of a batch."""

    def __call__(
        self,
        records: Sequence[SourceRecord],
        in_force: TermsInForce,
        keys: dict[bytes, None],
        read: ReadRuns,
        internal_errors: frozenset[int],
        twin: Callable[[SourceRecord], Any],
        /,
    ) -> list[Any]:
        """Return an item for each record, by ``twin`` where it is not ordinary or among
        ``internal_errors``; ``keys`` and ``read`` are told of it."""


def ordinary_items(terms: TermsInForce, *, item: type, priceable: type) -> OrdinaryItems | None:
    """Return what makes the items of ordinary events under ``terms``, with which it is kept; None where
    nothing is compiled."""
    if _native is None:
        return None
    if terms.compiled is None:
        made_of = (_makers(item, priceable), _kept_terms(), kept_prices())
        terms.compiled = _native.OrdinaryEvents(*made_of).items
    made: OrdinaryItems = terms.compiled
    return made


def _kept_terms() -> object:
    """Return what finds the terms of events and keeps them, compiled."""
    assert _native_terms is not None
    kept: object = _native_terms.KeptTerms(
        terms=Terms,
        counter=PeriodCounter,
        digests=EventDigests,
        offer=Offer,
        refused=Refused,
        subscription=Subscription,
        month=CounterPeriod.MONTH,
        from_wire=usage.from_wire,
        month_of=month_of,
        head_json=head_json,
        head_key=head_key,
        counter_names=counter_names,
        product_counter=product_counter,
        never_ms=NEVER_MS,
        looked_through=LOOKED_THROUGH,
        most=MOST_KEPT,
    )
    return kept


def _makers(item: type, priceable: type) -> object:
    assert _native is not None
    makers: object = _native.Makers(
        item=item,
        priceable=priceable,
        selected=Selected,
        charged=Charged,
        raw=msgspec.Raw,
        decimal=Decimal,
        refused=Refused,
        no_counting=NO_COUNTING,
        entry_for=entry_for,
        select_price=select_price,
        from_wire=usage.from_wire,
        charge_after=charge_after,
        charged_of=charged_of,
        offset_of_hour=offset_of_hour,
        local_time=local_time,
        encode=msgspec.json.Encoder().encode,
        per_unit=PerUnitPrice,
        banded=BandedPrice,
        graduated=GraduatedPrice,
        volume=VolumePrice,
        package=PackagePrice,
        flat=FlatPrice,
        call=CallPrice,
        card=CardPrice,
        start=BandChoice.START,
        sum=Aggregation.SUM,
    )
    return makers


def _usable(native: Any) -> Any:  # noqa: ANN401
    """Return what is compiled; None where a version of msgspec lays structs out in another way: then the twin
    does it all."""
    if native is None:
        return None
    try:
        _kept_terms()
    except TypeError:
        return None
    return native


_native = _usable(_native)
