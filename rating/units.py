"""Units of measure: what may be converted into what, exactly, and how a person reads it.

Usage is counted in the unit that the product is measured in (seconds, bytes, Wh) and never
converted: a minute of 61 s is no finite decimal. Prices, tiers and allowances may be written in a
larger unit of the same kind; the catalogue turns them into measured units once.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from schemas.decimals import EXACT, to_text

RECORD = "record"
"""The unit of a product whose usage is the event itself: each one counts as 1."""


class Unit(NamedTuple):
    """A unit as a whole number of the smallest unit of its kind."""

    kind: str
    size: int


_UNITS = {
    **{name: Unit("time", 1) for name in ("s", "second", "seconds")},
    **{name: Unit("time", 60) for name in ("min", "minute", "minutes")},
    **{name: Unit("time", 3600) for name in ("h", "hour", "hours")},
    **{name: Unit("data", 1) for name in ("B", "byte", "bytes")},
    "kB": Unit("data", 10**3),
    "MB": Unit("data", 10**6),
    "GB": Unit("data", 10**9),
    "TB": Unit("data", 10**12),
    "KiB": Unit("data", 2**10),
    "MiB": Unit("data", 2**20),
    "GiB": Unit("data", 2**30),
    "TiB": Unit("data", 2**40),
    "Wh": Unit("energy", 1),
    "kWh": Unit("energy", 10**3),
    "MWh": Unit("energy", 10**6),
    "ml": Unit("volume", 1),
    "l": Unit("volume", 10**3),
    "m3": Unit("volume", 10**6),
    **{name: Unit(RECORD, 1) for name in (RECORD, "records")},
}

# What a person reads amounts in, largest first. No binary units and no hours: "8 h" is clear,
# "1.5 h" of calls is not how a telephone bill is written.
_READ_IN = {
    "time": ("min", "s"),
    "data": ("GB", "MB", "kB", "B"),
    "energy": ("kWh", "Wh"),
    "volume": ("m3", "l", "ml"),
}
_MOST_PLACES_TO_READ = {"time": 0}  # whole minutes or seconds, never 1.5 min
_PLACES_TO_READ = 9  # a byte is the ninth place of a GB


def unit_of(name: str) -> Unit:
    """Return what a unit is; a name that is not in the table is of a kind of its own."""
    return _UNITS.get(name) or Unit(name, 1)


def short_name(name: str) -> str:
    """Return the first name of a unit: ``s`` of ``seconds``; of one that is not in the table its own."""
    unit = unit_of(name)
    return next((known for known, each in _UNITS.items() if each == unit), name)


def convertible(name: str, *, to: str) -> bool:
    """Return whether a quantity in ``name`` can be written in ``to``, exactly."""
    ours, theirs = unit_of(name), unit_of(to)
    return ours.kind == theirs.kind and ours.size % theirs.size == 0


def names_into(unit: str | None) -> tuple[str, ...]:
    """Return the names of units that can be written in ``unit``, itself first; None: all names."""
    if unit is None:
        return tuple(_UNITS)
    return (unit, *(name for name in _UNITS if name != unit and convertible(name, to=unit)))


def convert(quantity: Decimal, unit: str, *, to: str) -> Decimal:
    """Return ``quantity`` in the smaller unit ``to``; exact."""
    assert convertible(unit, to=to)
    return EXACT.multiply(quantity, Decimal(unit_of(unit).size // unit_of(to).size))


def readable(quantity: Decimal, unit: str) -> str:
    """Return a quantity as a person writes it, exact: ``1000 min``, ``61 s``, ``5 records``."""
    measured = unit_of(unit)
    for name in _READ_IN.get(measured.kind, ()):
        shown = unit_of(name)
        if shown.size <= measured.size:
            break
        places = _MOST_PLACES_TO_READ.get(measured.kind, _PLACES_TO_READ)
        in_units = EXACT.multiply(quantity, Decimal(measured.size))
        if in_units >= shown.size:
            value = _divided(in_units, shown.size)
            if value is not None and _places(value) <= places:
                return f"{plain(value)} {name}"
    several = "s" if unit == RECORD and quantity.copy_abs() != 1 else ""
    return f"{plain(quantity)} {unit}{several}"


def plain(value: Decimal) -> str:
    """Return the digits of a decimal without zeros at its end: ``10.5``, ``100``."""
    text = to_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _divided(value: Decimal, divisor: int) -> Decimal | None:
    """Return the quotient where it is a decimal of few places, else None."""
    whole, rest = EXACT.divmod(EXACT.scaleb(value, _PLACES_TO_READ), Decimal(divisor))
    return None if rest else EXACT.scaleb(whole, -_PLACES_TO_READ)


def _places(value: Decimal) -> int:
    return len(plain(value).partition(".")[2])
