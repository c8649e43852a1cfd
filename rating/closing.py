"""What a price still asks for when its month is closed: a least amount, a fee without usage."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rating.amount import amount_of
from rating.catalogue.compiled import ByEvent, Closing, Rule
from rating.counting import Totals
from rating.month_cost import first_fee
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.rounding import rounded
from rating.usage_discount import UsageDiscount, discounted
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class Closed(NamedTuple):
    """What is charged at the close of a month."""

    amount: Decimal  # below zero where a discount by usage is more than what it was when charged
    comes_to: Decimal  # what the month comes to with it
    by_usage: Decimal  # of the amount: what charges change by, for usage of another product
    percent: Decimal  # that is off by it
    explanation: tuple[ExplanationStep, ...]


def close_month(
    rule: Rule,
    *,
    charged: Decimal,
    units: Decimal,
    days: int,
    days_of_month: int,
    used: Totals | None = None,
    listed: Totals | None = None,
) -> Closed | None:
    """Return what is missing of a price's month, or None.

    ``charged``: what its events came to; ``units``: what its tiers counted; ``days``: those of the
    month on which the subscription had the price; ``used`` and ``listed``: the counters of its
    discount by usage, where it has one.
    """
    closing = rule.closing
    if not days:
        return None
    assert 0 < days <= days_of_month
    steps: list[ExplanationStep] = [rule.price_step]
    change, percent = ZERO, ZERO
    if rule.usage_discount is not None:
        assert used is not None, "the other product's usage"
        assert listed is not None, "what the price came to without the discount"
        change, percent = _by_usage(rule.usage_discount, used, listed, steps)
    due = comes_to = EXACT.add(charged, change)
    if closing is not None:
        due = _due(rule, closing, comes_to, units, days, days_of_month, steps)
    missing = EXACT.subtract(due, charged)
    if not missing:
        return None
    return Closed(missing, due, change, percent, (*steps, rule.rounding_step))


def _due(
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
) -> tuple[Decimal, Decimal]:
    """Return what the charges of the month change by, since usage of the other product reached
    another discount after the last of them; and what is off."""
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
        steps.append(("usage_discount", to_text(found.percent), *reached, to_text(listed.amount)))
        steps.append(("restated", *map(to_text, found.earlier)))
    return found.restated, found.percent
