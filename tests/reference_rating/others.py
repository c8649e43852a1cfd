"""What the same usage comes to under other plans: as if each of them were its own."""

from fractions import Fraction
from typing import NamedTuple


class Other(NamedTuple):
    """One other rating."""

    name: str
    price: str
    billed: Fraction
    amount: Fraction


def plans_for(plan, product):
    """Return the plans that rate a product too, by the name of the rating, in order."""
    found = {}
    for name, stated in plan["also_rated"].items():
        if isinstance(stated, str):
            found[name] = stated
        elif product in stated:
            found[name] = stated[product]
    return found


def exchange_of(catalogue, plan, other):
    """Return the table between the currencies of two plans, or None where they are one."""
    if plan["currency"] == other["currency"]:
        return None
    for code, table in catalogue.sections["exchange_rates"].items():
        if (table["from"], table["to"]) == (other["currency"], plan["currency"]):
            return code
    raise AssertionError("the check refuses it")
