"""The first step of rating: which price, of which version, row and band, an event has."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.catalogue.compiled import (
    BandedCall,
    ByEvent,
    CardPrice,
    CardsPrice,
    Catalogue,
    Entry,
    MatrixPrice,
    Offer,
    Price,
    Rule,
)
from rating.conditions.choose import Steps, choose_entry, with_chosen_discounts
from rating.conditions.names import Holder
from rating.counting import NO_COUNTING, Counter, CounterKind, Counting
from rating.days_of_month import day_of_month, days_of_month
from rating.local_time import local_time
from rating.looking_up import (
    band_step,
    deciding_band,
    of_card,
    of_cards,
    of_matrix,
    unknown_destination,
)
from rating.price.aggregate import Aggregation
from rating.price.bands import BandChoice, BandedPrice
from rating.price.time_weighted import Month
from rating.roll_over import NO_EARLIER, EarlierMonths
from rating.sampled import sample_at
from rating.scheduling import call_in_bands
from schemas.decimals import ZERO
from schemas.ids import digest_of
from schemas.ledger import ExplanationStep
from schemas.period import month_of, month_start_of
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

_ONE = Decimal(1)


class Selected(msgspec.Struct, frozen=True, gc=False):
    """The price of an event, and what it must know of the month of the event."""

    offer: Offer
    rule: Rule
    price: Price
    used: Decimal
    explanation: tuple[ExplanationStep, ...]
    subscription_id: str
    counting: Counting
    started_at_ms: int
    earlier: EarlierMonths = NO_EARLIER  # none: nothing rolls over into its month
    month: Month | None = None  # that of the event, where it is asked for how much of it is left
    day: int = 0  # of that month, where each is counted
    days: int = 0  # that the month has

    @property
    def unit(self) -> str:
        """Return the unit that the product is measured in."""
        return self.offer.unit

    @property
    def counters(self) -> tuple[str, ...]:
        """Return the names of the counters to fetch; none for most."""
        return counter_names(self.counting, subscription_id=self.subscription_id, unit=self.unit)


class Filtered(msgspec.Struct, frozen=True):
    """An event that the product says is not to be rated; it is counted, and there is no charge."""

    detail: str


def counter_names(counting: Counting, *, subscription_id: str, unit: str) -> tuple[str, ...]:
    """Return the names of the counters of a price for a subscription, in their order."""
    return tuple([each.name(subscription_id=subscription_id, unit=unit) for each in counting])


def select(
    catalogue: Catalogue,
    event: UsageEvent,
    plan_code: str,
    account_currency: str,
    holder: Holder | None = None,
) -> Selected | Filtered | Refused:
    """Return the price in force for an event at its own time, or why there is none. ``holder``: as
    for `select_price`."""
    offer = find_offer(catalogue, event.product, plan_code, account_currency)
    return offer if isinstance(offer, Refused) else select_price(offer, event, plan_code, holder)


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
            f"that has it, or correct the subscription; {STAYS}",
        )
    if plan.currency != account_currency:
        return Refused(
            RefusalReason.CURRENCY_MISMATCH,
            f"plan {plan_code} is in {plan.currency}, the account in {account_currency}. "
            f"Operator action: move the subscription to a plan in its currency; {STAYS}",
        )
    offer = plan.offers.get(product)
    if offer is None:
        return Refused(
            RefusalReason.UNKNOWN_PRODUCT,
            f"plan {plan_code} has no price for {product}. Operator action: publish a "
            f"catalogue where it has one, or correct the mapping; {STAYS}",
        )
    return offer


def select_price(
    offer: Offer, event: UsageEvent, plan_code: str, holder: Holder | None = None
) -> Selected | Filtered | Refused:
    """Return the price of an offer for an event, or why there is none.

    ``holder``: whose usage it is at the time of the event, for prices with conditions; None:
    account and subscription have no attributes but their ids.
    """
    used = _ONE if offer.counts_records else event.quantities.get(offer.unit)
    if used is None:
        measured = ", ".join(sorted(event.quantities)) or "nothing"
        return Refused(
            RefusalReason.MISSING_QUANTITY,
            f"{event.product} is priced per {offer.unit}, the event measures {measured}. Operator "
            f"action: correct the product's unit or the mapping; {STAYS}",
        )
    if used < ZERO and not offer.mirrors:
        return Refused(
            RefusalReason.BELOW_ZERO,
            f"the event measures less than nothing of {event.product}. Operator action: correct the "
            f"mapping, or give the product below_zero: mirror; {STAYS}",
        )
    if not used and offer.filters_zero:
        return Filtered(f"{event.product}: no usage")
    steps: Steps = ()
    if offer.has_conditions:
        holder = holder or Holder(event.account_id, event.subscription_id)
        # What an event below zero takes back has the price that the usage had.
        chosen = choose_entry(offer, event, used.copy_abs(), holder, plan_code)
        if isinstance(chosen, Refused):
            return chosen
        entry, steps = chosen
    else:
        entry = entry_for(offer, event.destination)
    if entry is None:
        return unknown_destination(f"plan {plan_code} has no price", event.destination)
    rule = entry.always
    if rule is None:
        selected = _selected_by_time(offer, entry, event, used, steps)
        if isinstance(selected, Refused):
            return selected
        if holder is not None and selected.rule.discounts_when is not None:
            selected = _with_discounts(selected, event, holder)
        if selected.rule.sampling is not None:
            return _counting_sample(selected, event)
        sums = selected.rule.aggregation is Aggregation.SUM
        return selected if sums else _aggregated(selected, event)
    price = rule.model
    assert not isinstance(price, ByEvent)
    counting = rule.counting if used or _counts_zero(offer, rule) else NO_COUNTING
    selected = Selected(
        *(offer, rule, price, used, (rule.price_step, *steps), event.subscription_id, counting),
        event.started_at_ms,
    )
    return selected if rule.aggregation is Aggregation.SUM else _aggregated(selected, event)


def _aggregated(selected: Selected, event: UsageEvent) -> Selected | Refused:
    """Return the selection with what the event says of its month's units."""
    aggregation = selected.rule.aggregation
    if aggregation is Aggregation.UNIQUE:
        return _counting_values(selected, event)
    if aggregation is Aggregation.TIME_WEIGHTED:
        month = Month(*month_of(event.started_at_ms, zone=event.zone))
        return msgspec.structs.replace(selected, month=month)
    if aggregation is Aggregation.DAILY and selected.counting:
        month_ms = month_start_of(event.started_at_ms, zone=event.zone)
        starts_ms = days_of_month(month_ms, zone=event.zone)
        day, days = day_of_month(starts_ms, event.started_at_ms), len(starts_ms)
        counting = selected.rule.counting_of_days[days]
        return msgspec.structs.replace(selected, day=day, days=days, counting=counting)
    return selected


def _with_discounts(selected: Selected, event: UsageEvent, holder: Holder) -> Selected:
    rule, steps = with_chosen_discounts(selected.rule, event, selected.used.copy_abs(), holder)
    explanation = (*selected.explanation, *steps)
    return msgspec.structs.replace(selected, rule=rule, explanation=explanation)


def _counts_zero(offer: Offer, rule: Rule) -> bool:
    """Return whether an event without usage is priced, or is a reading like any other."""
    return offer.prices_zero or rule.aggregation is Aggregation.LATEST


def _counting_values(selected: Selected, event: UsageEvent) -> Selected | Refused:
    """Return the selection with the counter of its attribute's value among those of its price."""
    rule = selected.rule
    value = event.attributes.get(rule.unique_by)
    if not value:
        return Refused(
            RefusalReason.MISSING_ATTRIBUTE,
            f"{rule.price_id} counts each {rule.unique_by} once, the event has none. Operator "
            f"action: correct the price or the mapping; {STAYS}",
        )
    if not selected.counting:
        return selected
    # A digest: values may be long, or a subscriber's.
    digest = digest_of(b"seen", value.encode()).hex()
    place = rule.tier_place + 1
    seen = Counter(CounterKind.SEEN, f"{rule.price_id}/{digest}")
    counting = (*selected.counting[:place], seen, *selected.counting[place:])
    return msgspec.structs.replace(selected, counting=counting)


def _counting_sample(selected: Selected, event: UsageEvent) -> Selected | Refused:
    """Return the selection with the counter of its sample in the place of those of its month."""
    found = sample_at(selected.rule, event)
    if isinstance(found, Refused):
        return found
    explanation = (*selected.explanation, found.step)
    return msgspec.structs.replace(selected, counting=found.counting, explanation=explanation)


def entry_for(offer: Offer, destination: str | None) -> Entry | None:
    """Return the first price whose condition holds."""
    for entry in offer.entries:
        if not entry.destinations or (destination and destination.startswith(entry.destinations)):
            return entry
    return None


def _selected_by_time(
    offer: Offer, entry: Entry, event: UsageEvent, used: Decimal, conditions: Steps
) -> Selected | Refused:
    """Return the price of the version in force, of the row and of the band; ``conditions`` are the
    steps that say why the event has the price."""
    day, minute = local_time(event.started_at_ms, zone=event.zone)
    rule = entry.rule_on(day)
    if rule is None:
        return Refused(
            RefusalReason.NO_TARIFF_IN_FORCE,
            f"no version of {entry.price_id} is in force at the time of the event, or no rate of "
            f"exchange for it. Operator action: publish the one that was; {STAYS}",
        )
    model = rule.model
    price: Price
    counting = rule.counting
    lead = (rule.price_step, *conditions)
    steps: Steps
    if isinstance(model, CardPrice):
        found = of_card(model, event, used, day, minute)
        if isinstance(found, Refused):
            return found
        price, named = found
        steps = (*lead, *named)
    elif isinstance(model, BandedPrice):
        band, at_ms = deciding_band(model.bands, model.choice, event, day, minute)
        price = model.prices[band]
        steps = (*lead, band_step(model.choice, band, at_ms, event.zone))
        counting = rule.counting_of_band[band]
    elif isinstance(model, BandedCall):
        if model.choice is BandChoice.SPLIT:
            price = call_in_bands(
                *(model.bands, model.rates, model.connect_fees[model.bands.at(day, minute)]),
                event=event,
                used_units=used.copy_abs(),
                in_one_band=model.in_one_band,
            )
            steps = lead
        else:
            band, at_ms = deciding_band(model.bands, model.choice, event, day, minute)
            price = model.by_one_band[model.bands.at(day, minute), band]
            steps = (*lead, band_step(model.choice, band, at_ms, event.zone))
    elif isinstance(model, CardsPrice | MatrixPrice):
        if isinstance(model, CardsPrice):
            found = of_cards(model, event, used, day, minute)
        else:
            found = of_matrix(model, event, used, day, minute)
        if isinstance(found, Refused):
            return found
        price, named = found
        steps = (*lead, *named)
    else:
        price = model
        steps = lead
    if not used and not _counts_zero(offer, rule):
        counting = NO_COUNTING
    return Selected(
        *(offer, rule, price, used, steps, event.subscription_id, counting),
        event.started_at_ms,
    )
