"""Compiles a checked document: what was refused there is asserted here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal

from rating.catalogue import document as doc
from rating.catalogue.compiled import (
    NO_COUNTING,
    CardPrice,
    Catalogue,
    CompiledPlan,
    Counting,
    Entry,
    Model,
    Offer,
    Rule,
)
from rating.catalogue.document_parts import RowsOf, document_with_rows
from rating.local_time import MINUTES_OF_DAY, MINUTES_OF_WEEK, day_number
from rating.price.allowance import Allowance
from rating.price.bands import BandedPrice, WeekBands
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.increments import Increments
from rating.price.per_unit import PerUnitPrice, per_unit_price
from rating.price.rate_card import FIRST_DAY, LAST_DAY, RateCard, RateCardRow
from rating.rounding import RoundingRule
from rating.units import RECORD
from schemas.decimals import ZERO


def compile_parts(head_json: bytes, chunks: Mapping[str, bytes], version: int) -> Catalogue:
    """Return the catalogue that rates by a published document, read chunk by chunk.

    Raises as `document_from_parts`.
    """
    document, rows_of = document_with_rows(head_json, chunks)
    return _compile(document, version, rows_of)


def compile(document: doc.CatalogueDocument, version: int) -> Catalogue:
    """Return the catalogue that rates by a document; ``version`` is what charges will name."""
    return _compile(document, version, lambda card: card.rows)


def _compile(document: doc.CatalogueDocument, version: int, rows_of: RowsOf) -> Catalogue:
    bands = {band_set.code: _week_bands(band_set) for band_set in document.bands}
    cards = {
        card.code: CardPrice(
            _rate_card(card.code, rows_of(card)), bands[card.bands] if card.bands else None
        )
        for card in document.cards
    }
    products = {product.code: product for product in document.products}
    return Catalogue(
        version=version,
        plans={plan.code: _plan(plan, products, bands, cards) for plan in document.plans},
        product_types={code: product.product_type for code, product in products.items()},
        limits=document.limits,
    )


def _week_bands(band_set: doc.BandSet) -> WeekBands:
    of_minute: list[str | None] = [None] * MINUTES_OF_WEEK
    for band in band_set.bands:
        for window in band.windows:
            start = window.weekday * MINUTES_OF_DAY
            for minute in range(start + window.from_minute, start + window.to_minute):
                assert of_minute[minute] is None, "bands do not overlap"
                of_minute[minute] = band.code
    return WeekBands(band_set.code, tuple(name for name in of_minute if name is not None))


def _rate_card(code: str, rows: Iterable[doc.CardRow]) -> RateCard:
    # A card has a few hundred different prices, numbers and names; one object for each saves most of
    # the memory, and the processor finds it in its cache. By
    # their texts: 0.10 equals 0.1, but the explanation shows each as it is written.
    prices: dict[tuple[str, ...], PerUnitPrice] = {}
    all_increments: dict[tuple[str, ...], Increments] = {}
    numbers: dict[str, Decimal] = {}
    names: dict[str, str] = {}
    found = []
    prefix = ""
    for row in rows:
        if row.prefix != prefix:  # rows are sorted by it, and each band has one
            prefix = row.prefix
        band = row.band
        stated = (row.amount, row.per_units, row.first_units, row.following_units, row.connect_fee)
        key = tuple(map(str, stated))
        price = prices.get(key)
        if price is None:
            amount, per_units, first, following, fee = (
                numbers.setdefault(text, number) for text, number in zip(key, stated, strict=True)
            )
            increments = all_increments.setdefault(key[2:4], Increments(first, following))
            price = per_unit_price(amount, per_units, increments, fee)
            prices[key] = price
        found.append(
            RateCardRow(
                prefix,
                names.setdefault(row.destination, row.destination),
                price,
                None if band is None else names.setdefault(band, band),
                _first_day(row.valid_from),
                _last_day(row.valid_to),
            )
        )
    return RateCard(code, found)


def _first_day(date: dt.date | None) -> int:
    return FIRST_DAY if date is None else day_number(date)


def _last_day(date: dt.date | None) -> int:
    return LAST_DAY if date is None else day_number(date)


def _plan(
    plan: doc.Plan,
    products: dict[str, doc.Product],
    bands: dict[str, WeekBands],
    cards: dict[str, CardPrice],
) -> CompiledPlan:
    allowances = {
        allowance.code: Allowance(
            f"{plan.code}/{allowance.code}",
            allowance.units,
            allowance.consume is doc.Consume.INCREMENTS,
        )
        for allowance in plan.allowances
    }
    entries: dict[str, list[Entry]] = {}
    for price in plan.prices:
        price_id = f"{plan.code}/{price.code}"
        rules = tuple(
            _rule(price_id, version, allowances, bands, cards) for version in price.versions
        )
        entry = Entry(
            price_id=price_id,
            destinations=price.destinations,
            rules=rules,
            always=_always(rules),
        )
        entries.setdefault(price.product, []).append(entry)
    return CompiledPlan(
        code=plan.code,
        currency=plan.currency,
        offers={
            code: _offer(products[code], plan.currency, tuple(found))
            for code, found in entries.items()
        },
    )


def _always(rules: tuple[Rule, ...]) -> Rule | None:
    """Return the rule that needs no local time to be selected, if there is one."""
    first = rules[0]
    in_force = (first.from_day, first.to_day) == (FIRST_DAY, LAST_DAY)
    timeless = not isinstance(first.model, BandedPrice | CardPrice)
    return first if in_force and timeless else None


def _offer(product: doc.Product, currency: str, entries: tuple[Entry, ...]) -> Offer:
    return Offer(
        product=product.code,
        product_type=product.product_type,
        currency=currency,
        unit=product.unit,
        counts_records=product.unit == RECORD,
        filters_zero=product.zero_usage is doc.ZeroUsage.FILTER,
        tax_code=product.tax_code,
        entries=entries,
    )


def _rule(
    price_id: str,
    version: doc.PriceVersion,
    allowances: dict[str, Allowance],
    bands: dict[str, WeekBands],
    cards: dict[str, CardPrice],
) -> Rule:
    rounding = RoundingRule(version.rounding, version.decimal_places)
    model = _model(version.model, bands, cards)
    allowance = None if version.allowance is None else allowances[version.allowance]
    return Rule(
        price_id=price_id,
        price_step=(
            "price",
            price_id,
            "" if version.valid_from is None else version.valid_from.isoformat(),
        ),
        model=model,
        rounding=rounding,
        rounding_step=("round", version.rounding.name.lower(), str(version.decimal_places)),
        zero=ZERO.scaleb(-version.decimal_places),
        counting=_counting(price_id, model, allowance),
        counting_of_band=_counting_of_band(price_id, model, allowance),
        allowance=allowance,
        round_units=version.round_units,
        from_day=_first_day(version.valid_from),
        to_day=_last_day(version.valid_to),
    )


def _counting(price_id: str, model: Model, allowance: Allowance | None) -> Counting:
    """Return what a price must know of the month so far."""
    if allowance is None:
        return (None, price_id) if isinstance(model, GraduatedPrice) else NO_COUNTING
    # A card has a price per destination: nothing there that could grow over the month.
    grows = not isinstance(model, FlatPrice | CardPrice)
    return allowance.allowance_id, price_id if grows else None


def _counting_of_band(
    price_id: str, model: Model, allowance: Allowance | None
) -> dict[str, Counting]:
    """Return the same of each band, in which units are counted apart."""
    if not isinstance(model, BandedPrice):
        return {}
    if allowance is None:
        return dict.fromkeys(model.prices, NO_COUNTING)
    return {band: (allowance.allowance_id, f"{price_id}/{band}") for band in model.prices}


def _model(
    model: doc.PriceModel, bands: dict[str, WeekBands], cards: dict[str, CardPrice]
) -> Model:
    match model:
        case doc.PerUnit():
            return _per_unit(model, bands)
        case doc.RateCardPrice():
            return cards[model.card]
        case doc.Flat():
            return FlatPrice(model.amount)
        case doc.Graduated():
            return GraduatedPrice(model.tiers, model.per_units, model.increments)


def _per_unit(model: doc.PerUnit, bands: dict[str, WeekBands]) -> PerUnitPrice | BandedPrice:
    def price(amount: Decimal) -> PerUnitPrice:
        return per_unit_price(amount, model.per_units, model.increments, model.connect_fee)

    if model.bands is None:
        assert model.amount is not None, "an amount, or bands"
        return price(model.amount)
    return BandedPrice(
        bands[model.bands], {band: price(amount) for band, amount in model.amounts.items()}
    )
