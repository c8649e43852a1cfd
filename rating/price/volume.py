"""Volume price: all units of a period at the price of the tier that their total reached."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import msgspec

from rating.price.increments import Increments
from rating.price.tier import Tier, TierPrice, check_tiers, common_units, tier_prices
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


class VolumePrice(msgspec.Struct, frozen=True, dict=True):
    """Tiers in rising order. Usage up to a tier's end, the end included, is of that tier."""

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
    def prices(self) -> tuple[TierPrice, ...]:
        """Return the tiers' prices."""
        return tier_prices(self.tiers, self.per_units, self.divide_by)


def tier_reached(price: VolumePrice, units: Decimal) -> TierPrice:
    """Return the price of the tier that a total reaches."""
    for found in price.prices:
        end = found.tier.upto_units
        if end is None or units <= end:
            return found
    raise AssertionError("the last tier is open-ended")


def undivided_cost(price: VolumePrice, units: Decimal) -> Decimal:
    """Return the cost of all ``units`` of a period, times `divide_by`; exact."""
    return cost_in(tier_reached(price, units), units)


def cost_in(tier: TierPrice, units: Decimal) -> Decimal:
    """Return what ``units`` cost at the price of one tier, its fee with them; nothing costs none."""
    if not units:
        return ZERO
    return EXACT.add(tier.undivided_cost(units), tier.flat_cost)


class Costs(NamedTuple):
    """What a period's usage cost, times `divide_by`: before an event as it was charged, before it
    at the price that holds now, and after it. The first two differ where the event reached another
    tier: earlier charges are then restated."""

    charged: Decimal
    restated: Decimal
    after: Decimal


def costs(price: VolumePrice, *, used_before_units: Decimal, used_units: Decimal) -> Costs:
    """Return the costs around an event of ``used_units``."""
    total = EXACT.add(used_before_units, used_units)
    reached = tier_reached(price, total)
    return Costs(
        undivided_cost(price, used_before_units),
        cost_in(reached, used_before_units),
        cost_in(reached, total),
    )


def explain(price: VolumePrice, *, total_units: Decimal) -> list[ExplanationStep]:
    """Return the step that says which tier the total reached."""
    return [tier_step(tier_reached(price, total_units), to_text(total_units))]


def tier_step(tier: TierPrice, total: str) -> ExplanationStep:
    """Return the step that says that ``total`` is in a tier, and what it costs there."""
    end = tier.tier.upto_units
    return (
        "volume_started" if tier.tier.whole else "volume",
        total,
        "" if end is None else to_text(end),
        to_text(tier.tier.amount),
        to_text(tier.per_units),
        to_text(tier.tier.flat),
    )
