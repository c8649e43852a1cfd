"""What is free of a record, and what is left to bill of it: step after step of docs/catalogue.md."""

import math
from fractions import Fraction

from tests.reference_rating import rolled
from tests.reference_rating.numbers import in_increments, quantity


def of_record(price, event, units, unit, counted, plan):
    """Return what is free, what is billed in increments, and whether the record itself is free.

    ``counted``: what was counted so far; what allowances give is added to it.
    """
    names = allowances_in_units(price, plan)
    free, rest = Fraction(0), units
    may_take = True
    if "free_records" in price:
        may_take = counted[counted.month(event, "records")] < Fraction(price["free_records"])
        if may_take and not names:
            return units, Fraction(0), True
    if "free_units" in price:
        free = min(rest, quantity(price["free_units"], unit))
        rest -= free
    increments = None if price["model"] in ("flat", "call") else price.get("increments")
    takes_increments = any(
        plan["allowances"][name].get("consume") == "increments" for name in names
    )
    if takes_increments:
        rest = in_increments(rest, increments)
    for name in names if may_take else ():
        given = take(name, plan["allowances"][name], event, rest, unit, counted)
        free += given
        rest -= given
    least = quantity(price.get("minimum_units", "0"), unit)
    if rest or not units:
        rest = max(rest, least)
    if not takes_increments:
        rest = in_increments(rest, increments)
    return free, rest, False


def take(name, allowance, event, wanted, unit, counted):
    """Return what an allowance gives of what is wanted, and count what it loses by that."""
    given = Fraction(0)
    for month in allowance["months"]:
        key = counted.of_allowance(event, name, allowance, month)
        left = rolled.left_of(allowance, event, key, month, counted)
        if allowance.get("consume") != "steps":
            part = taken = min(wanted - given, left)
        else:
            step = quantity(allowance["step"], unit)
            taken = min(math.ceil((wanted - given) / step), left // step) * step
            part = min(wanted - given, taken)
        rolled.count(event, key, month, taken, counted)
        given += part
    return given


def named(price):
    """Return the codes of the allowances of a price, in the order in which they are taken."""
    names = price.get("allowance", [])
    return names if isinstance(names, list) else [names]


def allowances_in_units(price, plan):
    """Return those that make usage free."""
    return [name for name in named(price) if "units" in plan["allowances"][name]]


def allowances_in_money(price, plan):
    """Return those that pay charges."""
    return [name for name in named(price) if "amount" in plan["allowances"][name]]
