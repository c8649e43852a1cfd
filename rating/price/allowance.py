"""Allowance: units, or money, that a period has free."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.counting import CounterPeriod
from schemas.decimals import EXACT, ZERO


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What is free per subscription, or per account, and period; prices that name it share it."""

    allowance_id: str  # "<plan>/<allowance>": part of the counter's name, so never renamed
    size: Decimal  # units, or money
    takes_increments: bool = False  # False: what was used; True: usage in whole increments
    step: Decimal | None = None  # what it gives is a whole number of these; None: any part
    period: CounterPeriod = CounterPeriod.MONTH
    shared: bool = False  # by all subscriptions of the account

    def __post_init__(self) -> None:
        assert self.size > 0
        assert self.step is None or self.step > 0


class Taken(NamedTuple):
    """What an allowance gives: what is free, and what it costs the allowance."""

    free: Decimal
    taken: Decimal  # more than is free where a started step was used in part


def take(allowance: Allowance, *, taken_before: Decimal, wanted: Decimal) -> Taken:
    """Return what of ``wanted`` is free, after what the period took before."""
    assert taken_before >= ZERO
    left = EXACT.subtract(allowance.size, taken_before)
    # A smaller allowance may come into force inside a period: then nothing is left, not less.
    if left <= ZERO:
        return Taken(ZERO, ZERO)
    step = allowance.step
    if step is None:
        free = wanted if wanted <= left else left
        return Taken(free, free)
    steps_left = EXACT.divide_int(left, step)
    whole, rest = EXACT.divmod(wanted, step)
    steps = min(EXACT.add(whole, Decimal(1)) if rest else whole, steps_left)
    taken = EXACT.multiply(steps, step)
    return Taken(min(wanted, taken), taken)
