"""Graduated price: each unit is priced by the tier it falls in."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import msgspec

from rating.price.increments import Increments
from rating.rounding import RoundingRule, growth
from schemas.decimals import EXACT, ZERO, to_text


class Tier(msgspec.Struct, frozen=True, gc=False):
    """A band of cumulative usage in one period, from where the tier before it ends."""

    upto_units: Decimal | None  # exclusive; None: the last tier, open-ended
    amount: Decimal  # major units of the plan's currency, for the `per_units` of the price


class GraduatedPrice(msgspec.Struct, frozen=True, dict=True):
    """Tiers in rising order, the first from zero; the counting restarts each period."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None  # None: exact units are billed

    def __post_init__(self) -> None:
        assert self.per_units > 0
        assert self.tiers, "at least one tier"
        assert self.tiers[-1].upto_units is None, "the last tier is open-ended"
        ends_units = [tier.upto_units for tier in self.tiers if tier.upto_units is not None]
        assert len(ends_units) == len(self.tiers) - 1, "only the last tier is open-ended"
        assert all(low < high for low, high in pairwise([ZERO, *ends_units])), "rising"
        assert all(tier.amount >= 0 for tier in self.tiers)

    @cached_property
    def bounds(self) -> tuple[Bounds, ...]:
        """Return the tiers with where they begin and what all before them costs."""
        found = []
        start, cost = ZERO, ZERO
        for tier in self.tiers:
            end = tier.upto_units
            end_text = "" if end is None else to_text(end)
            found.append(Bounds(tier, start, cost, to_text(start), end_text, to_text(tier.amount)))
            if end is not None:
                cost = EXACT.add(cost, EXACT.multiply(EXACT.subtract(end, start), tier.amount))
                start = end
        return tuple(found)

    @cached_property
    def per_units_text(self) -> str:
        """Return `per_units` as text."""
        return to_text(self.per_units)


class Bounds(NamedTuple):
    """A tier, where it begins, and what usage up to there costs, times ``per_units``."""

    tier: Tier
    from_units: Decimal
    undivided_cost: Decimal
    from_text: str
    upto_text: str  # empty for the last tier
    amount_text: str


class TierUse(NamedTuple):
    """What of a stretch of usage falls into one tier."""

    bounds: Bounds
    units: Decimal


def undivided_cost(price: GraduatedPrice, units: Decimal) -> Decimal:
    """Return the cost of the first ``units`` of a period, times ``per_units``; exact."""
    assert units >= ZERO
    bounds = price.bounds[0]
    for following in price.bounds[1:]:
        if units <= following.from_units:
            break
        bounds = following
    within = EXACT.multiply(EXACT.subtract(units, bounds.from_units), bounds.tier.amount)
    return EXACT.add(bounds.undivided_cost, within)


def tiers_used(
    price: GraduatedPrice, *, used_before_units: Decimal, used_units: Decimal
) -> list[TierUse]:
    """Return the tiers that ``used_units`` fall into, after ``used_before_units``, in order."""
    assert used_before_units >= ZERO
    assert used_units >= ZERO
    found = []
    left, at_units = used_units, used_before_units
    for bounds in price.bounds:
        end = bounds.tier.upto_units
        if end is None or at_units < end:
            room = left if end is None else EXACT.subtract(end, at_units)
            part = left if left <= room else room
            if part:
                found.append(TierUse(bounds, part))
                left, at_units = EXACT.subtract(left, part), EXACT.add(at_units, part)
            if not left:
                break
    return found


class Charged(NamedTuple):
    """The charge for a stretch of usage, and the tiers that it falls in."""

    amount: Decimal
    tiers: list[TierUse]


def charge(
    price: GraduatedPrice,
    *,
    used_before_units: Decimal,
    used_units: Decimal,
    rounding: RoundingRule,
) -> Charged:
    """Return the charge for ``used_units``, after ``used_before_units`` in this period.

    Splitting usage never changes the total: charging a, then b, equals charging a + b.
    """
    tiers = tiers_used(price, used_before_units=used_before_units, used_units=used_units)
    before = after = undivided_cost(price, used_before_units)
    for bounds, units in tiers:
        after = EXACT.add(after, EXACT.multiply(units, bounds.tier.amount))
    return Charged(growth(rounding, before=before, after=after, divide_by=price.per_units), tiers)
