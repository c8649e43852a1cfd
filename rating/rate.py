"""Rates one usage event, in two steps: `select` finds the price, `charge` applies it.

Between them the caller fetches what the price must know of the month so far: the counters that
`Selected.counters` names. The order of the steps and the reason for it are in rating/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from rating.catalogue.compiled import CardPrice, Catalogue, Entry, Offer, Price, Rule
from rating.local_time import local_time, minute_name
from rating.price import flat, graduated, per_unit
from rating.price.allowance import Allowance, free_units
from rating.price.bands import BandedPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.increments import Increments, billable_units
from rating.price.per_unit import PerUnitPrice
from rating.price.units import rounded_units
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent

_ONE = Decimal(1)
_SHOWN_DIGITS = 4  # of a destination in a refusal: enough to see the country, no whole number


class Selected(msgspec.Struct, frozen=True, gc=False):
    """The price of an event, and the counters whose quantity in the month of the event it needs."""

    offer: Offer
    rule: Rule
    price: Price
    used: Decimal
    explanation: tuple[ExplanationStep, ...]
    allowance_counter: str | None = None
    tier_counter: str | None = None

    @property
    def unit(self) -> str:
        """Return the unit that the product is measured in."""
        return self.offer.unit

    @property
    def counters(self) -> tuple[str, ...]:
        """Return the names of the counters to fetch; none for most prices."""
        if self.allowance_counter is None:
            return () if self.tier_counter is None else (self.tier_counter,)
        if self.tier_counter is None:
            return (self.allowance_counter,)
        return (self.allowance_counter, self.tier_counter)


class Filtered(msgspec.Struct, frozen=True):
    """An event that the product says is not to be rated; it is counted, and there is no charge."""

    detail: str


class RatedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The charge for one event. ``used``, ``billed`` and ``free`` are in the product's unit."""

    used: Decimal  # as measured
    billed: Decimal  # after allowance and increments
    free: Decimal  # taken from an allowance
    unit: str
    amount: Decimal  # rounded as the price says
    currency: str
    price_id: str
    product: str
    product_type: str
    tax_code: str | None
    explanation: tuple[ExplanationStep, ...]
    counted: tuple[tuple[str, Decimal], ...]  # what to add to each counter's quantity


def select(
    catalogue: Catalogue, event: UsageEvent, plan_code: str, account_currency: str
) -> Selected | Filtered | Refused:
    """Return the price in force for an event at its own time, or why there is none."""
    plan = catalogue.plans.get(plan_code)
    if plan is None:
        return Refused(
            RefusalReason.UNKNOWN_PLAN,
            f"plan {plan_code} is not in the catalogue. Operator action: publish a catalogue "
            "that has it, or correct the subscription; then recycle.",
        )
    if plan.currency != account_currency:
        return Refused(
            RefusalReason.CURRENCY_MISMATCH,
            f"plan {plan_code} is in {plan.currency}, the account in {account_currency}. "
            "Operator action: move the subscription to a plan in its currency; then recycle.",
        )
    offer = plan.offers.get(event.product)
    if offer is None:
        return Refused(
            RefusalReason.UNKNOWN_PRODUCT,
            f"plan {plan_code} has no price for {event.product}. Operator action: publish a "
            "catalogue where it has one, or correct the mapping; then recycle.",
        )
    used = _ONE if offer.counts_records else event.quantities.get(offer.unit)
    if used is None:
        measured = ", ".join(sorted(event.quantities)) or "nothing"
        return Refused(
            RefusalReason.MISSING_QUANTITY,
            f"{event.product} is priced per {offer.unit}, the event measures {measured}. Operator "
            "action: correct the product's unit or the mapping; then recycle.",
        )
    assert used >= ZERO, "mediation refuses negative quantities"
    if not used and offer.filters_zero:
        return Filtered(f"{event.product}: no usage")
    entry = _entry(offer, event.destination)
    if entry is None:
        return _unknown_destination(f"plan {plan_code}", event.destination)
    return _selected(offer, entry, event, used)


def _entry(offer: Offer, destination: str | None) -> Entry | None:
    """Return the first price whose condition holds."""
    for entry in offer.entries:
        if not entry.destinations or (destination and destination.startswith(entry.destinations)):
            return entry
    return None


def _unknown_destination(where: str, destination: str | None) -> Refused:
    shown = "the event has none" if not destination else f"{destination[:_SHOWN_DIGITS]}..."
    return Refused(
        RefusalReason.UNKNOWN_DESTINATION,
        f"{where} has no price for this destination: {shown}. Operator action: publish a card "
        "with its prefix; then recycle.",
    )


def _selected(offer: Offer, entry: Entry, event: UsageEvent, used: Decimal) -> Selected | Refused:
    """Return the price of the version in force, of the row and of the band."""
    day, minute = local_time(event.started_at_ms, zone=event.zone)
    for rule in entry.rules:
        if rule.from_day <= day < rule.to_day:
            break
    else:
        return Refused(
            RefusalReason.NO_TARIFF_IN_FORCE,
            f"no version of {entry.price_id} is in force at the time of the event. Operator "
            "action: publish the version that was; then recycle.",
        )
    model = rule.model
    price: Price
    grows_as = rule.price_id
    if isinstance(model, CardPrice):
        band = None if model.bands is None else model.bands.at(minute)
        destination = event.destination or ""
        row = model.card.find(destination, day=day, band=band)
        if row is None:
            return _unknown_destination(f"rate card {model.card.code}", destination)
        price = row.price
        steps: tuple[ExplanationStep, ...] = (
            rule.price_step,
            ("prefix", row.prefix, row.destination, model.card.code),
        )
        if band is not None:
            steps = (*steps, ("band", band, minute_name(minute)))
    elif isinstance(model, BandedPrice):
        band = model.bands.at(minute)
        price = model.prices[band]
        steps = (rule.price_step, ("band", band, minute_name(minute)))
        grows_as = f"{grows_as}/{band}"
    else:
        price = model
        steps = (rule.price_step,)
    if not used:
        return Selected(offer, rule, price, used, steps)
    allowance = rule.allowance
    if allowance is None:
        grows = isinstance(price, GraduatedPrice)
        taken = None
    else:
        # A card has a price per destination: nothing there that could grow over the month.
        grows = not isinstance(price, FlatPrice) and not isinstance(model, CardPrice)
        taken = f"allowance:{event.subscription_id}:{allowance.allowance_id}"
    tier = f"tier:{event.subscription_id}:{grows_as}" if grows else None
    return Selected(offer, rule, price, used, steps, taken, tier)


def charge(selected: Selected, before: Mapping[str, Decimal]) -> RatedUsage:
    """Return the charge for the event, given the quantity of its counters in the month so far.

    A counter that is not in ``before`` was never counted and is zero.
    """
    rule, price = selected.rule, selected.price
    steps = list(selected.explanation)
    units = selected.used
    if not units:
        steps.append(("no_usage",))
        return _rated(selected, ZERO, ZERO, rule.zero, steps, ())
    if rule.round_units is not None:
        measured, units = units, rounded_units(rule.round_units, used_units=units)
        steps.append(
            (
                "units",
                to_text(measured),
                to_text(units),
                rule.round_units.rule.value,
                to_text(rule.round_units.to_units),
            )
        )
    increments = None if isinstance(price, FlatPrice) else price.increments
    counted: tuple[tuple[str, Decimal], ...] = ()
    if selected.allowance_counter is None or rule.allowance is None:
        free, billed = ZERO, _incremented(increments, units, steps)
    else:
        taken_before = before.get(selected.allowance_counter, ZERO)
        free, billed = _allow(rule.allowance, increments, units, taken_before, steps)
        if free:
            counted = ((selected.allowance_counter, free),)
    billed_before = ZERO
    if selected.tier_counter is not None:
        billed_before = before.get(selected.tier_counter, ZERO)
        if billed:
            counted = (*counted, (selected.tier_counter, billed))
    amount = _price(selected, billed_before, billed, steps)
    steps.append(rule.rounding_step)
    return _rated(selected, billed, free, amount, steps, counted)


def _incremented(
    increments: Increments | None, units: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the units in whole increments."""
    if increments is None:
        return units
    billable = billable_units(increments, used_units=units)
    steps.append(("increments", increments.notation, to_text(units), to_text(billable)))
    return billable


def _allow(
    allowance: Allowance,
    increments: Increments | None,
    units: Decimal,
    taken_before: Decimal,
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal]:
    """Return what is free and what is billed."""
    if allowance.takes_increments:
        units = _incremented(increments, units, steps)
    free = free_units(allowance, taken_before_units=taken_before, units=units)
    steps.append(
        (
            "allowance",
            allowance.allowance_id,
            to_text(allowance.units),
            to_text(taken_before),
            to_text(free),
        )
    )
    rest = EXACT.subtract(units, free)
    if allowance.takes_increments:
        return free, rest
    return free, _incremented(increments, rest, steps) if rest else ZERO


def _price(
    selected: Selected, billed_before: Decimal, billed: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the rounded amount for the billed units."""
    price, rounding = selected.price, selected.rule.rounding
    if not billed:
        return selected.rule.zero
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
        if selected.tier_counter is None:
            return per_unit.charge(price, billed_units=billed, rounding=rounding)
        steps.append(("month_before", to_text(billed_before)))
        return per_unit.charge_as_it_grows(
            price, billed_before_units=billed_before, billed_units=billed, rounding=rounding
        )
    if isinstance(price, FlatPrice):
        steps.append(("flat", to_text(price.amount)))
        return flat.charge(price, billed_units=billed, rounding=rounding)
    amount, tiers = graduated.charge(
        price, used_before_units=billed_before, used_units=billed, rounding=rounding
    )
    steps.append(("month_before", to_text(billed_before)))
    per_units = to_text(price.per_units)
    for tier, from_units, units in tiers:
        end = "" if tier.upto_units is None else to_text(tier.upto_units)
        steps.append(
            ("tier", to_text(from_units), end, to_text(units), to_text(tier.amount), per_units)
        )
    return amount


def _rated(
    selected: Selected,
    billed: Decimal,
    free: Decimal,
    amount: Decimal,
    steps: list[ExplanationStep],
    counted: tuple[tuple[str, Decimal], ...],
) -> RatedUsage:
    offer = selected.offer
    return RatedUsage(
        used=selected.used,
        billed=billed,
        free=free,
        unit=offer.unit,
        amount=amount,
        currency=offer.currency,
        price_id=selected.rule.price_id,
        product=offer.product,
        product_type=offer.product_type,
        tax_code=offer.tax_code,
        explanation=tuple(steps),
        counted=counted,
    )
