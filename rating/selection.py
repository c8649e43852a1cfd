"""The first step of rating: which price, of which version, row and band, an event has."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.catalogue.compiled import (
    NO_COUNTING,
    CardPrice,
    Catalogue,
    Counting,
    Entry,
    Offer,
    Price,
    Rule,
)
from rating.local_time import local_time, minute_name
from rating.price.bands import BandedPrice
from schemas.decimals import ZERO
from schemas.ledger import ExplanationStep
from schemas.refusal import RefusalReason, Refused
from schemas.usage import UsageEvent

_ONE = Decimal(1)
_SHOWN_DIGITS = 4  # of a destination in a refusal: enough to see the country, no whole number


class Selected(msgspec.Struct, frozen=True, gc=False):
    """The price of an event, and what it must know of the month of the event."""

    offer: Offer
    rule: Rule
    price: Price
    used: Decimal
    explanation: tuple[ExplanationStep, ...]
    subscription_id: str
    counting: Counting

    @property
    def unit(self) -> str:
        """Return the unit that the product is measured in."""
        return self.offer.unit

    @property
    def counters(self) -> tuple[str, ...]:
        """Return the names of the counters to fetch, the allowance's first; none for most."""
        return counter_names(self.counting, subscription_id=self.subscription_id, unit=self.unit)

    @property
    def allowance_counter(self) -> str | None:
        """Return the name of the allowance's counter, if the price has an allowance."""
        return self.counters[0] if self.counting[0] is not None else None

    @property
    def tier_counter(self) -> str | None:
        """Return the name of the counter of billed units, if the price grows over the month."""
        return self.counters[-1] if self.counting[1] is not None else None


class Filtered(msgspec.Struct, frozen=True):
    """An event that the product says is not to be rated; it is counted, and there is no charge."""

    detail: str


def counter_names(counting: Counting, *, subscription_id: str, unit: str) -> tuple[str, ...]:
    """Return the names of a subscription's counters for a price, the allowance's first."""
    # With the unit: a catalogue that measures the product in another one must not take the
    # seconds counted so far for minutes.
    kinds = zip(("allowance", "tier"), counting, strict=True)
    return tuple([f"{kind}:{subscription_id}:{of}:{unit}" for kind, of in kinds if of is not None])


def select(
    catalogue: Catalogue, event: UsageEvent, plan_code: str, account_currency: str
) -> Selected | Filtered | Refused:
    """Return the price in force for an event at its own time, or why there is none."""
    offer = find_offer(catalogue, event.product, plan_code, account_currency)
    return offer if isinstance(offer, Refused) else select_price(offer, event, plan_code)


def find_offer(
    catalogue: Catalogue, product: str, plan_code: str, account_currency: str
) -> Offer | Refused:
    """Return what a plan has for a product, or why it has nothing. The answer is the same for all
    events of a subscription and a product under one version, so a caller may keep it."""
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
    offer = plan.offers.get(product)
    if offer is None:
        return Refused(
            RefusalReason.UNKNOWN_PRODUCT,
            f"plan {plan_code} has no price for {product}. Operator action: publish a "
            "catalogue where it has one, or correct the mapping; then recycle.",
        )
    return offer


def select_price(offer: Offer, event: UsageEvent, plan_code: str) -> Selected | Filtered | Refused:
    """Return the price of an offer for an event, or why there is none."""
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
    rule = entry.always
    if rule is None:
        return _selected_by_time(offer, entry, event, used)
    price = rule.model
    assert not isinstance(price, BandedPrice | CardPrice)
    counting = rule.counting if used else NO_COUNTING
    return Selected(offer, rule, price, used, (rule.price_step,), event.subscription_id, counting)


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


def _selected_by_time(
    offer: Offer, entry: Entry, event: UsageEvent, used: Decimal
) -> Selected | Refused:
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
    counting = rule.counting
    steps: tuple[ExplanationStep, ...]
    if isinstance(model, CardPrice):
        bands, card = model.bands, model.card
        band = None if bands is None else bands.at(minute)
        row = card.find(event.destination or "", day=day, band=band)
        if row is None:
            return _unknown_destination(f"rate card {card.code}", event.destination)
        price = row.price
        prefix = ("prefix", row.prefix, row.destination, card.code)
        if band is None:
            steps = (rule.price_step, prefix)
        else:
            steps = (rule.price_step, prefix, ("band", band, minute_name(minute)))
    elif isinstance(model, BandedPrice):
        band = model.bands.at(minute)
        price = model.prices[band]
        steps = (rule.price_step, ("band", band, minute_name(minute)))
        counting = rule.counting_of_band[band]
    else:
        price = model
        steps = (rule.price_step,)
    if not used:
        counting = NO_COUNTING
    return Selected(offer, rule, price, used, steps, event.subscription_id, counting)
