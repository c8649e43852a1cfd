"""The amount of an event at a daily price: what a change of a level adds to the month, or takes from it.

Each day of the month costs its share of what its level would cost for all of the month. A change is of its
local day as a whole. Tiers and packages are of the level of a day, which is a whole one and no average; only
amounts are shares. What is due once, the fees of tiers, is that of the highest level of a day, and no share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, groupby

import msgspec

from rating.amount import amount_of
from rating.catalogue.compiled import Rule
from rating.counting import Count, Totals
from rating.growing import Growth, say_adjusting
from rating.month_cost import MonthPrice, month_cost
from rating.price.graduated import GraduatedPrice
from rating.price.volume import VolumePrice
from rating.rounding import RoundingRule, growth, rounded
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_SHOWN = RoundingRule()
"""Of what is for the eye, and for `Priced.billed`: the average level. No amount is computed from it."""


def grow_daily(
    selected: Selected,
    price: MonthPrice,
    change: Decimal,
    before: Sequence[Totals],
    steps: list[ExplanationStep],
) -> Growth:
    """Return what an event adds that changes the level by ``change`` units; ``before`` begins with what
    its month came to, and the changes of each of its days.

    Where the month comes to less by it, or the level falls, the event itself is charged nothing, and what
    was charged before is restated.
    """
    rule, day, days = selected.rule, selected.day, selected.days
    assert 1 <= day <= days, "found when the price was selected"
    charged = before[0].amount
    changes = [each.quantity for each in before[1 : 1 + days]]
    was = levels(changes)
    changes[day - 1] = EXACT.add(changes[day - 1], change)
    now = levels(changes)
    steps.append(("day_change", to_text(change), str(day), str(days)))
    steps += explain(price, now)
    say_adjusting(rule, steps)
    after = _amount(rule, price, now)
    amount, restated = EXACT.subtract(after, _amount(rule, price, was)), ZERO
    if change <= ZERO or amount <= ZERO:
        amount, restated = rule.zero, EXACT.subtract(after, charged)
    comes_to = EXACT.add(EXACT.add(charged, restated), amount)
    steps.append(("came_to", to_text(charged), to_text(comes_to)))
    total_before, total = sum_of(was), sum_of(now)
    counts: list[Count] = [None] * (1 + days)
    counts[0] = (EXACT.subtract(total, total_before), EXACT.add(amount, restated))
    counts[day] = (change, None)
    billed = growth(_SHOWN, before=total_before, after=total, divide_by=Decimal(days))
    earlier = (charged, EXACT.add(charged, restated))
    return Growth(billed, amount, restated, tuple(counts), earlier)


def levels(changes: Sequence[Decimal]) -> list[Decimal]:
    """Return the level of each day, from the changes of each; below zero there is none."""
    return [max(level, ZERO) for level in accumulate(changes, EXACT.add)]


def sum_of(of_days: Sequence[Decimal]) -> Decimal:
    """Return the unit-days of a month."""
    total = ZERO
    for level in of_days:
        total = EXACT.add(total, level)
    return total


def undivided_cost(price: MonthPrice, of_days: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Return the exact cost of a month with these levels: a dividend, and what it is to be divided
    by."""
    days = Decimal(len(of_days))
    dividend = EXACT.multiply(_due_once(price, max(of_days)), days)
    for level in of_days:
        dividend = EXACT.add(dividend, _day_cost(price, level)[0])
    return dividend, EXACT.multiply(month_cost(price, ZERO)[1], days)


def _day_cost(price: MonthPrice, level: Decimal) -> tuple[Decimal, Decimal]:
    """Return in the same form what a level costs for all of a month, without what is due once."""
    return month_cost(_without_fees(price), level)


def _due_once(price: MonthPrice, highest: Decimal) -> Decimal:
    """Return the fees of a month whose highest level this is, undivided as its costs are."""
    return EXACT.subtract(month_cost(price, highest)[0], _day_cost(price, highest)[0])


@lru_cache(maxsize=1024)
def _without_fees(price: MonthPrice) -> MonthPrice:
    if isinstance(price, GraduatedPrice | VolumePrice):
        tiers = tuple(msgspec.structs.replace(tier, flat=ZERO) for tier in price.tiers)
        return type(price)(tiers, price.per_units)
    return price


def _amount(rule: Rule, price: MonthPrice, of_days: Sequence[Decimal]) -> Decimal:
    """Return what a month with these levels comes to; nothing where nothing was there."""
    if not any(of_days):
        return ZERO
    return amount_of(rule.adjusting, rule.rounding, *undivided_cost(price, of_days))


def explain(price: MonthPrice, of_days: Sequence[Decimal]) -> Iterator[ExplanationStep]:
    """Yield the steps that say which level each day has, what that costs for a month, and what is due
    once."""
    first = 1
    for level, alike in groupby(of_days):
        last = first + len(list(alike)) - 1
        if level:
            cost, divide_by = _day_cost(price, level)
            shares = EXACT.multiply(cost, Decimal(last - first + 1))
            whole = EXACT.multiply(divide_by, Decimal(len(of_days)))
            shown = to_text(rounded(_SHOWN, shares, divide_by=whole))
            yield (
                "days",
                str(first),
                str(last),
                to_text(level),
                to_text(shares),
                to_text(whole),
                shown,
            )
        first = last + 1
    highest = max(of_days)
    fees = _due_once(price, highest)
    if fees:
        shown = to_text(rounded(_SHOWN, fees, divide_by=month_cost(price, ZERO)[1]))
        yield ("highest_day", to_text(highest), shown)
