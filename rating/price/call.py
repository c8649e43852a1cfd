"""Call price: what a unit costs depends on how far into the record it lies, and on the hour.

The first minute at one rate and each half minute after it at another, peak and off-peak within one
call: a schedule says which rate holds from which unit on. Every started increment is charged whole
at the rate of its beginning; the part of it that reaches into the next stretch is charged once.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

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


_Line = tuple[Decimal | None, Decimal, Decimal, ExplanationStep, ExplanationStep]
"""A stretch as a record is charged by it: the unit that it ends at, its increment, what one costs
times `CallPrice.divide_by`, and its step up to and behind the number of increments."""


class CallPrice(msgspec.Struct, frozen=True, dict=True):
    """The rates of one record in rising order, the first from zero."""

    schedule: tuple[Stretch, ...]
    connect_fee: Decimal = ZERO

    def __post_init__(self) -> None:
        assert self.schedule, "at least one stretch"
        assert not self.schedule[0].from_units, "the first is from zero"

    @cached_property
    def divide_by(self) -> Decimal:
        """Return the least number that costs are whole by: costs times this need no division."""
        return common_multiple({_ONE, *(each.rate.increment_cost[1] for each in self.schedule)})

    @cached_property
    def fee_cost(self) -> Decimal:
        """Return the connect fee, times `divide_by`."""
        return EXACT.multiply(self.connect_fee, self.divide_by)

    @cached_property
    def fee_steps(self) -> tuple[ExplanationStep, ...]:
        """Return the step of the connect fee, if there is one."""
        return (("connect_fee", to_text(self.connect_fee)),) if self.connect_fee else ()

    @cached_property
    def lines(self) -> tuple[_Line, ...]:
        """Return the stretches as records are charged by them, written once and not for each."""
        ends = (*(each.from_units for each in self.schedule[1:]), None)
        return tuple(map(self._line, self.schedule, ends))

    def _line(self, stretch: Stretch, end_units: Decimal | None) -> _Line:
        rate = stretch.rate
        undivided, by = rate.increment_cost
        cost = EXACT.multiply(undivided, EXACT.divide(self.divide_by, by))
        lead = ("stretch", stretch.name, to_text(stretch.from_units))
        return end_units, rate.increment_units, cost, lead, rate.texts


def price_in_band(stretches: tuple[Stretch, ...], band: str, connect_fee: Decimal) -> CallPrice:
    """Return the price of a record that lies in a band as a whole."""
    named = [Stretch(max(ZERO, each.from_units), each.rate, band) for each in stretches]
    return CallPrice(tuple(named), connect_fee)


class Charged(NamedTuple):
    """What a record comes to by its rates."""

    billed_units: Decimal  # in whole increments; zero where there were no units
    cost: Decimal  # with the connect fee, times the price's `divide_by`; exact
    steps: tuple[ExplanationStep, ...]  # which part of the record had which rate


def charged(price: CallPrice, *, used_units: Decimal, from_units: Decimal = ZERO) -> Charged:
    """Return what a record comes to. Its units before ``from_units`` were free: what is billed goes
    on where they end."""
    assert used_units >= from_units >= ZERO
    billed_units = None
    cost, at_units = price.fee_cost, from_units
    steps: list[ExplanationStep] = []
    for end_units, step_units, increment_cost, lead, behind in price.lines:
        end = used_units if end_units is None or used_units < end_units else end_units
        if end <= at_units:
            continue
        increments = started(EXACT.subtract(end, at_units), step_units)
        units = EXACT.multiply(increments, step_units)
        at_units = EXACT.add(at_units, units)
        billed_units = units if billed_units is None else EXACT.add(billed_units, units)
        cost = EXACT.add(cost, EXACT.multiply(increment_cost, increments))
        steps.append((*lead, to_text(increments), *behind))
    if price.fee_steps:
        steps += price.fee_steps
    return Charged(ZERO if billed_units is None else billed_units, cost, tuple(steps))
