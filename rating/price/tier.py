"""Tiers: stretches of a period's usage, each with its own price and perhaps a fee."""

from __future__ import annotations

import math
from collections.abc import Set
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import msgspec

from schemas.decimals import EXACT, ZERO

_ONE = Decimal(1)


class Tier(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A stretch of a period's cumulative usage, from where the tier before it ends."""

    upto_units: Decimal | None  # what is above it is the next tier's; None: the last, open-ended
    amount: Decimal  # major units of the plan's currency, for `per_units`
    flat: Decimal = ZERO  # once, when usage enters the tier
    per_units: Decimal | None = None  # None: those of the price
    whole: bool = False  # every started `per_units` costs the whole amount


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Assert that tiers rise from zero and that the last one, and no other, is open."""
    assert tiers, "at least one tier"
    assert tiers[-1].upto_units is None, "the last tier is open-ended"
    ends_units = [tier.upto_units for tier in tiers if tier.upto_units is not None]
    assert len(ends_units) == len(tiers) - 1, "only the last tier is open-ended"
    assert all(low < high for low, high in pairwise([ZERO, *ends_units])), "rising"
    assert all(tier.amount >= 0 and tier.flat >= 0 for tier in tiers)
    assert all(tier.per_units is None or tier.per_units > 0 for tier in tiers)


def common_units(tiers: tuple[Tier, ...], per_units: Decimal) -> Decimal:
    """Return the least units that are a whole number of each tier's ``per_units``: costs times
    this need no division."""
    return common_multiple(
        {per_units, *(tier.per_units for tier in tiers if tier.per_units is not None)}
    )


def common_multiple(values: Set[Decimal]) -> Decimal:
    """Return the least decimal that is a whole number of each of ``values``, which are above 0."""
    if len(values) == 1:
        return next(iter(values))
    return _common_multiple(frozenset(values))


# A third of what pricing a call takes; a catalogue has few such sets.
@lru_cache(maxsize=4096)
def _common_multiple(values: frozenset[Decimal]) -> Decimal:
    ratios = [Fraction(value) for value in values]
    numerator = math.lcm(*(ratio.numerator for ratio in ratios))
    denominator = math.gcd(*(ratio.denominator for ratio in ratios))
    # A fraction of decimals: its denominator has no prime factors but 2 and 5.
    return EXACT.divide(Decimal(numerator), Decimal(denominator))


class TierPrice(msgspec.Struct, frozen=True, gc=False):
    """A tier's price in the terms of the whole: costs are times the price's `common_units`."""

    tier: Tier
    per_units: Decimal
    unit_cost: Decimal  # of one unit, or of `per_units` where they are whole
    flat_cost: Decimal

    def undivided_cost(self, units: Decimal) -> Decimal:
        """Return what ``units`` cost in the tier, without its fee; exact."""
        if self.tier.whole:
            units = started(units, self.per_units)
        return EXACT.multiply(units, self.unit_cost)


def tier_prices(
    tiers: tuple[Tier, ...], per_units: Decimal, divide_by: Decimal
) -> tuple[TierPrice, ...]:
    """Return the prices of tiers, costs times ``divide_by``."""
    found = []
    for tier in tiers:
        per = per_units if tier.per_units is None else tier.per_units
        times = divide_by if tier.whole else EXACT.divide(divide_by, per)
        flat_cost = EXACT.multiply(tier.flat, divide_by)
        found.append(TierPrice(tier, per, EXACT.multiply(tier.amount, times), flat_cost))
    return tuple(found)


def started(units: Decimal, per_units: Decimal) -> Decimal:
    """Return how many whole or started ``per_units`` there are in ``units``."""
    whole, rest = EXACT.divmod(units, per_units)
    return EXACT.add(whole, _ONE) if rest else whole
