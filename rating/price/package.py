"""Package price: a period's usage is charged by whole packages."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.price.increments import Increments
from rating.price.units import RoundUnits, rounded_units
from schemas.decimals import EXACT, to_text
from schemas.ledger import ExplanationStep


class PackagePrice(msgspec.Struct, frozen=True, gc=False):
    """A price for each package of units, counted over the period: the parts that events leave open
    fill up before another package is begun."""

    amount: Decimal  # major units of the plan's currency, for a package
    packages: RoundUnits  # the size of one, and what becomes of a part of one
    increments: Increments | None = None  # None: exact units are counted

    def __post_init__(self) -> None:
        assert self.amount >= 0

    @property
    def divide_by(self) -> Decimal:
        """Return what costs are times of."""
        return self.packages.to_units


def undivided_cost(price: PackagePrice, units: Decimal) -> Decimal:
    """Return the cost of all ``units`` of a period, times `divide_by`; exact."""
    return EXACT.multiply(rounded_units(price.packages, used_units=units), price.amount)


def explain(price: PackagePrice, *, total_units: Decimal) -> list[ExplanationStep]:
    """Return the step that says how many packages the total makes."""
    size = price.packages.to_units
    units = rounded_units(price.packages, used_units=total_units)
    count = EXACT.divide_int(units, size)
    return [
        ("packages", to_text(total_units), to_text(size), to_text(count), to_text(price.amount))
    ]
