"""Allowance: units, or money, that a period has free."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from rating.conditions.condition import Condition
from rating.counting import CounterPeriod
from rating.price.bands import Bands
from schemas.decimals import EXACT, ZERO

MOST_MONTHS = 12
"""Into which a month may leave what it did not use."""


class TakenFirst(StrEnum):
    """Which of the months that have something left is taken first."""

    OLDEST_FIRST = "oldest_first"  # what expires first
    CURRENT_FIRST = "current_first"  # that of the usage, then what expires first


class RollOver(msgspec.Struct, frozen=True, gc=False):
    """What a month leaves to later ones."""

    months: int  # that may use it, after its own
    upto: Decimal  # of it, by all of them together
    order: TakenFirst = TakenFirst.OLDEST_FIRST
    since: str = ""  # the first month that leaves anything, as 2026-10; empty: each does

    def __post_init__(self) -> None:
        assert 1 <= self.months <= MOST_MONTHS
        assert self.upto > 0


class OnlyFor(msgspec.Struct, frozen=True, gc=False):
    """The usage that an allowance is for, by when it began and what it is."""

    from_day: int  # local days since 1 January 1970
    to_day: int  # exclusive
    bands: Bands | None = None  # None: whatever the hour
    only_in: tuple[str, ...] = ()  # of these bands
    when: Condition | None = None  # None: always


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What is free per subscription, or per account, and period; prices that name it share it."""

    allowance_id: str  # "<plan>/<allowance>": part of the counter's name, so never renamed
    size: Decimal  # units, or money
    takes_increments: bool = False  # False: what was used; True: usage in whole increments
    step: Decimal | None = None  # what it gives is a whole number of these; None: any part
    period: CounterPeriod = CounterPeriod.MONTH
    shared: bool = False  # by all subscriptions of the account
    rolls_over: RollOver | None = None  # None: what is left is lost
    times: str = (
        ""  # what the size is for one of; see `rating.fitting`. Empty: the size is the size
    )
    only_for: OnlyFor | None = None  # None: for all usage under the prices that name it
    gives: bool = True  # False: the usage at hand is none that it is for

    def __post_init__(self) -> None:
        assert self.size >= 0
        assert not self.times or (self.size and self.rolls_over is None)
        assert self.step is None or self.step > 0
        assert self.rolls_over is None or self.period is CounterPeriod.MONTH

    @property
    def is_fitted(self) -> bool:
        """Return whether it depends on the usage whether it gives something, or how much it has."""
        return bool(self.times) or self.only_for is not None

    @property
    def counted(self) -> int:
        """Return how many counters it has: its own, and two of each earlier month that it takes of."""
        return 1 if self.rolls_over is None else 1 + 2 * self.rolls_over.months


class Taken(NamedTuple):
    """What an allowance gives: what is free, and what it costs the allowance."""

    free: Decimal
    taken: Decimal  # more than is free where a started step was used in part


def take(allowance: Allowance, *, taken_before: Decimal, wanted: Decimal) -> Taken:
    """Return what of ``wanted`` is free, after what the period took before."""
    assert taken_before >= ZERO
    return take_of(allowance, left=EXACT.subtract(allowance.size, taken_before), wanted=wanted)


def take_of(allowance: Allowance, *, left: Decimal, wanted: Decimal) -> Taken:
    """Return what of ``wanted`` is free where so much of it is left; below zero is nothing."""
    assert allowance.gives, "nobody asks one that the usage does not have"
    assert not allowance.is_fitted, "what the usage has is known before anything is taken"
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
