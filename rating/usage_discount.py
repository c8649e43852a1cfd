"""Discount by the usage of another product: five films of a month make its calls cheaper.

It is one of the month. The charges of a price in a month add up to what they would be without it, less the
percentage that the other product's usage has reached by then; so each time that it reaches more, what
was charged before is restated. One that is given `from_then` restates nothing: it is off the charges of
usage that is rated once so much was used.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.counting import Counter, CounterKind, Counting
from rating.rounding import RoundingRule, rounded
from schemas.decimals import EXACT, ZERO

_HUNDRED = Decimal(100)


class Reached(msgspec.Struct, frozen=True, gc=False):
    """What is off from some usage on."""

    from_units: Decimal  # of the other product, by the account, in the month; itself included
    percent: Decimal


class UsageDiscount(msgspec.Struct, frozen=True, gc=False):
    """What is off by the usage of a product."""

    product: str
    unit: str  # that the product is measured in
    reached: tuple[Reached, ...]  # rising
    rounding: RoundingRule  # of what the month comes to, or the event
    from_then: bool = False

    def __post_init__(self) -> None:
        assert self.reached
        assert all(ZERO < each.percent <= _HUNDRED for each in self.reached)

    def counters(self, price_id: str, currency: str) -> Counting:
        """Return what it looks at: the other product's usage; and where it is off all of the month, what
        the price came to so far without it, with the percentage that was off."""
        of_other = f"{self.product}:{self.unit}"
        used = Counter(CounterKind.PRODUCT, of_other, currency=currency)
        if self.from_then:
            return (used,)
        return used, Counter(CounterKind.LISTED, price_id, currency=currency)


def percent_off(discount: UsageDiscount, used_units: Decimal) -> Decimal:
    """Return the percentage that usage has reached; 0 below the first."""
    percent = ZERO
    for each in discount.reached:
        if used_units < each.from_units:
            break
        percent = each.percent
    return percent


def left(discount: UsageDiscount, listed: Decimal, percent: Decimal) -> Decimal:
    """Return what is charged of ``listed``, which a month came to; rounded."""
    if not percent:
        return listed
    rest = EXACT.multiply(listed, EXACT.subtract(_HUNDRED, percent))
    return rounded(discount.rounding, rest, divide_by=_HUNDRED)


class Discounted(NamedTuple):
    """An event after the discount."""

    amount: Decimal
    restated: Decimal  # what earlier charges change by
    earlier: tuple[Decimal, Decimal]  # what they came to, and come to now
    percent: Decimal


def discounted(
    discount: UsageDiscount,
    *,
    used_units: Decimal,
    listed: Decimal,
    percent_before: Decimal,
    amount: Decimal,
    restated: Decimal,
) -> Discounted:
    """Return an event of ``amount`` that changes earlier charges by ``restated``, after the discount.

    ``used_units``: of the other product; ``listed``: what the month came to before, without it.
    """
    percent = percent_off(discount, used_units)
    now_listed = EXACT.add(listed, restated)
    was = left(discount, listed, percent_before)
    now = left(discount, now_listed, percent)
    after = left(discount, EXACT.add(now_listed, amount), percent)
    return Discounted(EXACT.subtract(after, now), EXACT.subtract(now, was), (was, now), percent)
