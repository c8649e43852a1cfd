"""What a price still asks for when its month is closed: a least amount, a fee without usage."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from rating.amount import amount_of
from rating.catalogue.compiled import ByEvent, Closing, Rule
from rating.counting import Counter, CounterKind, CounterPeriod, Totals
from rating.month_cost import first_fee
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.rounding import rounded
from rating.usage_discount import Discounted, UsageDiscount, discounted
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class Change(NamedTuple):
    """What a close adds to one counter of a price: no record."""

    kind: CounterKind
    quantity: Decimal
    amount: Decimal


class Closed(NamedTuple):
    """What is charged at the close of a month."""

    amount: Decimal  # below zero where a discount by usage is more than what it was when charged
    comes_to: Decimal  # what the month comes to with it
    explanation: tuple[ExplanationStep, ...]
    changes: tuple[Change, ...]
    billed: Decimal = ZERO  # units, where it is the close that bills them
    again: int = (
        0  # a month that was priced before is priced anew, by so many records of its samples
    )


_LOOKED_AT = (
    *(CounterKind.TIER, CounterKind.HELD, CounterKind.CAP, CounterKind.CLOSED),
    *(CounterKind.PRODUCT, CounterKind.LISTED, CounterKind.SAMPLED),
)


def looked_at(rule: Rule) -> tuple[Counter, ...]:
    """Return the counters that the close of a month looks at, or changes."""
    return tuple(
        counter
        for counter in rule.counting
        if counter.kind in _LOOKED_AT and counter.period is CounterPeriod.MONTH
    )


def close_month(
    rule: Rule, counted: Mapping[CounterKind, Totals], *, days: int, days_of_month: int
) -> Closed | None:
    """Return what is missing of a price's month, or None. Where nothing is, but late usage might take
    the month below what it is closed at, that is nothing to pay: it is remembered.

    ``counted``: the counters that `looked_at` names, in the month; ``days``: those of it on which
    the subscription had the price.
    """
    if not days or not rule.asks_at_close:
        return None
    assert 0 < days <= days_of_month
    steps: list[ExplanationStep] = [rule.price_step]
    changes: list[Change] = []
    charged = counted[CounterKind.CAP].amount
    due = charged
    if rule.restating_discount is not None:
        used, listed = counted[CounterKind.PRODUCT], counted[CounterKind.LISTED]
        found = _by_usage(rule.restating_discount, used, listed, steps)
        percent = EXACT.subtract(found.percent, listed.quantity)
        if percent:
            changes.append(Change(CounterKind.LISTED, percent, ZERO))
            changes.append(Change(CounterKind.CAP, ZERO, found.restated))
        due = EXACT.add(due, found.restated)
    if rule.closing is not None:
        units = _units(counted)
        due = due_at_close(rule, rule.closing, due, units, days, days_of_month, steps)
    missing = EXACT.subtract(due, charged)
    if not missing:
        if not (due and rule.keeps_closed):
            return None
        steps.append(("closed_at", to_text(due)))
    if rule.counts_closed:
        more = EXACT.subtract(due, counted[CounterKind.CLOSED].amount)
        changes.append(Change(CounterKind.CLOSED, ZERO, more))
    return Closed(missing, due, (*steps, rule.rounding_step), tuple(changes))


def _units(counted: Mapping[CounterKind, Totals]) -> Decimal:
    """Return the units of a month, or the unit-seconds; zero of a price that counts none."""
    held = counted.get(CounterKind.HELD)
    if held is not None:  # a level below zero is none
        return max(held.quantity, ZERO)
    tier = counted.get(CounterKind.TIER)
    return ZERO if tier is None else tier.quantity


def due_at_close(
    rule: Rule,
    closing: Closing,
    comes_to: Decimal,
    units: Decimal,
    days: int,
    days_of_month: int,
    steps: list[ExplanationStep],
) -> Decimal:
    """Return what a month comes to with what its price asks for whatever was used."""
    due = comes_to
    # Also where all that was used was free, or given back; not where another version charged for it.
    if closing.first_fee and not units and not comes_to:
        model = rule.model
        assert not isinstance(model, ByEvent | FlatPrice | CallPrice)
        fee = amount_of(rule.adjusting, rule.rounding, *first_fee(model))
        due = EXACT.add(due, fee)
        steps.append(("first_fee", to_text(fee)))
    if closing.least is not None:
        share = days if closing.by_days else days_of_month
        least = rounded(
            rule.rounding,
            EXACT.multiply(closing.least, Decimal(share)),
            divide_by=Decimal(days_of_month),
        )
        if least > due:
            steps.append(("month_least", to_text(least), to_text(due)))
            due = least
    return due


def _by_usage(
    discount: UsageDiscount, used: Totals, listed: Totals, steps: list[ExplanationStep]
) -> Discounted:
    """Return what the charges of the month change by, since usage of the other product reached
    another discount after the last of them."""
    found = discounted(
        discount,
        used_units=used.quantity,
        listed=listed.amount,
        percent_before=listed.quantity,
        amount=ZERO,
        restated=ZERO,
    )
    if found.restated:
        reached = (discount.product, to_text(used.quantity), discount.unit)
        steps.append(("usage_reached", to_text(found.percent), *reached))
        steps.append(("restated", *map(to_text, found.earlier)))
    return found
