"""Call price: what a unit costs depends on how far into the record it lies, and on the hour.

The first minute at one rate and each half minute after it at another, peak and off-peak within one
call: a schedule says which rate holds from which unit on. Every started increment is charged whole
at the rate of its beginning; the part of it that reaches into the next stretch is charged once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property

import msgspec

from rating.price.tier import common_multiple, started
from rating.rounding import RoundingRule, rounded
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_ONE = Decimal(1)


class Rate(msgspec.Struct, frozen=True, dict=True):
    """What a unit costs in a stretch of a record, and in which increments it is charged."""

    amount: Decimal  # major units of the plan's currency, for `per_units`
    per_units: Decimal
    increment_units: Decimal
    increment_rounding: RoundingRule | None = None  # of the cost of one increment; None: exact

    def __post_init__(self) -> None:
        assert self.amount >= 0
        assert self.per_units > 0
        assert self.increment_units > 0

    @cached_property
    def increment_cost(self) -> tuple[Decimal, Decimal]:
        """Return what one increment costs, times what, and that: a quotient."""
        undivided = EXACT.multiply(self.amount, self.increment_units)
        if self.increment_rounding is None:
            return undivided, self.per_units
        return rounded(self.increment_rounding, undivided, divide_by=self.per_units), _ONE

    @cached_property
    def texts(self) -> tuple[str, str, str]:
        """Return its increment, its amount and the units that are for, as the explanation has them."""
        return to_text(self.increment_units), to_text(self.amount), to_text(self.per_units)


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """From which unit of a record on a rate holds; ``name`` is the band's, if hours decide."""

    from_units: Decimal
    rate: Rate
    name: str = ""


class CallPrice(msgspec.Struct, frozen=True, gc=False):
    """The rates of one record in rising order, the first from zero."""

    schedule: tuple[Stretch, ...]
    connect_fee: Decimal = ZERO

    def __post_init__(self) -> None:
        assert self.schedule, "at least one stretch"
        assert not self.schedule[0].from_units, "the first is from zero"


def price_in_band(stretches: tuple[Stretch, ...], band: str, connect_fee: Decimal) -> CallPrice:
    """Return the price of a record that lies in a band as a whole."""
    named = [Stretch(max(ZERO, each.from_units), each.rate, band) for each in stretches]
    return CallPrice(tuple(named), connect_fee)


class Part(msgspec.Struct, frozen=True, gc=False):
    """What was charged at one rate."""

    stretch: Stretch
    increments: Decimal
    billed_units: Decimal  # in whole increments


def parts_of(price: CallPrice, *, used_units: Decimal, from_units: Decimal = ZERO) -> list[Part]:
    """Return what of a record is charged at which rate, in order. Its units before ``from_units``
    were free: what is billed goes on where they end."""
    assert used_units >= from_units >= ZERO
    parts = []
    at_units = from_units
    schedule = price.schedule
    for place, stretch in enumerate(schedule):
        last = place + 1 == len(schedule)
        end = used_units if last else min(used_units, schedule[place + 1].from_units)
        if end <= at_units:
            continue
        step = stretch.rate.increment_units
        increments = started(EXACT.subtract(end, at_units), step)
        billed_units = EXACT.multiply(increments, step)
        parts.append(Part(stretch, increments, billed_units))
        at_units = EXACT.add(at_units, billed_units)
    return parts


def cost(price: CallPrice, parts: Sequence[Part]) -> tuple[Decimal, Decimal]:
    """Return what the parts of a record cost with its connect fee, as an exact quotient: a
    dividend, and what it is to be divided by."""
    costs = [(part.increments, *part.stretch.rate.increment_cost) for part in parts]
    divide_by = common_multiple({_ONE, *(by for _, _, by in costs)})
    dividend = EXACT.multiply(price.connect_fee, divide_by)
    for increments, undivided, by in costs:
        times = EXACT.multiply(increments, EXACT.divide(divide_by, by))
        dividend = EXACT.add(dividend, EXACT.multiply(undivided, times))
    return dividend, divide_by


def explain(price: CallPrice, parts: Sequence[Part]) -> list[ExplanationStep]:
    """Return the steps that say which part of the record had which rate."""
    steps: list[ExplanationStep] = []
    for part in parts:
        stretch = part.stretch
        at, increments = to_text(stretch.from_units), to_text(part.increments)
        steps.append(("stretch", stretch.name, at, increments, *stretch.rate.texts))
    if price.connect_fee:
        steps.append(("connect_fee", to_text(price.connect_fee)))
    return steps
