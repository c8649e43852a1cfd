"""The second step of rating: what an event costs at the price that was selected.

The order of the steps and the reason for it are in rating/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating import amount as amounts
from rating.amount import amount_of
from rating.catalogue.compiled import Rule
from rating.counting import Count, CounterPeriod, Totals
from rating.price import call, graduated, package, per_unit, volume
from rating.price.allowance import Allowance, take
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.increments import Increments, billable_units
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.units import rounded_units
from rating.price.volume import VolumePrice
from rating.rounding import rounded
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_NO_USAGE = ("no_usage",)
_ONE = Decimal(1)


class Priced(msgspec.Struct, frozen=True, gc=False):
    """What the price comes to, in the product's unit and the plan's currency."""

    billed: Decimal  # after allowances and increments
    free: Decimal  # what was used and is not billed
    amount: Decimal  # rounded as the price says
    explanation: tuple[ExplanationStep, ...]
    counts: tuple[Count, ...] = ()  # what the event adds to each counter that was asked for
    restated: Decimal = ZERO  # what earlier charges of the period were too low, or too high


class NoCount(NamedTuple):
    """A counter that was never counted."""

    records: int = 0
    quantity: Decimal = ZERO
    amount: Decimal = ZERO


class RatedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The charge for one event. ``used``, ``billed`` and ``free`` are in the product's unit."""

    used: Decimal  # as measured
    billed: Decimal  # after allowances and increments
    free: Decimal  # what was used and is not billed
    unit: str
    amount: Decimal  # rounded as the price says
    restated: Decimal  # what earlier charges of the period change by
    currency: str
    price_id: str
    product: str
    product_type: str
    tax_code: str | None
    explanation: tuple[ExplanationStep, ...]
    counted: tuple[tuple[str, Decimal, Decimal | None], ...]  # counter, quantity, amount to add


def charge(selected: Selected, before: Mapping[str, Totals]) -> RatedUsage:
    """Return the charge for the event, given its counters in their periods so far.

    A counter that is not in ``before`` was never counted.
    """
    names = selected.counters
    priced = charge_after(selected, [before.get(name) or NoCount() for name in names])
    offer = selected.offer
    return RatedUsage(
        used=selected.used,
        billed=priced.billed,
        free=priced.free,
        unit=offer.unit,
        amount=priced.amount,
        restated=priced.restated,
        currency=offer.currency,
        price_id=selected.rule.price_id,
        product=offer.product,
        product_type=offer.product_type,
        tax_code=offer.tax_code,
        explanation=priced.explanation,
        counted=tuple(
            (name, *count)
            for name, count in zip(names, priced.counts, strict=True)
            if count is not None
        ),
    )


def charge_after(selected: Selected, before: Sequence[Totals]) -> Priced:
    """Return what the price of the event comes to, after what its counters counted ``before``: one
    for each of `Selected.counting`, in that order."""
    rule, units = selected.rule, selected.used
    steps = [*selected.explanation]
    if not units and not selected.offer.prices_zero:
        return Priced(ZERO, ZERO, rule.zero, (*steps, _NO_USAGE))
    if rule.round_units is not None:
        measured, units = units, rounded_units(rule.round_units, used_units=units)
        rounding = rule.round_units
        steps.append(
            (
                *("units", to_text(measured), to_text(units)),
                *(rounding.rule.value, to_text(rounding.to_units)),
            )
        )
    price = selected.price
    increments = None if isinstance(price, FlatPrice | CallPrice) else price.increments
    counts: list[Count] = []
    if rule.allowances or rule.free is not None:
        free, billed = _not_free(rule, increments, units, before, counts, steps)
    else:
        free, billed = ZERO, _incremented(increments, units, steps)
    # An event without usage that is priced all the same has its fee and its flat price.
    if not billed and selected.used:
        counts += [None] * (len(before) - len(counts))
        if rule.counts_records:
            counts[-1] = (units, None)
        steps.append(rule.rounding_step)
        return Priced(billed, free, rule.zero, tuple(steps), tuple(counts))
    at = len(counts)
    billed, amount, restated = _price(rule, price, billed, before[at:], steps)
    if rule.grows:
        counts.append((billed, None))
    steps.append(rule.rounding_step)
    if len(counts) < len(before):
        amount = _after_price(rule, units, amount, before, counts, steps)
    return Priced(billed, free, amount, tuple(steps), tuple(counts), restated)


def _incremented(
    increments: Increments | None, units: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the units in whole increments."""
    if increments is None:
        return units
    billable = billable_units(increments, used_units=units)
    steps.append(("increments", increments.notation, to_text(units), to_text(billable)))
    return billable


def _not_free(
    rule: Rule,
    increments: Increments | None,
    units: Decimal,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal]:
    """Return what is free and what is billed; note what each allowance gave."""
    rest, free = units, ZERO
    in_phase = True
    if rule.free is not None:
        if rule.free.records:
            done = before[-1].records if rule.counts_records else 0
            in_phase = done < rule.free.records
            if in_phase and not rule.allowances:
                steps.append(("free_records", str(rule.free.records), str(done)))
                return units, ZERO
        if rule.free.units:
            free = min(rest, rule.free.units)
            rest = EXACT.subtract(rest, free)
            steps.append(("free_units", to_text(rule.free.units), to_text(free)))
    as_increments = bool(rule.allowances) and rule.allowances[0].takes_increments
    if as_increments:
        rest = _incremented(increments, rest, steps)
    for place, allowance in enumerate(rule.allowances):
        if not in_phase or not rest:
            counts.append(None)
            continue
        taken_before = before[place].quantity
        given = take(allowance, taken_before=taken_before, wanted=rest)
        step = ("allowance", allowance.allowance_id, to_text(allowance.size))
        steps.append((*step, to_text(taken_before), to_text(given.free), *_daily(allowance)))
        counts.append((given.taken, None) if given.taken else None)
        free = EXACT.add(free, given.free)
        rest = EXACT.subtract(rest, given.free)
    if rule.free is not None and rest and rest < rule.free.minimum_units:
        steps.append(("minimum_units", to_text(rest), to_text(rule.free.minimum_units)))
        rest = rule.free.minimum_units
    if as_increments:
        return free, rest
    return free, _incremented(increments, rest, steps) if rest else ZERO


def _daily(allowance: Allowance) -> tuple[str, ...]:
    """Return how often it is given, where that is not once a month."""
    month = allowance.period is CounterPeriod.MONTH
    return () if month else (allowance.period.value,)


def _price(
    rule: Rule,
    price: PerUnitPrice | FlatPrice | GraduatedPrice | VolumePrice | PackagePrice | CallPrice,
    billed: Decimal,
    before: Sequence[Totals],
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal, Decimal]:
    """Return the billed units, the rounded amount for them, and what it restates of the period.

    ``before`` begins with the counter of units billed, where the price grows.
    """
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
        per_units = price.per_units
        if not rule.grows:
            cost = per_unit.undivided_cost(price, billed)
            return billed, _settled(rule, cost, per_units, steps), ZERO
        done = before[0].quantity
        steps.append(("month_before", to_text(done)))
        total = EXACT.add(done, billed)
        grown = _grown(
            rule,
            per_unit.undivided_cost_as_it_grows(price, done),
            per_unit.undivided_cost_as_it_grows(price, total),
            per_units,
        )
        if price.connect_fee:
            fee = amount_of(rule.adjusting, rule.rounding, price.connect_fee, _ONE)
            grown = EXACT.add(grown, fee)
        return billed, grown, ZERO
    if isinstance(price, FlatPrice):
        steps.append(("flat", to_text(price.amount)))
        return billed, _settled(rule, price.amount, _ONE, steps), ZERO
    if isinstance(price, CallPrice):
        parts = call.parts_of(price, used_units=billed)
        steps += call.explain(price, parts)
        cost, divide_by = call.cost(price, parts)
        for part in parts[:1]:
            billed = part.billed_units
        for part in parts[1:]:
            billed = EXACT.add(billed, part.billed_units)
        return billed, _settled(rule, cost, divide_by, steps), ZERO
    done = before[0].quantity
    total = EXACT.add(done, billed)
    steps.append(("month_before", to_text(done)))
    if isinstance(price, GraduatedPrice):
        steps += graduated.explain(price, used_before_units=done, used_units=billed)
        cost_before = graduated.undivided_cost(price, done)
        cost_after = graduated.undivided_cost(price, total)
        return billed, _grown(rule, cost_before, cost_after, price.divide_by), ZERO
    if isinstance(price, PackagePrice):
        steps += package.explain(price, total_units=total)
        cost_before = package.undivided_cost(price, done)
        cost_after = package.undivided_cost(price, total)
        return billed, _grown(rule, cost_before, cost_after, price.divide_by), ZERO
    steps += volume.explain(price, total_units=total)
    costs = volume.costs(price, used_before_units=done, used_units=billed)
    return (
        billed,
        _grown(rule, costs.restated, costs.after, price.divide_by),
        _grown(rule, costs.charged, costs.restated, price.divide_by),
    )


def _settled(
    rule: Rule, cost: Decimal, divide_by: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the amount that an event's cost comes to."""
    adjusting = rule.adjusting
    if adjusting is None:
        return rounded(rule.rounding, cost, divide_by=divide_by)
    steps += amounts.explain(adjusting, rule.rounding, cost, divide_by)
    return amount_of(adjusting, rule.rounding, cost, divide_by)


def _grown(rule: Rule, before: Decimal, after: Decimal, divide_by: Decimal) -> Decimal:
    """Return what the amount of a period grew by: not the amount of what its cost grew by, for only
    so do the charges of a period add up to its amount, however the usage came in parts."""
    adjusting, rounding = rule.adjusting, rule.rounding
    total = amount_of(adjusting, rounding, after, divide_by)
    if not before:
        return total
    return EXACT.subtract(total, amount_of(adjusting, rounding, before, divide_by))


def _after_price(
    rule: Rule,
    units: Decimal,
    amount: Decimal,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
) -> Decimal:
    """Return what is left of the amount below the caps, and after what credits pay of it."""
    for cap in rule.caps:
        charged = before[len(counts)].amount
        left = max(EXACT.subtract(cap.most, charged), ZERO)
        if amount > left:
            steps.append(("cap", cap.period.value, to_text(cap.most), to_text(charged)))
            amount = left
        counts.append((ZERO, amount))
    for credit in rule.credits:
        given = take(credit, taken_before=before[len(counts)].quantity, wanted=amount)
        step = ("credit", credit.allowance_id, to_text(credit.size))
        taken_before = to_text(before[len(counts)].quantity)
        steps.append((*step, taken_before, to_text(given.free), *_daily(credit)))
        counts.append((given.taken, None) if given.taken else None)
        amount = EXACT.subtract(amount, given.free)
    if rule.counts_records:
        counts.append((units, None))
    return amount
