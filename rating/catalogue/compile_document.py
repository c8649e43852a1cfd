"""Compiles a checked document: what was refused there is asserted here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.amount import Adjusting, Commitment, amount_of
from rating.catalogue import document as doc
from rating.catalogue.compile_bands import compile_bands
from rating.catalogue.compile_exchange import exchanged
from rating.catalogue.compile_model import CompileModel, allowance_of, grows, is_of_the_month
from rating.catalogue.compile_rows import compile_card, compile_matrix, first_day, last_day
from rating.catalogue.compiled import (
    ByEvent,
    Cap,
    CardPrice,
    Catalogue,
    Closing,
    CompiledPlan,
    ConditionalDiscounts,
    Entry,
    Free,
    MatrixPrice,
    Model,
    Offer,
    OtherOffer,
    Rule,
    conditions_of,
)
from rating.catalogue.document_parts import STATED_ROWS, RowsOf, document_with_rows
from rating.catalogue.exchanging import exchanged_ratings
from rating.conditions.condition import Condition
from rating.counting import Counter, CounterKind, CounterPeriod, Counting
from rating.days_of_month import LEAST_DAYS, MOST_DAYS
from rating.limited_discount import LimitedDiscount
from rating.month_cost import month_cost
from rating.price.aggregate import Aggregation
from rating.price.allowance import Allowance
from rating.price.bands import BandedPrice
from rating.price.rate_card import FIRST_DAY, LAST_DAY
from rating.roll_over import counters_of
from rating.rounding import RoundingRule, rounded
from rating.units import RECORD
from rating.usage_discount import Reached, UsageDiscount
from schemas.decimals import ZERO, to_text
from schemas.ledger import ExplanationStep
from schemas.money import Rounding


def compile_parts(head_json: bytes, chunks: Mapping[str, bytes], version: int) -> Catalogue:
    """Return the catalogue that rates by a published document, read chunk by chunk.

    Raises as `document_from_parts`.
    """
    document, rows_of = document_with_rows(head_json, chunks)
    return _compile(document, version, rows_of)


def compile(document: doc.CatalogueDocument, version: int) -> Catalogue:
    """Return the catalogue that rates by a document; ``version`` is what charges will name."""
    return _compile(document, version, STATED_ROWS)


def _compile(document: doc.CatalogueDocument, version: int, rows_of: RowsOf) -> Catalogue:
    bands = compile_bands(document)
    cards = {
        card.code: CardPrice(
            compile_card(card.code, rows_of.card(card)), bands[card.bands] if card.bands else None
        )
        for card in document.cards
    }
    matrices = {
        matrix.code: MatrixPrice(
            compile_matrix(matrix, rows_of.matrix(matrix)),
            matrix.dimensions,
            bands[matrix.bands] if matrix.bands else None,
        )
        for matrix in document.matrices
    }
    products = {product.code: product for product in document.products}
    exchange = {table.code: table for table in document.exchange_rates}
    conditions = _Conditions()
    compile_model = CompileModel(bands, cards, matrices)
    plans = {
        plan.code: _plan(plan, products, exchange, compile_model, conditions)
        for plan in document.plans
    }
    exchanged_plans = {
        (code, other.code): _plan(other, products, exchange, compile_model, conditions)
        for code, other in exchanged_ratings(document)
    }
    return Catalogue(
        version=version,
        plans={plan.code: _with_others(plan, plans, exchanged_plans) for plan in document.plans},
        product_types={code: product.product_type for code, product in products.items()},
        limits=document.limits,
    )


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
    exchange: dict[str, doc.ExchangeTable],
    compile_model: CompileModel,
    conditions: _Conditions,
) -> CompiledPlan:
    allowances = {allowance.code: allowance for allowance in plan.allowances}

    def given(allowance: doc.PlanAllowance) -> Allowance:
        when = conditions.of(allowance.when)
        return allowance_of(plan.code, allowance, compile_model.bands, when)

    entries: dict[str, list[Entry]] = {}
    for price in plan.prices:
        price_id = f"{plan.code}/{price.code}"
        models = [compile_model(version.model) for version in price.versions]
        found = [_adjusting(*each) for each in zip(price.versions, models, strict=True)]
        # What one version looks at is counted under all of them: they may share a month.
        counts_month = any(
            cap.period is CounterPeriod.MONTH for _, _, caps in found for cap in caps
        ) or any(doc.restating_discount(version) is not None for version in price.versions)
        counts_closed = any(closing is not None for _, closing, _ in found) or any(
            doc.restating_discount(version) is not None for version in price.versions
        )
        rules: list[Rule] = []
        for version, model, (adjusting, closing, caps) in zip(
            price.versions, models, found, strict=True
        ):
            rule = _rule(
                price_id,
                version,
                {code: allowances[code] for code in version.allowances},
                plan,
                products,
                model,
                _Adjusted(adjusting, closing, _counting_month(caps, counts_month), counts_closed),
                _conditional_discounts(version, conditions),
                given,
            )
            rules += exchanged(rule, exchange.get(version.exchange or ""))
        entry = Entry(
            price_id=price_id,
            destinations=price.destinations,
            when=conditions.of(price.when or ""),
            rules=tuple(rules),
            from_days=tuple(rule.from_day for rule in rules),
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


def _with_others(
    plan: doc.Plan,
    plans: dict[str, CompiledPlan],
    exchanged_plans: Mapping[tuple[str, str], CompiledPlan],
) -> CompiledPlan:
    """Return a plan whose offers have those of the plans that it is also rated under, as these are by
    themselves: what those are also rated under is not looked at. ``exchanged_plans``: those that are in
    another currency, by both codes."""
    compiled = plans[plan.code]
    if not plan.also_rated:
        return compiled
    offers = {}
    for product, offer in compiled.offers.items():
        others = [
            OtherOffer(
                each.name, code, exchanged_plans.get((plan.code, code), plans[code]).offers[product]
            )
            for each in plan.also_rated
            if (code := each.plan_of(product))
        ]
        assert not any(_asks_for_more(other.offer) for other in others), "refused by the check"
        offers[product] = msgspec.structs.replace(offer, others=tuple(others))
    return msgspec.structs.replace(compiled, offers=offers)


def _asks_for_more(offer: Offer) -> bool:
    """Return whether some price asks for more than the event: for counters, or at a close."""
    rules = [rule for entry in offer.entries for rule in entry.rules]
    return any(
        rule.counting or any(rule.counting_of_band.values()) or rule.unique_by or rule.asks_at_close
        for rule in rules
    )


def _always(rules: Sequence[Rule]) -> Rule | None:
    """Return the rule that needs no local time to be selected, if there is one."""
    if not rules:
        return None
    first = rules[0]
    in_force = (first.from_day, first.to_day) == (FIRST_DAY, LAST_DAY)
    timeless = not isinstance(first.model, ByEvent) and first.sampling is None
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
        is_fitted=any(rule.is_fitted for entry in entries for rule in entry.rules),
        asks_month=any(each.asks_month for entry in entries for each in conditions_of(entry)),
        entries=entries,
    )


class _Adjusted(NamedTuple):
    """What follows the price of one version."""

    adjusting: Adjusting | None
    closing: Closing | None
    caps: tuple[Cap, ...]
    counts_closed: bool  # the close of a month may say what it came to, by this version or another


def _counting_month(caps: tuple[Cap, ...], counts_month: bool) -> tuple[Cap, ...]:
    """Return the caps, with one that only counts where another version looks at the month."""
    missing = counts_month and all(cap.period is not CounterPeriod.MONTH for cap in caps)
    return (*caps, Cap(CounterPeriod.MONTH, None)) if missing else caps


def _rule(
    price_id: str,
    version: doc.PriceVersion,
    allowances: dict[str, doc.PlanAllowance],
    plan: doc.Plan,
    products: dict[str, doc.Product],
    model: Model,
    adjusted: _Adjusted,
    discounts_when: ConditionalDiscounts | None,
    given: Callable[[doc.PlanAllowance], Allowance],
) -> Rule:
    adjusting, closing, caps, counts_closed = adjusted
    if version.sampling is not None:  # its close knows by itself what it came to
        caps, counts_closed = (), False
    units = tuple(given(each) for each in allowances.values() if not each.money)
    credits = tuple(given(each) for each in allowances.values() if each.money)
    free = Free(version.free_records, version.free_units, version.minimum_units)
    growing = grows(version, has_allowances=bool(units))
    before = tuple(counter for each in units for counter in counters_of(each))
    discount = _usage_discount(version, products)
    limited = _limited(version.discount_times)
    after = (
        *(() if limited is None else (limited.counter(price_id),)),
        *(() if discount is None else discount.counters(price_id, plan.currency)),
        *_money_counted(price_id, caps, counts_closed, plan.currency),
        *(counter for one in credits for counter in counters_of(one, currency=plan.currency)),
        *([Counter(CounterKind.RECORDS, price_id)] if version.free_records else ()),
    )
    rolling = [
        (each.rolls_over.months, each.shared) for each in (*units, *credits) if each.rolls_over
    ]
    around = (units, credits, caps, closing, adjusting, discount, limited, version.round_units)
    return Rule(
        price_id=price_id,
        price_step=(
            "price",
            price_id,
            "" if version.valid_from is None else version.valid_from.isoformat(),
        ),
        model=model,
        is_ordinary=not growing and free == Free() and not any(around),
        rounding=version.rounding,
        rounding_step=_rounding_step(version.rounding),
        zero=_zero(version.rounding),
        grows=growing,
        counting=(
            *before,
            *_units(price_id, version, growing),
            *_newest(price_id, version),
            *after,
        ),
        sampling=version.sampling,
        counting_of_band=_counting_of_band(price_id, model, growing, before, after),
        counting_of_days=_counting_of_days(price_id, version, before, after),
        round_units=version.round_units,
        free=None if free == Free() else free,
        allowances=units,
        free_counts=_free_counts(version),
        fee_when_free=version.fee_when_free,
        aggregation=version.aggregation,
        unique_by=version.unique_by,
        adjusting=adjusting,
        closing=closing,
        counts_closed=counts_closed,
        usage_discount=discount,
        caps=caps,
        credits=credits,
        months_rolled=max([months for months, _ in rolling], default=0),
        shares_rolled=any(shared for _, shared in rolling),
        is_fitted=any(each.is_fitted for each in (*units, *credits)),
        discounts_when=discounts_when,
        limited=limited,
        from_day=first_day(version.valid_from),
        to_day=last_day(version.valid_to),
    )


def _limited(stated: doc.DiscountTimes | None) -> LimitedDiscount | None:
    return None if stated is None else LimitedDiscount(stated.percent, stated.times, stated.every)


def _free_counts(version: doc.PriceVersion) -> bool:
    """Return whether free units take their place in the rates of a call, or in tiers."""
    above = version.above_allowance
    if above is None:
        return isinstance(version.model, doc.Call | doc.RateCardPrice | doc.MatrixPrice)
    return above is doc.AboveAllowance.GOES_ON


def _units(price_id: str, version: doc.PriceVersion, growing: bool) -> Counting:
    """Return the counter of what the month is priced by, of a price that grows over it."""
    if version.aggregation is Aggregation.TIME_WEIGHTED:
        return (Counter(CounterKind.HELD, price_id),)
    if version.aggregation is Aggregation.DAILY:
        return _by_day(price_id, MOST_DAYS)
    return _tier(price_id, growing)


def _by_day(price_id: str, days: int) -> Counting:
    """Return the counters of a level day by day: of unit-days, and of the changes of each day."""
    return (
        # Not that of unit-seconds, which another version may count; codes have no sign like it.
        Counter(CounterKind.HELD, f"{price_id}*days"),
        *(
            Counter(CounterKind.LEVEL, price_id, CounterPeriod.DAY, month_day=day)
            for day in range(1, days + 1)
        ),
    )


def _counting_of_days(
    price_id: str, version: doc.PriceVersion, before: Counting, after: Counting
) -> dict[int, Counting]:
    """Return the counters by the days of a month; of a zone that leaves a day out it has one less."""
    if version.aggregation is not Aggregation.DAILY:
        return {}
    return {
        days: (*before, *_by_day(price_id, days), *after)
        for days in range(LEAST_DAYS, MOST_DAYS + 1)
    }


def _tier(name: str, growing: bool) -> Counting:
    """Return the counter of units billed, of a price that grows over the month."""
    return (Counter(CounterKind.TIER, name),) if growing else ()


def _money_counted(
    price_id: str, caps: tuple[Cap, ...], counts_closed: bool, currency: str
) -> list[Counter]:
    """Return the counters of what the price came to."""
    counters = [Counter(CounterKind.CAP, price_id, cap.period, currency=currency) for cap in caps]
    if counts_closed:
        counters.append(Counter(CounterKind.CLOSED, price_id, currency=currency))
    return counters


def _counting_of_band(
    price_id: str, model: Model, growing: bool, before: Counting, after: Counting
) -> dict[str, Counting]:
    """Return the counters of each band, in which units are counted apart."""
    if not isinstance(model, BandedPrice):
        return {}
    return {band: (*before, *_tier(f"{price_id}/{band}", growing), *after) for band in model.prices}


def _newest(price_id: str, version: doc.PriceVersion) -> Counting:
    """Return the counter that says which record is the newest, where that decides; of samples, the one
    that says how many records they have."""
    if version.sampling is not None:
        return (Counter(CounterKind.SAMPLED, price_id),)
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
    version: doc.PriceVersion, conditions: _Conditions
) -> ConditionalDiscounts | None:
    """Return the discounts of a price and what each asks for; None where all are always given."""
    limited = version.discount_times
    of_limited = conditions.of("" if limited is None else limited.when)
    if not version.discounts_when and of_limited is None:
        return None
    texts = version.discounts_when or ("",) * len(version.discounts)
    asked = tuple(conditions.of(text) for text in texts)
    return ConditionalDiscounts(version.discounts, asked, of_limited)


def _kept(rounding: RoundingRule, amount: Decimal) -> Decimal:
    """Return an amount with the places that charges keep in the end: never more than it."""
    rule = msgspec.structs.replace(_last(rounding), rule=Rounding.DOWN)
    return rounded(rule, amount, divide_by=Decimal(1))


def _usage_discount(
    version: doc.PriceVersion, products: dict[str, doc.Product]
) -> UsageDiscount | None:
    stated = version.discount_by_usage
    if stated is None:
        return None
    return UsageDiscount(
        stated.product,
        products[stated.product].unit,
        tuple(Reached(each.from_units, each.percent) for each in stated.reached),
        _last(version.rounding),
        stated.from_then,
    )


def _last(rounding: RoundingRule) -> RoundingRule:
    """Return the rounding of what is rounded already: the last rule, without what it multiplies."""
    while rounding.then is not None:
        rounding = rounding.then
    return msgspec.structs.replace(rounding, times=None)


def _commitment(version: doc.PriceVersion, model: Model) -> Commitment | None:
    stated = version.commitment
    if stated is None:
        return None
    amount = stated.amount
    if amount is None:
        assert stated.units is not None, "an amount, or units"
        assert not isinstance(model, ByEvent)
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
