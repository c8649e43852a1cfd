"""What a catalogue changes within months that are running, of the things that are a month's as a whole.

Rating counts of a month what the catalogue in force asks for. What begins to look at the whole of a
month in the middle of it has not seen what was charged before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rating.catalogue.compile_model import is_of_the_month
from rating.catalogue.differences.dates import Dated, Span, said_span, spans
from rating.catalogue.document import (
    CatalogueDocument,
    PriceVersion,
    Volume,
    restating_discount,
)
from rating.price.aggregate import OF_CHANGES, Aggregation

_EARLIEST_ZONE = dt.timedelta(hours=14)  # ahead of UTC: nowhere does a day begin earlier


class _Would(NamedTuple):
    """What would become of a month that is running."""

    new: str
    gone: str
    changed: str


_AT_CLOSE = _Would(
    "the close of a month that is running would ask for it beside what was charged before",
    "the close of a month that is running would not ask for it any more",
    "the close of a month that is running would ask for the new one",
)
_AT_CHARGES = _Would(
    "the next charge would bring to it what was counted of a month that is running, not the rest",
    "what was charged in a month that is running would stay, and what comes be priced by itself",
    "the next charge, or the close, would bring all of a month that is running to the new one",
)
_OF_SAMPLES = _Would(
    "its close would price what comes from then on, beside what was charged before",
    "samples of a month that is running would stay without a price",
    "the close of a month that is running would ask for the new one, and be refused where samples were "
    "counted in other intervals or by other directions; those in another unit would stay without a price",
)
_AT_CAPS = _Would(
    "what was charged before was not counted, so that more than it could be charged in all",
    "",  # what comes is charged as if there never was one
    "",  # what was charged was counted, and the new one is less of it
)
_AT_TIERS = _Would(
    "units that were charged before were not counted, so that as much could be charged once more",
    "",
    "",  # units are counted since the month began, and what they come to is less of it
)
_MOST_OF_MONTH, _MOST_OF_DAY = "most of the month", "most of a day"
_MOST_OF_UNITS = "most of the month's units"  # beside tiers, packages, a commitment
_THINGS: Mapping[str, _Would] = {
    "least of the month": _AT_CLOSE,
    "true_up of the commitment": _AT_CLOSE,
    "first_fee_without_usage": _AT_CLOSE,
    "discount_by_usage": _AT_CHARGES,
    "model volume": _AT_CHARGES,
    "aggregate latest": _AT_CHARGES,
    "aggregate time_weighted": _AT_CHARGES,
    "aggregate daily": _AT_CHARGES,
    "percentile of the month": _OF_SAMPLES,
    _MOST_OF_MONTH: _AT_CAPS,
    _MOST_OF_DAY: _AT_CAPS,
    _MOST_OF_UNITS: _AT_TIERS,
}
_ONLY_NEW = (_MOST_OF_MONTH, _MOST_OF_DAY, _MOST_OF_UNITS)


_Things = dict[str, list[Dated[object]]]


class _Firsts(NamedTuple):
    """The first day of the first month that has begun nowhere, and the first such day."""

    month: dt.date
    day: dt.date

    def said(self, first: dt.date) -> str:
        """Return how a person reads one of them."""
        what = "day of a month that" if first == self.month else "day that"
        return f"{first}, the first {what} has begun nowhere"


class WithinAMonth(NamedTuple):
    """A thing that appears, disappears or changes in months that are not all in the future."""

    at: str  # plans.<plan>.prices.<price>
    thing: str
    text: str

    def __str__(self) -> str:
        return f"{self.at}: {self.text}"


def changed_within_months(
    old: CatalogueDocument, new: CatalogueDocument, *, at: dt.datetime
) -> list[WithinAMonth]:
    """Return what of the prices of ``old`` another one than it would change in a month that at an
    instant has begun somewhere, or is over: it may still be open. ``at``: with a zone.

    A price with a new code is none of it: it begins to count with its first usage.
    """
    today = (at.astimezone(dt.UTC) + _EARLIEST_ZONE).date()
    first = _Firsts(_first_future_month(today), today + dt.timedelta(days=1))
    was, now = _units(old), _units(new)
    is_now = {(plan.code, price.code): price for plan in new.plans for price in plan.prices}
    found: list[WithinAMonth] = []
    for plan in old.plans:
        for price in plan.prices:
            other = is_now.get((plan.code, price.code))
            before = _dated(price.versions, was[price.product])
            counting = [version for version in price.versions if _counts_money(version)]
            if counting:
                # One that is in force from a later month on may have been published in this one.
                since = min(version.valid_from or dt.date.min for version in counting)
                before[_MOST_OF_MONTH] = [Dated(since.replace(day=1), None, "counted")]
            before[_MOST_OF_UNITS] = [
                Dated(version.valid_from, version.valid_to, "counted")
                for version in price.versions
                if is_of_the_month(version)
            ]
            after = _dated((), "") if other is None else _dated(other.versions, now[other.product])
            found += _changed(f"plans.{plan.code}.prices.{price.code}", before, after, first)
    return found


def _units(document: CatalogueDocument) -> dict[str, str]:
    return {product.code: product.unit for product in document.products}


def _first_future_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1)


def _changed(at: str, before: _Things, after: _Things, firsts: _Firsts) -> Iterator[WithinAMonth]:
    for thing, would in _THINGS.items():
        first = firsts.day if thing == _MOST_OF_DAY else firsts.month
        for span in spans(before[thing], after[thing]):
            if span.since is not None and span.since >= first:
                continue
            if thing in _ONLY_NEW and not (span.before is None and span.after is not None):
                continue
            days = said_span(span.since, span.until)
            yield WithinAMonth(
                at,
                thing,
                f"{thing} {_said(span, would, days, firsts.said(first))}",
            )
            break  # one is enough to act


def _said(span: Span[object], would: _Would, days: str, until: str) -> str:
    """Return what happens to a thing, what would come of it, and what to do."""
    when = f" {days}" if days else ""
    write = f"write a version with valid_from: {until}, or a price with a new code."
    if span.after is None:
        keep = f"keep it until {until}: as the valid_from of a version without it, or its valid_to."
        return f"is gone{when}: {would.gone}. Operator action: {keep}"
    if span.before is None:
        return f"is new{when}: {would.new}. Operator action: {write}"
    return f"changes{when}: {would.changed}. Operator action: {write}"


def _dated(versions: Sequence[PriceVersion], unit: str) -> _Things:
    """Return each thing by the days on which a price has it. ``unit``: of its product."""
    found: _Things = {thing: [] for thing in _THINGS}
    for version in versions:
        for thing, value in _looked_at(version, unit).items():
            if value:
                found[thing].append(Dated(version.valid_from, version.valid_to, value))
    return found


def _looked_at(version: PriceVersion, unit: str) -> dict[str, object]:
    """Return what a version says of a month as a whole, by the thing; nothing where it has none."""
    commitment, is_latest = version.commitment, version.aggregation is Aggregation.LATEST
    of_month = version.least_month is not None
    restating = restating_discount(version)
    # What is brought to a price that has changed is brought to all that makes its amount.
    amount = (version.model, version.discounts, commitment, version.most_month, version.rounding)
    return {
        "least of the month": of_month and (version.least_month, version.least_by_days),
        "true_up of the commitment": commitment if commitment and commitment.true_up else None,
        "first_fee_without_usage": version.first_fee_without_usage,
        "discount_by_usage": restating and (restating, version.rounding),
        "model volume": amount if isinstance(version.model, Volume) else None,
        "aggregate latest": amount if is_latest else None,
        **{
            f"aggregate {each.value}": amount if version.aggregation is each else None
            for each in OF_CHANGES
        },
        "percentile of the month": version.sampling and (version.sampling, *amount, unit),
        _MOST_OF_MONTH: _is_capped(version) and (version.most_month,),
        _MOST_OF_DAY: version.most_day is not None and (version.most_day,),
        _MOST_OF_UNITS: version.most_month is not None and is_of_the_month(version),
    }


def _is_capped(version: PriceVersion) -> bool:
    """Return whether a month's charges of single events come to so much at the most."""
    return version.most_month is not None and not is_of_the_month(version)


def _counts_money(version: PriceVersion) -> bool:
    """Return whether what a month was charged is counted from its first day on, by any version."""
    commitment = version.commitment
    return bool(
        _is_capped(version)
        or version.least_month is not None
        or (commitment and commitment.true_up)
        or version.first_fee_without_usage
        or restating_discount(version)
    )
