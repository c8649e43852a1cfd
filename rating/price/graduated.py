"""Graduated price: each unit is priced by the tier it falls in."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import msgspec

from rating.price.increments import Increments
from rating.rounding import RoundingRule, growth
from schemas.decimals import EXACT, ZERO


class Tier(msgspec.Struct, frozen=True, gc=False):
    """A band of cumulative usage in one period, from where the tier before it ends."""

    upto_units: Decimal | None  # exclusive; None: the last tier, open-ended
    amount: Decimal  # major units of the plan's currency, for the `per_units` of the price


class GraduatedPrice(msgspec.Struct, frozen=True, gc=False):
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


class TierUse(NamedTuple):
    """What of a stretch of usage falls into one tier."""

    tier: Tier
    from_units: Decimal  # where the tier begins
    units: Decimal


def tiers_used(
    price: GraduatedPrice, *, used_before_units: Decimal, used_units: Decimal
) -> list[TierUse]:
    """Return the tiers that ``used_units`` fall into, after ``used_before_units``, in order."""
    assert used_before_units >= ZERO
    assert used_units >= ZERO
    found = []
    left, at_units, tier_start = used_units, used_before_units, ZERO
    for tier in price.tiers:
        end = tier.upto_units
        if end is None or at_units < end:
            room = left if end is None else EXACT.subtract(end, at_units)
            part = left if left <= room else room
            if part:
                found.append(TierUse(tier, tier_start, part))
                left, at_units = EXACT.subtract(left, part), EXACT.add(at_units, part)
            if not left:
                break
        tier_start = end or ZERO
    return found


def undivided_cost(tiers: list[TierUse]) -> Decimal:
    """Return the cost of usage in these tiers, times ``per_units``; exact."""
    total = ZERO
    for part in tiers:
        total = EXACT.add(total, EXACT.multiply(part.units, part.tier.amount))
    return total


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
    before = undivided_cost(tiers_used(price, used_before_units=ZERO, used_units=used_before_units))
    after = EXACT.add(before, undivided_cost(tiers))
    return Charged(growth(rounding, before=before, after=after, divide_by=price.per_units), tiers)
