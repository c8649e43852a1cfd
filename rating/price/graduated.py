"""Graduated price: each unit is priced by the tier it falls in."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import msgspec

from rating.price.increments import Increments
from rating.price.tier import Tier, TierPrice, check_tiers, common_units, tier_prices
from rating.rounding import RoundingRule, growth
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

__all__ = ["GraduatedPrice", "Tier"]


class GraduatedPrice(msgspec.Struct, frozen=True, dict=True):
    """Tiers in rising order, the first from zero; the counting restarts each period."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None  # None: exact units are billed

    def __post_init__(self) -> None:
        assert self.per_units > 0
        check_tiers(self.tiers)

    @cached_property
    def divide_by(self) -> Decimal:
        """Return what costs are times of."""
        return common_units(self.tiers, self.per_units)

    @cached_property
    def bounds(self) -> tuple[Bounds, ...]:
        """Return the tiers with where they begin and what all before them costs."""
        found = []
        start, cost = ZERO, ZERO
        for price in tier_prices(self.tiers, self.per_units, self.divide_by):
            tier = price.tier
            end = tier.upto_units
            end_text = "" if end is None else to_text(end)
            found.append(
                Bounds(
                    *(price, tier, start, cost),
                    *(to_text(start), end_text, to_text(tier.amount), to_text(price.per_units)),
                )
            )
            if end is not None:
                within = price.undivided_cost(EXACT.subtract(end, start))
                cost = EXACT.add(EXACT.add(cost, price.flat_cost), within)
                start = end
        return tuple(found)


class Bounds(NamedTuple):
    """A tier, where it begins, and what usage up to there costs, times `divide_by`."""

    price: TierPrice
    tier: Tier
    from_units: Decimal
    undivided_cost: Decimal
    from_text: str
    upto_text: str  # empty for the last tier
    amount_text: str
    per_units_text: str


class TierUse(NamedTuple):
    """What of a stretch of usage falls into one tier."""

    bounds: Bounds
    units: Decimal
    enters: bool  # it is the first usage there: the tier's fee is due


def undivided_cost(price: GraduatedPrice, units: Decimal) -> Decimal:
    """Return the cost of the first ``units`` of a period, times `divide_by`; exact."""
    assert units >= ZERO
    if not units:
        return ZERO
    bounds = price.bounds[0]
    for following in price.bounds[1:]:
        if units <= following.from_units:
            break
        bounds = following
    within = bounds.price.undivided_cost(EXACT.subtract(units, bounds.from_units))
    return EXACT.add(EXACT.add(bounds.undivided_cost, bounds.price.flat_cost), within)


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
                found.append(TierUse(bounds, part, at_units == bounds.from_units))
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
    before = undivided_cost(price, used_before_units)
    after = undivided_cost(price, EXACT.add(used_before_units, used_units))
    return Charged(growth(rounding, before=before, after=after, divide_by=price.divide_by), tiers)


def explain(
    price: GraduatedPrice, *, used_before_units: Decimal, used_units: Decimal
) -> list[ExplanationStep]:
    """Return the steps that say which units fell into which tier."""
    steps: list[ExplanationStep] = []
    for bounds, units, enters in tiers_used(
        price, used_before_units=used_before_units, used_units=used_units
    ):
        code = "tier_started" if bounds.tier.whole else "tier"
        where = (bounds.from_text, bounds.upto_text)
        steps.append((code, *where, to_text(units), bounds.amount_text, bounds.per_units_text))
        if enters and bounds.tier.flat:
            steps.append(("tier_fee", *where, to_text(bounds.tier.flat)))
    return steps
