"""What differs between two catalogues, in lines that a reviewer reads before publishing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rating.catalogue.document import (
    Band,
    Card,
    CardRow,
    CatalogueDocument,
    Flat,
    Graduated,
    PerUnit,
    Plan,
    PlanPrice,
    PriceModel,
    PriceVersion,
    Product,
    RateCardPrice,
)
from rating.local_time import WEEKDAYS
from rating.units import readable
from schemas.decimals import to_text
from schemas.limit import ChargeLimit
from schemas.money import RATED_DECIMAL_PLACES, Rounding


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
            f"tax code {product.tax_code}" if product.tax_code else "",
        )
    )


def _band(band: Band) -> str:
    return _listed(
        f"{WEEKDAYS[window.weekday]} {_clock(window.from_minute)}-{_clock(window.to_minute)}"
        for window in band.windows
    )


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
        what = f"{readable(allowance.units, allowance.unit)}, takes {allowance.consume.value}"
        yield f"plan {plan.code}, allowance {allowance.code}", what
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
    return _listed((f"of {price.product}", where))


def _version(version: PriceVersion, currency: str, unit: str) -> str:
    rounding = ""
    if (version.rounding, version.decimal_places) != (Rounding.HALF_UP, RATED_DECIMAL_PLACES):
        rounding = f"rounded {version.rounding.name.lower()} to {version.decimal_places} places"
    units = version.round_units
    return _listed(
        (
            _model(version.model, currency, unit),
            f"allowance {version.allowance}" if version.allowance else "",
            f"units {units.rule.value} to {readable(units.to_units, unit)}" if units else "",
            rounding,
            f"until {version.valid_to}" if version.valid_to else "",
        )
    )


def _model(model: PriceModel, currency: str, unit: str) -> str:
    match model:
        case PerUnit():
            amounts = model.amounts.items()
            price = " ".join(f"{band} {to_text(amount)}" for band, amount in amounts)
            if model.amount is not None:
                price = to_text(model.amount)
            fee = f"connect fee {to_text(model.connect_fee)}" if model.connect_fee else ""
            per = f"{price} {currency} per {readable(model.per_units, unit)}"
            bands = f"bands {model.bands}" if model.bands else ""
            increments = model.increments.notation if model.increments else ""
            return _listed((per, bands, increments, fee))
        case RateCardPrice():
            return f"rate card {model.card}"
        case Flat():
            return f"{to_text(model.amount)} {currency} per event"
        case Graduated():
            tiers = "; ".join(
                ("above" if tier.upto_units is None else f"to {readable(tier.upto_units, unit)}")
                + f" {to_text(tier.amount)}"
                for tier in model.tiers
            )
            per = f"{tiers} {currency} per {readable(model.per_units, unit)}"
            return _listed((per, model.increments.notation if model.increments else ""))


def _limit(limit: ChargeLimit) -> str:
    return _listed(
        (
            f"on {limit.scope}",
            f"{to_text(limit.amount)} {limit.currency}" if limit.amount is not None else "",
            f"{limit.records} records" if limit.records is not None else "",
            f"invoices {limit.invoice_scope}",
        )
    )
