"""What differs between two catalogues, in lines that a reviewer reads before publishing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from rating.catalogue.document import (
    Band,
    BelowZero,
    Call,
    CallRate,
    Card,
    CardRow,
    CatalogueDocument,
    Committed,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Plan,
    PlanAllowance,
    PlanPrice,
    PriceModel,
    PriceVersion,
    Product,
    RateCardPrice,
    Sharing,
    Volume,
    Window,
)
from rating.counting import CounterPeriod
from rating.local_time import WEEKDAYS
from rating.price.aggregate import Aggregation
from rating.price.bands import BandChoice
from rating.price.increments import Increments
from rating.price.tier import Tier
from rating.rounding import RoundingRule
from rating.units import readable
from schemas.decimals import to_text
from schemas.limit import ChargeLimit


def diff(old: CatalogueDocument, new: CatalogueDocument) -> list[str]:
    """Return a line per thing that was added, removed or changed; none for equal documents."""
    before, after = dict(_facts(old)), dict(_facts(new))
    lines = []
    for thing in sorted(before.keys() | after.keys()):
        was, is_now = before.get(thing), after.get(thing)
        if was is None:
            lines.append(f"added: {thing}: {is_now}")
        elif is_now is None:
            lines.append(f"removed: {thing}: {was}")
        elif was != is_now:
            lines.append(f"changed: {thing}: {was} -> {is_now}")
    return lines


def _facts(document: CatalogueDocument) -> Iterator[tuple[str, str]]:
    """Yield each thing that a catalogue says, under a name that stays with it."""
    units = {product.code: product.unit for product in document.products}
    for product in document.products:
        yield f"product {product.code}", _product(product)
    for calendar in document.calendars:
        yield f"calendar {calendar.code}", _listed(str(day) for day in calendar.days)
    for band_set in document.bands:
        for band in band_set.bands:
            yield f"bands {band_set.code}, {band.code}", _band(band)
    for card in document.cards:
        yield f"card {card.code}", _card(card)
        for row in card.rows:
            yield _row_name(card, row), _row(card, row)
    for plan in document.plans:
        yield from _plan_facts(plan, units)
    for limit in document.limits:
        yield f"limit {limit.limit_id}", _limit(limit)


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)


def _product(product: Product) -> str:
    return _listed(
        (
            product.name,
            f"type {product.product_type}",
            f"usage kind {product.usage_kind}",
            f"in {product.unit}",
            f"zero usage: {product.zero_usage.value}",
            "" if product.below_zero is BelowZero.REFUSE else "below zero: mirror",
            f"tax code {product.tax_code}" if product.tax_code else "",
        )
    )


def _band(band: Band) -> str:
    special = []
    for each in band.special:
        season = each.season
        days = f"on days of {each.calendar}"
        if season is not None:
            days = f"from {_month_day(season.first)} to {_month_day(season.last)}"
        special.append(f"{days}: {_windows(each.windows)}")
    return "; ".join(part for part in (_windows(band.windows), *special) if part)


def _windows(windows: tuple[Window, ...]) -> str:
    return _listed(
        f"{WEEKDAYS[window.weekday]} {_clock(window.from_minute)}-{_clock(window.to_minute)}"
        for window in windows
    )


def _month_day(number: int) -> str:
    return f"{number // 100:02}-{number % 100:02}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _card(card: Card) -> str:
    bands = f"bands {card.bands}" if card.bands else ""
    return _listed((card.currency, f"per {card.unit}", bands))


def _row_name(card: Card, row: CardRow) -> str:
    since = f"from {row.valid_from}" if row.valid_from else ""
    return _listed((f"card {card.code}", f"prefix {row.prefix}", row.band or "", since))


def _row(card: Card, row: CardRow) -> str:
    increments = f"{to_text(row.first_units)}/{to_text(row.following_units)}"
    fee = f"connect fee {to_text(row.connect_fee)}" if row.connect_fee else ""
    until = f"until {row.valid_to}" if row.valid_to else ""
    price = f"{to_text(row.amount)} {card.currency} per {readable(row.per_units, card.unit)}"
    return _listed((row.destination, price, increments, fee, until))


def _plan_facts(plan: Plan, units: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield f"plan {plan.code}", _listed((plan.name, f"in {plan.currency}"))
    for allowance in plan.allowances:
        yield f"plan {plan.code}, allowance {allowance.code}", _allowance(allowance)
    codes = [price.code for price in plan.prices]
    if len(codes) > 1:
        yield f"plan {plan.code}, order of prices", " > ".join(codes)
    for price in plan.prices:
        name = f"plan {plan.code}, price {price.code}"
        yield name, _price(price)
        for version in price.versions:
            since = f", from {version.valid_from}" if version.valid_from else ", in force"
            yield name + since, _version(version, plan.currency, units[price.product])


def _price(price: PlanPrice) -> str:
    where = f"to {' '.join(price.destinations)}" if price.destinations else ""
    return _listed((f"of {price.product}", where, f"when {price.when}" if price.when else ""))


def _allowance(allowance: PlanAllowance) -> str:
    step = allowance.step_units
    takes = allowance.consume.value
    if step is not None:
        takes = f"steps of {readable(step, allowance.unit)}"
    return _listed(
        (
            readable(allowance.units, allowance.unit),
            "" if allowance.money else f"takes {takes}",
            "every day" if allowance.period is CounterPeriod.DAY else "",
            "shared by the account" if allowance.shared_by is Sharing.ACCOUNT else "",
        )
    )


def _version(version: PriceVersion, currency: str, unit: str) -> str:
    units = version.round_units
    bounds = (
        ("at least", version.least_event, "an event"),
        ("at least", version.least_month, _month(version)),
        ("at most", version.most_event, "an event"),
        ("at most", version.most_day, "a day"),
        ("at most", version.most_month, "a month"),
    )
    free, least = version.free_units, version.minimum_units
    return _listed(
        (
            _model(version.model, currency, unit),
            f"units {units.rule.value} to {readable(units.to_units, unit)}" if units else "",
            f"the first {version.free_records} records free" if version.free_records else "",
            f"the first {readable(free, unit)} of each free" if free else "",
            f"allowance {' '.join(version.allowances)}" if version.allowances else "",
            "" if version.above_allowance is None else f"above it {version.above_allowance.value}",
            "connect fee also where all is free" if version.fee_when_free else "",
            f"at least {readable(least, unit)} billed" if least else "",
            _aggregate(version),
            *_discounts(version),
            _commitment(version.commitment, currency, unit),
            "the first fee also without usage" if version.first_fee_without_usage else "",
            *(
                f"{which} {to_text(amount)} {currency} {period}"
                for which, amount, period in bounds
                if amount is not None
            ),
            "" if version.rounding == RoundingRule() else _rounding(version.rounding),
            f"until {version.valid_to}" if version.valid_to else "",
        )
    )


def _discounts(version: PriceVersion) -> Iterator[str]:
    conditions = version.discounts_when or ("",) * len(version.discounts)
    for percent, condition in zip(version.discounts, conditions, strict=True):
        yield f"{to_text(percent)} % off" + (f" when {condition}" if condition else "")


def _month(version: PriceVersion) -> str:
    return "a month, by days" if version.least_by_days else "a month"


def _aggregate(version: PriceVersion) -> str:
    if version.aggregation is Aggregation.SUM:
        return ""
    by = f" {version.unique_by}" if version.unique_by else ""
    return f"by the {version.aggregation.value}{by} of the month"


def _commitment(stated: Committed | None, currency: str, unit: str) -> str:
    if stated is None:
        return ""
    promised = f"{stated.amount} {currency}"
    if stated.units is not None:
        promised = readable(stated.units, unit)
    above = f" x {to_text(stated.overage)} above it" if stated.overage != 1 else ""
    return f"commitment {promised}{above}{', trued up' if stated.true_up else ''}"


def _rounding(rounding: RoundingRule) -> str:
    kept = f"{rounding.decimal_places} places"
    if rounding.to is not None:
        kept = f"multiples of {to_text(rounding.to)}"
    times = f"x {to_text(rounding.times)} " if rounding.times is not None else ""
    said = f"{times}rounded {rounding.rule.name.lower()} to {kept}"
    return said if rounding.then is None else f"{said} then {_rounding(rounding.then)}"


def _model(model: PriceModel, currency: str, unit: str) -> str:
    match model:
        case PerUnit():
            amounts = model.amounts.items()
            price = " ".join(f"{band} {to_text(amount)}" for band, amount in amounts)
            if model.amount is not None:
                price = to_text(model.amount)
            per = f"{price} {currency} per {readable(model.per_units, unit)}"
            bands = _bands_of(model.bands, model.bands_by)
            return _listed((per, bands, _increments(model.increments), _fee(model.connect_fee)))
        case RateCardPrice():
            return _listed((f"rate card {model.card}", _bands_by(model.bands_by)))
        case Flat():
            return f"{to_text(model.amount)} {currency} per event"
        case Percentage():
            return _listed((f"{to_text(model.percent)} %", _fee(model.fee)))
        case Graduated() | Volume():
            tiers = "; ".join(_tier(tier, unit) for tier in model.tiers)
            per = f"{tiers} {currency} per {readable(model.per_units, unit)}"
            volume = "all of it" if isinstance(model, Volume) else ""
            return _listed((per, volume, _increments(model.increments)))
        case Package():
            size = readable(model.packages.to_units, unit)
            part = f"a part rounded {model.packages.rule.value}"
            price = f"{to_text(model.amount)} {currency} per package of {size}"
            return _listed((price, part, _increments(model.increments)))
        case Call():
            rates = _rates(model.rates, currency, unit)
            if model.bands is not None:
                rates = "; ".join(
                    f"{band}: {_rates(found, currency, unit)}"
                    for band, found in model.rates_of.items()
                )
            rounding = model.increment_rounding
            each = f"each increment {_rounding(rounding)}" if rounding else ""
            bands = _bands_of(model.bands, model.bands_by)
            fees = " ".join(f"{band} {to_text(fee)}" for band, fee in model.connect_fees.items())
            by_band = f"connect fee {fees}" if fees else ""
            return _listed((rates, bands, each, _fee(model.connect_fee), by_band))


def _tier(tier: Tier, unit: str) -> str:
    end = "above" if tier.upto_units is None else f"to {readable(tier.upto_units, unit)}"
    per = "" if tier.per_units is None else f"per {readable(tier.per_units, unit)}"
    words = (end, to_text(tier.amount), per, "whole" if tier.whole else "")
    fee = f"and {to_text(tier.flat)}" if tier.flat else ""
    return " ".join(word for word in (*words, fee) if word)


def _rates(rates: tuple[CallRate, ...], currency: str, unit: str) -> str:
    return " then ".join(
        f"{to_text(rate.amount)} {currency} per {readable(rate.per_units, unit)}"
        f" by {readable(rate.increment_units, unit)}"
        + (f" from {readable(rate.from_units, unit)} on" if rate.from_units else "")
        for rate in rates
    )


def _bands_of(bands: str | None, choice: BandChoice) -> str:
    return "" if bands is None else _listed((f"bands {bands}", _bands_by(choice)))


def _bands_by(choice: BandChoice) -> str:
    return "" if choice is BandChoice.START else f"by {choice.value}"


def _increments(increments: Increments | None) -> str:
    return increments.notation if increments else ""


def _fee(fee: Decimal) -> str:
    return f"connect fee {to_text(fee)}" if fee else ""


def _limit(limit: ChargeLimit) -> str:
    return _listed(
        (
            f"on {limit.scope}",
            f"{to_text(limit.amount)} {limit.currency}" if limit.amount is not None else "",
            f"{limit.records} records" if limit.records is not None else "",
            f"invoices {limit.invoice_scope}",
        )
    )
