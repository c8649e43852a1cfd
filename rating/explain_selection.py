"""The sentences of how a price was found: its version, condition, rate card or matrix, band."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from rating.dimensions import ATTRIBUTE
from rating.explain_wording import Sentences
from rating.units import plain
from schemas.ledger import Charge

_WEEKDAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
# Not strftime: it speaks the language of the process.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _price(charge: Charge, fields: list[str]) -> str:
    price_id, valid_from = fields
    since = ""
    if valid_from:
        date = dt.date.fromisoformat(valid_from)
        since = f", in force since {date.day} {_MONTHS[date.month - 1]} {date.year}"
    version = charge.catalogue_version
    of_which = f"of catalogue version {version}" if version >= 0 else "of the catalogue at hand"
    return f"Price {price_id} {of_which}{since}."


def _condition(_charge: Charge, fields: list[str]) -> str:
    _price_id, condition, *values = fields
    return f"Its condition holds: {condition}{_with(values)}."


def _discount_condition(_charge: Charge, fields: list[str]) -> str:
    percent, condition, *values = fields
    return f"{plain(Decimal(percent))} % off is given: {condition}{_with(values)}."


def _with(values: list[str]) -> str:
    """Return what the attributes of a condition are: names and values by turns."""
    pairs = zip(values[::2], values[1::2], strict=True)
    said = ", ".join(f"{name} is {value or 'not stated'}" for name, value in pairs)
    return f"; {said}" if said else ""


def _cards_without(_charge: Charge, fields: list[str]) -> str:
    cards = "Rate card" if len(fields) == 1 else "Rate cards"
    have = "has" if len(fields) == 1 else "have"
    return f"{cards} {', '.join(fields)} {have} no price for the number at that time."


def _longest_of(_charge: Charge, fields: list[str]) -> str:
    return f"The longest prefix on the rate cards {', '.join(fields)} counts."


def _prefix(_charge: Charge, fields: list[str]) -> str:
    prefix, destination, card = fields
    return f"The number begins with {prefix}: {destination}, on rate card {card}."


def _matrix(_charge: Charge, fields: list[str]) -> str:
    """What the row says of each dimension that it names."""
    code, name, *stated = fields
    words = [
        f"{dimension.removeprefix(ATTRIBUTE).replace('_', ' ')} {value}"
        for dimension, value in zip(stated[::2], stated[1::2], strict=True)
    ]
    return f"On matrix {code}: {name} ({', '.join(words) or 'whatever the event says'})."


def _band(_charge: Charge, fields: list[str]) -> str:
    band, start = fields
    weekday, clock = start.split(" ")
    return f"It began on {_WEEKDAYS[weekday]} at {clock}, local time: {band}."


def _band_end(_charge: Charge, fields: list[str]) -> str:
    band, end = fields
    weekday, clock = end.split(" ")
    return f"It ended on {_WEEKDAYS[weekday]} at {clock}, local time: {band}."


SENTENCES: Sentences = {
    "price": _price,
    "condition": _condition,
    "discount_condition": _discount_condition,
    "cards_without": _cards_without,
    "longest_of": _longest_of,
    "prefix": _prefix,
    "matrix": _matrix,
    "band": _band,
    "band_end": _band_end,
}
