"""Compiles a checked document: what was refused there is asserted here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import compress
from itertools import product as choices

import msgspec

from rating.amount import Adjusting, Commitment, amount_of
from rating.catalogue import document as doc
from rating.catalogue.compile_bands import compile_bands
from rating.catalogue.compile_model import CompileModel, allowance_of, grows, is_of_the_month
from rating.catalogue.compiled import (
    BandedCall,
    Cap,
    CardPrice,
    Catalogue,
    Closing,
    CompiledPlan,
    ConditionalDiscounts,
    Entry,
    Free,
    Model,
    Offer,
    Rule,
)
from rating.catalogue.document_parts import RowsOf, document_with_rows
from rating.conditions.condition import Condition
from rating.counting import Counter, CounterKind, CounterPeriod, Counting
from rating.local_time import day_number
from rating.month_cost import month_cost
from rating.price.aggregate import Aggregation
from rating.price.bands import BandedPrice
from rating.price.increments import Increments
from rating.price.per_unit import PerUnitPrice, per_unit_price
from rating.price.rate_card import FIRST_DAY, LAST_DAY, RateCard, RateCardRow
from rating.rounding import RoundingRule, rounded
from rating.units import RECORD
from schemas.decimals import ZERO, to_text
from schemas.ledger import ExplanationStep


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
    bands = compile_bands(document)
    cards = {
        card.code: CardPrice(
            _rate_card(card.code, rows_of(card)), bands[card.bands] if card.bands else None
        )
        for card in document.cards
    }
    products = {product.code: product for product in document.products}
    conditions = _Conditions()
    return Catalogue(
        version=version,
        plans={
            plan.code: _plan(plan, products, CompileModel(bands, cards), conditions)
            for plan in document.plans
        },
        product_types={code: product.product_type for code, product in products.items()},
        limits=document.limits,
    )


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


class _Conditions(dict[str, Condition]):
    """The conditions of a catalogue by their texts: those of plans that extend one are one object,
    and keep their answers together."""

    def of(self, text: str) -> Condition | None:
        """Return the condition of a text; None of an empty one, which always holds."""
        if not text:
            return None
        found = self.get(text)
        if found is None:
            found = self[text] = Condition(text)
        return found


def _plan(
    plan: doc.Plan,
    products: dict[str, doc.Product],
    compile_model: CompileModel,
    conditions: _Conditions,
) -> CompiledPlan:
    allowances = {allowance.code: allowance for allowance in plan.allowances}
    entries: dict[str, list[Entry]] = {}
    for price in plan.prices:
        price_id = f"{plan.code}/{price.code}"
        rules = tuple(
            _rule(
                price_id,
                version,
                {code: allowances[code] for code in version.allowances},
                plan.code,
                compile_model(version.model),
                tuple(conditions.of(text) for text in version.discounts_when),
            )
            for version in price.versions
        )
        entry = Entry(
            price_id=price_id,
            destinations=price.destinations,
            when=conditions.of(price.when or ""),
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
    timeless = not isinstance(first.model, BandedPrice | CardPrice | BandedCall)
    return first if in_force and timeless and first.discounts_when is None else None


def _offer(product: doc.Product, currency: str, entries: tuple[Entry, ...]) -> Offer:
    return Offer(
        product=product.code,
        product_type=product.product_type,
        currency=currency,
        unit=product.unit,
        counts_records=product.unit == RECORD,
        filters_zero=product.zero_usage is doc.ZeroUsage.FILTER,
        prices_zero=product.zero_usage is doc.ZeroUsage.PRICE,
        mirrors=product.below_zero is doc.BelowZero.MIRROR,
        tax_code=product.tax_code,
        has_conditions=any(
            entry.when is not None or any(rule.discounts_when for rule in entry.rules)
            for entry in entries
        ),
        entries=entries,
    )


def _rule(
    price_id: str,
    version: doc.PriceVersion,
    allowances: dict[str, doc.PlanAllowance],
    plan_code: str,
    model: Model,
    discounts_when: tuple[Condition | None, ...],
) -> Rule:
    units = tuple(allowance_of(plan_code, each) for each in allowances.values() if not each.money)
    credits = tuple(allowance_of(plan_code, each) for each in allowances.values() if each.money)
    free = Free(version.free_records, version.free_units, version.minimum_units)
    adjusting, closing, caps = _adjusting(version, model)
    growing = grows(version, has_allowances=bool(units))
    before = tuple(
        Counter(CounterKind.ALLOWANCE, each.allowance_id, each.period, each.shared)
        for each in units
    )
    after = _counted_after_price(price_id, caps, closing, version.free_records > 0)
    credit_counters = tuple(
        Counter(CounterKind.ALLOWANCE, each.allowance_id, each.period, each.shared)
        for each in credits
    )
    records = tuple(each for each in after if each.kind is CounterKind.RECORDS)
    after = (*after[: len(after) - len(records)], *credit_counters, *records)
    return Rule(
        price_id=price_id,
        price_step=(
            "price",
            price_id,
            "" if version.valid_from is None else version.valid_from.isoformat(),
        ),
        model=model,
        rounding=version.rounding,
        rounding_step=_rounding_step(version.rounding),
        zero=_zero(version.rounding),
        grows=growing,
        counting=(*before, *_tier(price_id, growing), *_newest(price_id, version), *after),
        counting_of_band=_counting_of_band(price_id, model, growing, before, after),
        round_units=version.round_units,
        free=None if free == Free() else free,
        allowances=units,
        free_counts=_free_counts(version),
        fee_when_free=version.fee_when_free,
        aggregation=version.aggregation,
        unique_by=version.unique_by,
        adjusting=adjusting,
        closing=closing,
        caps=caps,
        credits=credits,
        discounts_when=_conditional_discounts(version, model, discounts_when),
        from_day=_first_day(version.valid_from),
        to_day=_last_day(version.valid_to),
    )


def _free_counts(version: doc.PriceVersion) -> bool:
    """Return whether free units take their place in the rates of a call, or in tiers."""
    above = version.above_allowance
    if above is None:
        return isinstance(version.model, doc.Call | doc.RateCardPrice)
    return above is doc.AboveAllowance.GOES_ON


def _tier(name: str, growing: bool) -> Counting:
    """Return the counter of units billed, of a price that grows over the month."""
    return (Counter(CounterKind.TIER, name),) if growing else ()


def _counted_after_price(
    price_id: str, caps: tuple[Cap, ...], closing: Closing | None, records: bool
) -> Counting:
    counters = [Counter(CounterKind.CAP, price_id, cap.period) for cap in caps]
    if closing is not None:
        counters.append(Counter(CounterKind.CLOSED, price_id))
    if records:
        counters.append(Counter(CounterKind.RECORDS, price_id))
    return tuple(counters)


def _counting_of_band(
    price_id: str, model: Model, growing: bool, before: Counting, after: Counting
) -> dict[str, Counting]:
    """Return the counters of each band, in which units are counted apart."""
    if not isinstance(model, BandedPrice):
        return {}
    return {band: (*before, *_tier(f"{price_id}/{band}", growing), *after) for band in model.prices}


def _newest(price_id: str, version: doc.PriceVersion) -> Counting:
    """Return the counter that says which record is the newest, where that decides."""
    latest = version.aggregation is Aggregation.LATEST
    return (Counter(CounterKind.NEWEST, price_id),) if latest else ()


def _adjusting(
    version: doc.PriceVersion, model: Model
) -> tuple[Adjusting | None, Closing | None, tuple[Cap, ...]]:
    """Return what is done to the cost of an event, or of the month where that is what is priced;
    what its close asks for; and the caps over the charges of events."""
    of_month = is_of_the_month(version)
    commitment = _commitment(version, model)
    closing = _closing(version, commitment)
    caps = []
    if version.most_day is not None:
        caps.append(Cap(CounterPeriod.DAY, _kept(version.rounding, version.most_day)))
    capped = None
    if version.most_month is not None and not of_month:
        capped = _kept(version.rounding, version.most_month)
    if capped is not None or closing is not None:
        caps.append(Cap(CounterPeriod.MONTH, capped))
    adjusting = Adjusting(
        version.discounts,
        commitment,
        version.least_event,
        version.most_month if of_month else version.most_event,
    )
    return (None if adjusting == Adjusting() else adjusting), closing, tuple(caps)


def _conditional_discounts(
    version: doc.PriceVersion, model: Model, conditions: tuple[Condition | None, ...]
) -> ConditionalDiscounts | None:
    """Return what each choice of the discounts makes of a price; None where all are always given."""
    if not any(conditions):
        return None
    adjusting = {}
    for given in choices((False, True), repeat=len(conditions)):
        if all(
            is_given or condition for is_given, condition in zip(given, conditions, strict=True)
        ):
            discounts = tuple(compress(version.discounts, given))
            chosen = msgspec.structs.replace(version, discounts=discounts)
            adjusting[given], _, _ = _adjusting(chosen, model)
    return ConditionalDiscounts(version.discounts, conditions, adjusting)


def _kept(rounding: RoundingRule, amount: Decimal) -> Decimal:
    """Return an amount with the places that charges keep in the end."""
    last = rounding
    while last.then is not None:
        last = last.then
    rule = msgspec.structs.replace(last, times=None)
    return rounded(rule, amount, divide_by=Decimal(1))


def _commitment(version: doc.PriceVersion, model: Model) -> Commitment | None:
    stated = version.commitment
    if stated is None:
        return None
    amount = stated.amount
    if amount is None:
        assert stated.units is not None, "an amount, or units"
        assert not isinstance(model, BandedPrice | CardPrice | BandedCall)
        discounted = Adjusting(version.discounts)
        amount = amount_of(discounted, RoundingRule(), *month_cost(model, stated.units))
    return Commitment(amount, stated.overage)


def _closing(version: doc.PriceVersion, commitment: Commitment | None) -> Closing | None:
    least = version.least_month
    if commitment is not None and version.commitment is not None and version.commitment.true_up:
        least = commitment.amount
    closing = Closing(least, version.least_by_days, version.first_fee_without_usage)
    return None if closing == Closing() else closing


def _rounding_step(rounding: RoundingRule) -> ExplanationStep:
    kept = str(rounding.decimal_places) if rounding.to is None else f"to {to_text(rounding.to)}"
    if rounding.times is not None:
        kept += f" times {to_text(rounding.times)}"
    step: ExplanationStep = ("round", rounding.rule.name.lower(), kept)
    return step if rounding.then is None else (*step, *_rounding_step(rounding.then)[1:])


def _zero(rounding: RoundingRule) -> Decimal:
    """Return zero with the places of the amounts."""
    last = rounding
    while last.then is not None:
        last = last.then
    return ZERO.scaleb(-last.decimal_places) if last.to is None else ZERO
