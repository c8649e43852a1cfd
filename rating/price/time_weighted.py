"""Time-weighted price: the average of a level over the month, by how long each amount of it was held.

Events are changes of the level. One that adds units holds them from its own instant to the end of the
month, one that takes some away holds so many less; so what they come to together does not depend on
the order in which they arrive. Each month begins at zero.

The average is a quotient, and is never computed for a price: unit-seconds are counted, and the price
is one of unit-seconds of so long a month.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec

from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.tier import Tier
from rating.price.units import RoundUnits
from rating.price.volume import VolumePrice
from schemas.decimals import EXACT

LevelPrice = PerUnitPrice | GraduatedPrice | VolumePrice | PackagePrice

_MS_PLACES = -3


class Month(msgspec.Struct, frozen=True, gc=False):
    """[start, end) of the month that an event lies in, in UTC milliseconds."""

    start_ms: int
    end_ms: int

    @property
    def seconds(self) -> Decimal:
        """Return how long the month is: an hour more or less where the clocks change."""
        return _seconds(self.end_ms - self.start_ms)


def seconds_left(month: Month, at_ms: int) -> Decimal:
    """Return the seconds from an instant of the month to its end; at most three places."""
    assert month.start_ms <= at_ms < month.end_ms
    return _seconds(month.end_ms - at_ms)


def unit_seconds(month: Month, *, units: Decimal, at_ms: int) -> Decimal:
    """Return what a change of the level by ``units`` adds to the month; exact."""
    return EXACT.multiply(units, seconds_left(month, at_ms))


def _seconds(ms: int) -> Decimal:
    return (
        EXACT.scaleb(Decimal(ms), _MS_PLACES).normalize(EXACT) if ms % 1000 else Decimal(ms // 1000)
    )


# A price meets months of four lengths, and of an hour more or less.
@lru_cache(maxsize=4096)
def of_unit_seconds(price: LevelPrice, seconds: Decimal) -> LevelPrice:
    """Return what unit-seconds of a month of so many seconds cost, where ``price`` is that of the
    average level: the same amounts and fees, for so many times the units."""
    match price:
        case PerUnitPrice():
            return PerUnitPrice(price.amount, EXACT.multiply(price.per_units, seconds))
        case GraduatedPrice():
            tiers = _tiers(price.tiers, seconds)
            return GraduatedPrice(tiers, EXACT.multiply(price.per_units, seconds))
        case VolumePrice():
            tiers = _tiers(price.tiers, seconds)
            return VolumePrice(tiers, EXACT.multiply(price.per_units, seconds))
        case PackagePrice():
            size = EXACT.multiply(price.packages.to_units, seconds)
            return PackagePrice(price.amount, RoundUnits(size, price.packages.rule))


def _tiers(tiers: tuple[Tier, ...], seconds: Decimal) -> tuple[Tier, ...]:
    def longer(units: Decimal | None) -> Decimal | None:
        return None if units is None else EXACT.multiply(units, seconds)

    return tuple(
        msgspec.structs.replace(
            tier, upto_units=longer(tier.upto_units), per_units=longer(tier.per_units)
        )
        for tier in tiers
    )
