"""The sentences of a month that is priced by its samples."""

from __future__ import annotations

from decimal import Decimal

from rating.explain_wording import Sentences, money, per, units_of
from rating.price.sampling import IN, OUT, Billed
from rating.units import plain
from schemas.ledger import Charge

_DIRECTIONS = {IN: "In", OUT: "Out"}
_BILLED = {
    Billed.HIGHEST: "the highest left is",
    Billed.REST: "all that is left comes to",
}
_TOGETHER = {
    "larger": "The larger of both directions is billed",
    "sum_per_sample": "A sample is both directions together",
    "max_per_sample": "A sample is its larger direction",
}


def _sample(_charge: Charge, fields: list[str]) -> str:
    """Say which sample an event is a record of, and that its month is charged later."""
    direction, start, minutes = fields
    way = f", {_DIRECTIONS[direction].lower()}" if direction else ""
    return (
        f"It counts in the sample of the {minutes} min from {start} on, local time{way}. The month is "
        "priced by its samples when it is closed; until then nothing is charged."
    )


def _no_samples(_charge: Charge, _fields: list[str]) -> str:
    """Say that a month has no sample that its price looks at."""
    return "The month has no sample."


def _percentile(charge: Charge, fields: list[str]) -> str:
    """Say what is left of a line's samples, and what is billed of that."""
    percent, method, direction, count, made_up, dropped, billed, units = fields
    line = f"{_DIRECTIONS[direction]}: " if direction else ""
    samples = "1 sample" if count == "1" else f"{int(count):,} samples"
    none = f", {int(made_up):,} of them intervals without a record" if int(made_up) else ""
    gone = "none is dropped" if dropped == "0" else f"the highest {int(dropped):,} are dropped"
    if dropped == "1":
        gone = "the highest is dropped"
    what = _BILLED[Billed(billed)] if method != "linear" else "between those beside its rank lies"
    return (
        f"{line}{samples}{none}. At the {plain(Decimal(percent))}th percentile ({method}) {gone}; "
        f"{what} {units_of(charge, units)}."
    )


def _directions(charge: Charge, fields: list[str]) -> str:
    """Say what became of two directions."""
    rule, units = fields
    return f"{_TOGETHER.get(rule, rule)}: {units_of(charge, units)}."


def _month_rate(charge: Charge, fields: list[str]) -> str:
    units, amount, per_units = fields
    price = f"{money(amount, charge.currency)} {per(charge, per_units)}"
    return f"{units_of(charge, units)} at {price}."


def _closed_before(charge: Charge, fields: list[str]) -> str:
    was, now = (money(amount, charge.currency) for amount in fields)
    return f"Closes before charged {was} for the month; with what came late it comes to {now}."


SENTENCES: Sentences = {
    "sample": _sample,
    "no_samples": _no_samples,
    "percentile": _percentile,
    "directions": _directions,
    "month_rate": _month_rate,
    "closed_before": _closed_before,
}
