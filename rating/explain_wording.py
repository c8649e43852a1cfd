"""How the sentences of a charge word amounts and units, and what their tables are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from rating.units import plain, readable
from schemas.decimals import to_text
from schemas.ledger import Charge

Sentences = Mapping[str, Callable[[Charge, list[str]], str]]
"""By the code of a step, what makes a sentence of its charge and its fields."""

_LEAST_PLACES = 2  # of an amount: 0.20, not 0.2
ROUNDINGS = {
    "half_up": "half up",
    "half_even": "half to even",
    "up": "up",
    "down": "down",
}


def amount_text(amount: Decimal, currency: str) -> str:
    """Return an amount as the sentences show it."""
    return money(to_text(amount), currency)


def money(amount: str, currency: str) -> str:
    """Return an amount with at least two places and no zeros after them."""
    text = plain(Decimal(amount))
    whole, _, places = text.partition(".")
    return f"{whole}.{places.ljust(_LEAST_PLACES, '0')} {currency}"


def units_of(charge: Charge, units: str) -> str:
    """Return units of a charge as a person reads them."""
    return readable(Decimal(units), charge.unit)


def per(charge: Charge, per_units: str) -> str:
    """Return ``per min`` or ``per 100 MB``: a single unit needs no number."""
    return "per " + units_of(charge, per_units).removeprefix("1 ")
