"""What the units of a month cost: per unit, graduated, volume, package; tier by tier."""

import math
from fractions import Fraction

from tests.reference_rating.numbers import TEN_PLACES, quantity, rounded, to_multiple


def tier_cost(price, tier, units, unit, *, start=Fraction(0)):
    """Return what units in one tier cost, without its fee; ``start``: where its part begins."""
    per = quantity(tier.get("per", price.get("per")), unit)
    if "percent" in tier:
        amount, per = Fraction(tier["percent"]), Fraction(100)
    else:
        amount = Fraction(tier.get("amount", "0"))
    if tier.get("whole") == "yes":
        return math.ceil(units / per) * amount
    return units * amount / per


def graduated(price, units, unit):
    """Return each unit at the price of its own tier, and the fee of each tier that is entered."""
    cost = start = Fraction(0)
    for tier in price["tiers"]:
        end = quantity(tier["upto"], unit) if "upto" in tier else units
        inside = min(units, end) - start
        if inside > 0:
            cost += tier_cost(price, tier, inside, unit) + Fraction(tier.get("fee", "0"))
        start = end
    return cost


def tier_reached(price, units, unit):
    """Return the tier that a total reaches; the end is in it."""
    for tier in price["tiers"]:
        if "upto" not in tier or units <= quantity(tier["upto"], unit):
            return tier
    raise AssertionError("the last tier is open")


def in_tier(price, tier, units, unit):
    """Return what all units of a month cost in one tier."""
    if not units:
        return Fraction(0)
    return tier_cost(price, tier, units, unit) + Fraction(tier.get("fee", "0"))


def month_cost(price, units, unit, reached=None):
    """Return what a month's units cost; ``reached``: the units whose tier decides a volume price."""
    model = price["model"]
    if model == "graduated":
        return graduated(price, units, unit)
    if model == "volume":
        tier = tier_reached(price, units if reached is None else reached, unit)
        return in_tier(price, tier, units, unit)
    if model == "package":
        size = quantity(price["size"], unit)
        packages = to_multiple(units, size, price.get("partly_used", "up")) / size
        return packages * Fraction(price["amount"])
    assert model == "per_unit", model
    return units * Fraction(price["amount"]) / quantity(price.get("per"), unit)


def adjusted(price, cost, unit, *, capped=True):
    """Return a month's cost after discounts, commitment and the most of the month, in this order."""
    factor = discount_factor(price)
    cost *= factor
    commitment = price.get("commitment")
    if commitment:
        promised = promised_amount(price, unit)
        if cost > promised:
            cost = promised + (cost - promised) * Fraction(commitment.get("overage", "1"))
    most = price.get("most", {}).get("month")
    return cost if most is None or not capped else min(cost, Fraction(most))


def promised_amount(price, unit):
    """Return what a month is promised to come to: an amount, or what so many units come to."""
    commitment = price["commitment"]
    if "amount" in commitment:
        return Fraction(commitment["amount"])
    units = quantity(commitment["units"], unit)
    return rounded(month_cost(price, units, unit) * discount_factor(price), TEN_PLACES)


def discount_factor(price):
    """Return what discounts without a condition leave of one."""
    factor = Fraction(1)
    for percent in discounts(price):
        factor *= 1 - Fraction(percent) / 100
    return factor


def discounts(price):
    """Return the percentages of `discount`, each a text or one with a condition."""
    found = price.get("discount", [])
    return found if isinstance(found, list) else [found]
