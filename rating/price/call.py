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


class Rate(msgspec.Struct, frozen=True, gc=False):
    """What a unit costs in a stretch of a record, and in which increments it is charged."""

    amount: Decimal  # major units of the plan's currency, for `per_units`
    per_units: Decimal
    increment_units: Decimal
    increment_rounding: RoundingRule | None = None  # of the cost of one increment; None: exact

    def __post_init__(self) -> None:
        assert self.amount >= 0
        assert self.per_units > 0
        assert self.increment_units > 0

    def increment_cost(self) -> tuple[Decimal, Decimal]:
        """Return what one increment costs, times what, and that: a quotient."""
        undivided = EXACT.multiply(self.amount, self.increment_units)
        if self.increment_rounding is None:
            return undivided, self.per_units
        return rounded(self.increment_rounding, undivided, divide_by=self.per_units), _ONE


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """From which unit of a record on a rate holds; ``name`` is the band's, if hours decide."""

    from_units: Decimal
    rate: Rate
    name: str = ""


class WorkedOut(NamedTuple):
    """What of a call's rates is the same for all records."""

    divide_by: Decimal  # the least number that costs are whole by: costs are times this
    fee_cost: Decimal  # of the connect fee
    fee_steps: tuple[ExplanationStep, ...]  # its step, if there is a fee
    # Of each stretch: the unit that it ends at, its increment, what one costs, and its step up to
    # and behind the number of increments.
    lines: tuple[tuple[Decimal | None, Decimal, Decimal, ExplanationStep, ExplanationStep], ...]


class CallPrice(msgspec.Struct, frozen=True, dict=True):
    """The rates of one record in rising order, the first from zero."""

    schedule: tuple[Stretch, ...]
    connect_fee: Decimal = ZERO

    def __post_init__(self) -> None:
        assert self.schedule, "at least one stretch"
        assert not self.schedule[0].from_units, "the first is from zero"

    @property
    def divide_by(self) -> Decimal:
        """Return what the cost of a record is times of."""
        return self.worked_out.divide_by

    @cached_property
    def worked_out(self) -> WorkedOut:
        """Return its rates as records are charged by them."""
        schedule, fee = self.schedule, self.connect_fee
        costs = [each.rate.increment_cost() for each in schedule]
        divide_by = common_multiple({_ONE, *[by for _, by in costs]})
        lines = []
        for place, (stretch, (undivided, by)) in enumerate(zip(schedule, costs, strict=True), 1):
            rate = stretch.rate
            end = schedule[place].from_units if place < len(schedule) else None
            cost = EXACT.multiply(undivided, EXACT.divide(divide_by, by))
            lead = ("stretch", stretch.name, to_text(stretch.from_units))
            step = rate.increment_units
            behind = (to_text(step), to_text(rate.amount), to_text(rate.per_units))
            lines.append((end, step, cost, lead, behind))
        fee_steps = (("connect_fee", to_text(fee)),) if fee else ()
        return WorkedOut(divide_by, EXACT.multiply(fee, divide_by), fee_steps, tuple(lines))


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
    _, cost, fee_steps, lines = price.worked_out
    at_units = from_units
    steps: list[ExplanationStep] = []
    for end_units, step_units, increment_cost, lead, behind in lines:
        end = used_units if end_units is None or used_units < end_units else end_units
        if end <= at_units:
            continue
        increments = started(EXACT.subtract(end, at_units), step_units)
        units = EXACT.multiply(increments, step_units)
        at_units = EXACT.add(at_units, units)
        billed_units = units if billed_units is None else EXACT.add(billed_units, units)
        cost = EXACT.add(cost, EXACT.multiply(increment_cost, increments))
        steps.append((*lead, to_text(increments), *behind))
    if fee_steps:
        steps += fee_steps
    return Charged(ZERO if billed_units is None else billed_units, cost, tuple(steps))
