"""The amount of an event where the month is priced: what the event adds to the month's amount.

Not the amount of what it adds to the cost: only so do the charges of a month add up to its amount,
however the usage came in parts, and in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

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


class Growth(msgspec.Struct, frozen=True, gc=False):
    """What an event adds to its month."""

    billed: Decimal
    amount: Decimal  # of the event itself; at least zero
    restated: Decimal  # what earlier charges of the month change by
    counts: tuple[Count, ...] = ()
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
    others: tuple[Count, ...] = ()
    done = before[0].quantity
    if rule.free_counts:
        done = EXACT.add(done, free)
    if rule.aggregation is not Aggregation.SUM:
        used = billed
        billed, others = _aggregated(selected, billed, before)
        steps.append(("aggregated", rule.aggregation.value, to_text(used), to_text(done)))
    if isinstance(price, PerUnitPrice):
        steps += price.explanation
    steps.append(("month_before", to_text(done)))
    uncounted = uncounted_amount(rule, price, before[0])
    charged = EXACT.add(before[0].amount, uncounted)
    found = _growth(rule, price, done, billed, charged, steps)
    added = EXACT.add(billed, free) if rule.free_counts else billed
    # Of every price, for a catalogue may make one of it that restates: what the units came to is not
    # what the price in force by then makes of them.
    charged = EXACT.add(EXACT.add(found.amount, found.restated), uncounted)
    counted = added or charged or rule.aggregation is Aggregation.SUM
    counts = ((added, charged) if counted else None, *others)
    return Growth(found.billed, found.amount, found.restated, counts, found.earlier)


def uncounted_amount(rule: Rule, price: MonthPrice, before: Totals) -> Decimal:
    """Return what the month was charged for units that were counted without their money, as older
    builds did: what the price makes of them."""
    if before.amount or not before.quantity:
        return ZERO
    return _month_amount(rule, price, before.quantity)


def whole_month(
    rule: Rule, price: MonthPrice, units: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return what all of a month comes to at its ``units``; rounded."""
    if isinstance(price, PerUnitPrice):
        steps.append(
            ("month_rate", to_text(units), to_text(price.amount), to_text(price.per_units))
        )
    return _growth(rule, price, ZERO, units, ZERO, steps).amount


def _growth(
    rule: Rule,
    price: MonthPrice,
    done: Decimal,
    billed: Decimal,
    charged: Decimal,
    steps: list[ExplanationStep],
) -> Growth:
    """Return what ``billed`` units add to a month of ``done`` units, for which ``charged`` was
    charged."""
    total = EXACT.add(done, billed)
    if rule.aggregation is Aggregation.LATEST and billed < ZERO:
        now = _month_amount(rule, price, total)
        return Growth(ZERO, rule.zero, EXACT.subtract(now, charged), (), (charged, now))
    if done < ZERO or total < ZERO:  # more was given back than was used
        return Growth(billed, month_growth(rule, price, done, total), ZERO)
    if isinstance(price, GraduatedPrice):
        steps += graduated.explain(price, used_before_units=done, used_units=billed)
    elif isinstance(price, PackagePrice):
        steps += package.explain(price, total_units=total)
    elif isinstance(price, VolumePrice):
        return _volume(rule, price, done, billed, charged, steps)
    amount = _grown(rule, month_cost(price, done)[0], *month_cost(price, total))
    if isinstance(price, PerUnitPrice) and price.connect_fee:
        fee = amount_of(rule.adjusting, rule.rounding, price.connect_fee, _ONE)
        amount = EXACT.add(amount, fee)
    say_adjusting(rule, steps)
    return Growth(billed, amount, ZERO)


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
    charged: Decimal,
    steps: list[ExplanationStep],
) -> Growth:
    """Return an event at the price of the tier that the month reached with it, and what that price
    makes of the charges before it."""
    steps += volume.explain(price, total_units=EXACT.add(done, billed))
    costs = volume.costs(price, used_before_units=done, used_units=billed)
    say_adjusting(rule, steps)
    amount = _grown(rule, costs.restated, costs.after, price.divide_by)
    if costs.restated == costs.charged:
        return Growth(billed, amount, ZERO)
    now = amount_of(rule.adjusting, rule.rounding, costs.restated, price.divide_by)
    return Growth(billed, amount, EXACT.subtract(now, charged), (), (charged, now))


def month_growth(rule: Rule, price: MonthPrice, before: Decimal, after: Decimal) -> Decimal:
    """Return what the month's amount grows by where its units go from ``before`` to ``after``; below
    zero where they fall. A month below zero gives back what as much usage would cost."""
    return EXACT.subtract(_month_amount(rule, price, after), _month_amount(rule, price, before))


def _month_amount(rule: Rule, price: MonthPrice, units: Decimal) -> Decimal:
    if not units:
        return ZERO
    cost = month_cost(price, units.copy_abs())
    amount = amount_of(rule.adjusting, rule.rounding, *cost)
    return amount if units > ZERO or not amount else amount.copy_negate()


def _grown(rule: Rule, before: Decimal, after: Decimal, divide_by: Decimal) -> Decimal:
    """Return what the amount of a period grew by."""
    adjusting, rounding = rule.adjusting, rule.rounding
    total = amount_of(adjusting, rounding, after, divide_by)
    if not before:
        return total
    return EXACT.subtract(total, amount_of(adjusting, rounding, before, divide_by))


def say_adjusting(rule: Rule, steps: list[ExplanationStep]) -> None:
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
