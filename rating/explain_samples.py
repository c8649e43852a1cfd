"""The sentences of a month that is priced by its samples."""

from __future__ import annotations

from decimal import Decimal

from rating.price.sampling import IN, OUT, Billed
from rating.units import plain, readable

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


def sample(fields: list[str]) -> str:
    """Say which sample an event is a record of, and that its month is charged later."""
    direction, start, minutes = fields
    way = f", {_DIRECTIONS[direction].lower()}" if direction else ""
    return (
        f"It counts in the sample of the {minutes} min from {start} on, local time{way}. The month is "
        "priced by its samples when it is closed; until then nothing is charged."
    )


def no_samples() -> str:
    """Say that a month has no sample that its price looks at."""
    return "The month has no sample."


def percentile(fields: list[str], unit: str) -> str:
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
        f"{what} {readable(Decimal(units), unit)}."
    )


def directions(fields: list[str], unit: str) -> str:
    """Say what became of two directions."""
    rule, units = fields
    return f"{_TOGETHER.get(rule, rule)}: {readable(Decimal(units), unit)}."
