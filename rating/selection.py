"""The first step of rating: which price, of which version, row and band, an event has."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.catalogue.compiled import CardPrice, Catalogue, Entry, Offer, Price, Rule
from rating.local_time import local_time, minute_name
from rating.price.bands import BandedPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from schemas.decimals import ZERO
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
        taken = f"allowance:{event.subscription_id}:{allowance.allowance_id}:{offer.unit}"
    # With the unit: a catalogue that measures the product in another one must not take the
    # seconds counted so far for minutes.
    tier = f"tier:{event.subscription_id}:{grows_as}:{offer.unit}" if grows else None
    return Selected(offer, rule, price, used, steps, taken, tier)
