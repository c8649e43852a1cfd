"""A discount that is used up: of the first events of a subscription, or of the first ones of each month.

It is the last of the discounts of a price. What is counted are the events that had it, whenever they
were used: who is rated first has it. An event that it makes no cheaper uses nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from rating.counting import Counter, CounterKind, CounterPeriod, Totals
from schemas.decimals import ZERO
from schemas.ledger import ExplanationStep

_DISCOUNT = "discount"


class LimitedDiscount(msgspec.Struct, frozen=True, gc=False):
    """Percent off so many events of a subscription under a price."""

    percent: Decimal
    times: int
    period: CounterPeriod = CounterPeriod.ONCE
    gives: bool = True  # False: its condition does not hold for the usage at hand
    why: tuple[str, ...] = ()  # the condition that holds, and what it asked for

    def __post_init__(self) -> None:
        assert ZERO < self.percent <= 100
        assert self.times > 0

    def counter(self, price_id: str) -> Counter:
        """Return the counter of the events that had it."""
        return Counter(CounterKind.DISCOUNTED, price_id, self.period)

    def is_left(self, counted: Totals) -> bool:
        """Return whether the event at hand has it, after what was counted."""
        return self.gives and counted.records < self.times


def explained(
    discount: LimitedDiscount, counted: Totals, steps: Sequence[ExplanationStep]
) -> tuple[ExplanationStep, ...]:
    """Return the steps of an event from which the discount was taken last, with it by its name, and
    why it was given."""
    place = max(place for place, step in enumerate(steps) if step[0] == _DISCOUNT)
    _, percent, before = steps[place]
    named = (str(discount.times), str(counted.records), discount.period.value)
    why = (("discount_condition", percent, *discount.why),) if discount.why else ()
    taken = ("limited_discount", percent, before, *named)
    return (*steps[:place], *why, taken, *steps[place + 1 :])
