"""What a price of a plan says beside its model, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator

from rating.catalogue.differences.models import (
    aligned_tiers,
    model_parts,
    rounding_said,
    shape_of,
)
from rating.catalogue.differences.parts import Change, Part, changes, described, money, words
from rating.catalogue.differences.samples import sampling_said
from rating.catalogue.document import Committed, DiscountByUsage, PriceVersion
from rating.counting import CounterPeriod
from rating.price.aggregate import Aggregation
from rating.rounding import RoundingRule
from rating.units import readable
from schemas.decimals import to_text

_MONTH = {
    Aggregation.SUM: "the sum",
    Aggregation.MAX: "the largest",
    Aggregation.LATEST: "the latest",
    Aggregation.TIME_WEIGHTED: "the average over time",
    Aggregation.DAILY: "the level of each day",
}
_ABOVE = {"from_start": "at the first rate or tier", "goes_on": "where the free units end"}


def version_said(version: PriceVersion, currency: str, unit: str) -> str:
    """Return all that a price says."""
    model = model_parts(version.model, currency, unit)
    return described((*model, *_steps(version, currency, unit)))


def version_changes(
    before: PriceVersion, after: PriceVersion, currencies: tuple[str, str], unit: str
) -> Iterator[Change]:
    """Yield what differs between two prices; dates are not looked at. ``currencies``: what the one
    and the other is in."""
    was, is_now = currencies
    if shape_of(before.model) == shape_of(after.model):
        old_keys, new_keys = aligned_tiers(before.model, after.model)
        old = model_parts(before.model, was, unit, old_keys)
        new = model_parts(after.model, is_now, unit, new_keys)
        yield from changes(*_comparable(old, new, was == is_now))
    else:
        said = [
            described(model_parts(before.model, was, unit)),
            described(model_parts(after.model, is_now, unit)),
        ]
        yield Change("", said[0], said[1], None)
    steps = _steps(before, was, unit), _steps(after, is_now, unit)
    yield from changes(*_comparable(*steps, was == is_now))


def _comparable(
    old: list[Part], new: list[Part], is_one_currency: bool
) -> tuple[list[Part], list[Part]]:
    """Return the parts; amounts in two currencies differ by no percentage."""
    if is_one_currency:
        return old, new
    return [part._replace(price=None) for part in old], [part._replace(price=None) for part in new]


def _steps(version: PriceVersion, currency: str, unit: str) -> list[Part]:
    """Return what stands around the model, in the order in which it is taken."""
    units, above = version.round_units, version.above_allowance
    rounded = (
        f"{units.rule.value.replace('_', ' ')} to {readable(units.to_units, unit)}" if units else ""
    )
    free, least = version.free_units, version.minimum_units
    return [
        words("units of a record rounded", rounded),
        words("free records of the month", str(version.free_records or "")),
        words("free units of each record", readable(free, unit) if free else ""),
        words("allowance", ", then ".join(version.allowances)),
        words(
            "above the allowance",
            "" if above is None else _ABOVE[above.value],
            default="as the model has it",
        ),
        _yes_or_no("connect fee also where all is free", version.fee_when_free),
        words("billed as at least", readable(least, unit) if least else ""),
        words("priced of the month's records", _aggregate(version), default="the sum"),
        words("discount", ", then ".join(_discounts(version))),
        words("discount by usage", _by_usage(version.discount_by_usage)),
        *_commitment(version.commitment, currency, unit),
        _yes_or_no("first fee also without usage", version.first_fee_without_usage),
        money("at least, an event", version.least_event, currency),
        money("at least, a month", version.least_month, currency),
        _yes_or_no("least of a month by days", version.least_by_days),
        money("at most, an event", version.most_event, currency),
        money("at most, a day", version.most_day, currency),
        money("at most, a month", version.most_month, currency),
        words("exchanged by", version.exchange or ""),
        words("rounding", rounding_said(version.rounding), default=rounding_said(RoundingRule())),
    ]


def _discounts(version: PriceVersion) -> Iterator[str]:
    conditions = version.discounts_when or ("",) * len(version.discounts)
    for percent, condition in zip(version.discounts, conditions, strict=True):
        yield f"{to_text(percent)} %" + (f" when {condition}" if condition else "")
    limited = version.discount_times
    if limited is not None:
        events = "event" if limited.times == 1 else "events"
        ever = "" if limited.every is CounterPeriod.ONCE else f" of each {limited.every.value}"
        when = f" when {limited.when}" if limited.when else ""
        yield f"{to_text(limited.percent)} % of the first {limited.times} {events}{ever}{when}"


def _yes_or_no(key: str, value: bool) -> Part:
    return words(key, "yes" if value else "", default="no")


def _aggregate(version: PriceVersion) -> str:
    if version.sampling is not None:
        return sampling_said(version.sampling)
    if version.aggregation is Aggregation.UNIQUE:
        return f"one for each {version.unique_by}"
    by = f" by {version.unique_by}" if version.unique_by else ""
    return f"{_MONTH[version.aggregation]}{by}"


def _by_usage(discount: DiscountByUsage | None) -> str:
    if discount is None:
        return ""
    said = ", ".join(
        f"{to_text(each.percent)} % from {to_text(each.from_units)} of {discount.product} on"
        for each in discount.reached
    )
    return f"{said}, of usage that comes after it" if discount.from_then else said


def _commitment(stated: Committed | None, currency: str, unit: str) -> list[Part]:
    if stated is None:
        stated = Committed()
    promised = money("commitment", stated.amount, currency)
    if stated.units is not None:
        promised = words("commitment", readable(stated.units, unit))
    above = f"times {to_text(stated.overage)}"
    return [
        promised,
        words("price above the commitment", above, default="times 1"),
        _yes_or_no("true-up of the commitment", stated.true_up),
    ]
