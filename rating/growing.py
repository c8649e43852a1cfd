"""The amount of an event where the month is priced: what the event adds to the month's amount.

Not the amount of what it adds to the cost: only so do the charges of a month add up to its amount,
however the usage came in parts, and in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from rating.amount import amount_of
from rating.catalogue.compiled import Rule
from rating.counting import Count, Totals
from rating.month_cost import MonthPrice, month_cost
from rating.price import graduated, package, volume
from rating.price.aggregate import Aggregation, units_added
from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.volume import VolumePrice
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_ONE = Decimal(1)


class Growth(NamedTuple):
    """What an event adds to its month."""

    billed: Decimal
    amount: Decimal  # of the event itself; at least zero
    restated: Decimal  # what earlier charges of the month change by
    counts: tuple[Count, ...]
    earlier: tuple[Decimal, Decimal] = (ZERO, ZERO)  # what those came to, and come to now


def grow(
    selected: Selected,
    price: MonthPrice,
    billed: Decimal,
    free: Decimal,
    before: Sequence[Totals],
    steps: list[ExplanationStep],
) -> Growth:
    """Return what an event of ``billed`` units adds, of which ``free`` came before; ``before`` begins
    with its month's counters."""
    rule = selected.rule
    counts: tuple[Count, ...] = ()
    done = before[0].quantity
    if rule.free_counts:
        done = EXACT.add(done, free)
    if rule.aggregation is not Aggregation.SUM:
        used = billed
        billed, counts = _aggregated(selected, billed, before)
        steps.append(("aggregated", rule.aggregation.value, to_text(used), to_text(done)))
    total = EXACT.add(done, billed)
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
    steps.append(("month_before", to_text(done)))
    added = EXACT.add(billed, free) if rule.free_counts else billed
    counted = (added, None) if added or rule.aggregation is Aggregation.SUM else None
    counts = (counted, *counts)
    if billed < ZERO:
        was, now = _month_amount(rule, price, done), _month_amount(rule, price, total)
        return Growth(ZERO, rule.zero, EXACT.subtract(now, was), counts, (was, now))
    if isinstance(price, GraduatedPrice):
        steps += graduated.explain(price, used_before_units=done, used_units=billed)
    elif isinstance(price, PackagePrice):
        steps += package.explain(price, total_units=total)
    elif isinstance(price, VolumePrice):
        return _volume(rule, price, done, billed, steps, counts)
    amount = _grown(rule, month_cost(price, done)[0], *month_cost(price, total))
    if isinstance(price, PerUnitPrice) and price.connect_fee:
        fee = amount_of(rule.adjusting, rule.rounding, price.connect_fee, _ONE)
        amount = EXACT.add(amount, fee)
    _say_adjusting(rule, steps)
    return Growth(billed, amount, ZERO, counts)


def _aggregated(
    selected: Selected, billed: Decimal, before: Sequence[Totals]
) -> tuple[Decimal, tuple[Count, ...]]:
    """Return the units that an event adds, and what it adds to the counter that says so."""
    aggregation, done = selected.rule.aggregation, before[0].quantity
    counts: tuple[Count, ...] = ()
    is_newest = is_new = True
    if aggregation is Aggregation.LATEST:
        started = Decimal(selected.started_at_ms)
        # The later of two that began at one instant is the newer one.
        is_newest = not before[1].records or started >= before[1].quantity
        counts = ((EXACT.subtract(started, before[1].quantity), None) if is_newest else None,)
    elif aggregation is Aggregation.UNIQUE:
        is_new = not before[1].records
        counts = ((_ONE, None),)
    added = units_added(aggregation, before=done, billed=billed, is_newest=is_newest, is_new=is_new)
    return added, counts


def _volume(
    rule: Rule,
    price: VolumePrice,
    done: Decimal,
    billed: Decimal,
    steps: list[ExplanationStep],
    counts: tuple[Count, ...],
) -> Growth:
    """Return an event at the price of the tier that the month reached with it, and what that price
    makes of the charges before it."""
    steps += volume.explain(price, total_units=EXACT.add(done, billed))
    costs = volume.costs(price, used_before_units=done, used_units=billed)
    _say_adjusting(rule, steps)
    was, now = (
        amount_of(rule.adjusting, rule.rounding, cost, price.divide_by) if cost else ZERO
        for cost in (costs.charged, costs.restated)
    )
    return Growth(
        billed,
        _grown(rule, costs.restated, costs.after, price.divide_by),
        EXACT.subtract(now, was),
        counts,
        (was, now),
    )


def month_growth(rule: Rule, price: MonthPrice, before: Decimal, after: Decimal) -> Decimal:
    """Return what the month's amount grows by where its units go from ``before`` to ``after``; below
    zero where they fall. A month below zero gives back what as much usage would cost."""
    return EXACT.subtract(_month_amount(rule, price, after), _month_amount(rule, price, before))


def _month_amount(rule: Rule, price: MonthPrice, units: Decimal) -> Decimal:
    if not units:
        return ZERO
    cost = month_cost(price, units.copy_abs())
    amount = amount_of(rule.adjusting, rule.rounding, *cost)
    return amount if units > ZERO else amount.copy_negate()


def _grown(rule: Rule, before: Decimal, after: Decimal, divide_by: Decimal) -> Decimal:
    """Return what the amount of a period grew by."""
    adjusting, rounding = rule.adjusting, rule.rounding
    total = amount_of(adjusting, rounding, after, divide_by)
    if not before:
        return total
    return EXACT.subtract(total, amount_of(adjusting, rounding, before, divide_by))


def _say_adjusting(rule: Rule, steps: list[ExplanationStep]) -> None:
    """Say what is done to the month's cost."""
    adjusting = rule.adjusting
    if adjusting is None:
        return
    for percent in adjusting.discounts:
        steps.append(("month_discount", to_text(percent)))
    commitment = adjusting.commitment
    if commitment is not None:
        steps.append(("commitment", to_text(commitment.amount), to_text(commitment.overage)))
    if adjusting.most is not None:
        steps.append(("month_most", to_text(adjusting.most)))
