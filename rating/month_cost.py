"""What the usage of a month costs at a price of the month, whatever the events in it."""

from __future__ import annotations

from decimal import Decimal

from rating.price import call, graduated, package, per_unit, volume
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.volume import VolumePrice
from schemas.decimals import ZERO

MonthPrice = PerUnitPrice | GraduatedPrice | VolumePrice | PackagePrice

_ONE = Decimal(1)


def month_cost(
    price: MonthPrice | FlatPrice | CallPrice, units: Decimal
) -> tuple[Decimal, Decimal]:
    """Return the exact cost of a month's ``units``: a dividend, and what it is to be divided by."""
    if isinstance(price, PerUnitPrice):
        return per_unit.undivided_cost_as_it_grows(price, units), price.per_units
    if isinstance(price, GraduatedPrice):
        return graduated.undivided_cost(price, units), price.divide_by
    if isinstance(price, VolumePrice):
        return volume.undivided_cost(price, units), price.divide_by
    if isinstance(price, PackagePrice):
        return package.undivided_cost(price, units), price.divide_by
    if isinstance(price, CallPrice):
        return call.charged(price, used_units=units).cost, price.divide_by
    return price.amount, _ONE


def first_fee(price: MonthPrice) -> tuple[Decimal, Decimal]:
    """Return the fee of the first tier in the same form; zero of a price without tiers."""
    if isinstance(price, GraduatedPrice):
        return price.bounds[0].price.flat_cost, price.divide_by
    if isinstance(price, VolumePrice):
        return price.prices[0].flat_cost, price.divide_by
    return ZERO, _ONE
