"""The sentences of a level over time: what was held, and its days."""

from __future__ import annotations

from decimal import Decimal

from rating.explain_wording import Sentences, money, per, units_of
from rating.units import plain, readable
from schemas.decimals import ZERO
from schemas.ledger import Charge


def _held(charge: Charge, fields: list[str]) -> str:
    change, left_s, unit_seconds = fields
    units = Decimal(change)
    how = "less" if units < ZERO else "more"
    return (
        f"{readable(units.copy_abs(), charge.unit)} {how} for the last {plain(Decimal(left_s))} s of "
        f"the month: {_unit_seconds(charge, unit_seconds)}."
    )


def _average(charge: Charge, fields: list[str]) -> str:
    unit_seconds, month_s, average = fields
    level = f"{units_of(charge, average)} on average"
    if Decimal(unit_seconds) < ZERO:
        level = "less than nothing on average, which costs nothing"
    return (
        f"With it the month has {_unit_seconds(charge, unit_seconds)} in {plain(Decimal(month_s))} s: "
        f"{level}."
    )


def _unit_seconds(charge: Charge, unit_seconds: str) -> str:
    return f"{plain(Decimal(unit_seconds))} {charge.unit}-seconds"


def _held_rate(charge: Charge, fields: list[str]) -> str:
    amount, per_units = fields
    return f"{money(amount, charge.currency)} {per(charge, per_units)}, held for all of the month."


def _held_tier(charge: Charge, fields: list[str]) -> str:
    start, end, unit_seconds, amount, per_units = fields
    where = f"above {units_of(charge, start)}"
    if end:
        where = f"from {units_of(charge, start)} to {units_of(charge, end)}"
    return (
        f"{_unit_seconds(charge, unit_seconds)} in the tier {where}, at "
        f"{money(amount, charge.currency)} {per(charge, per_units)}, held for all of the month."
    )


def _held_tier_started(charge: Charge, fields: list[str]) -> str:
    return _held_tier(charge, fields)[:-1] + ", each one begun."


def _day_change(charge: Charge, fields: list[str]) -> str:
    change, day, days = fields
    units = Decimal(change)
    how = "less" if units < ZERO else "more"
    return f"{readable(units.copy_abs(), charge.unit)} {how} from day {day} of {days} on."


def _days(charge: Charge, fields: list[str]) -> str:
    first, last, level, _shares, _whole, shown = fields
    which = f"Day {first}" if first == last else f"Days {first} to {last}"
    return f"{which}: {units_of(charge, level)}, for these days {money(shown, charge.currency)}."


def _highest_day(charge: Charge, fields: list[str]) -> str:
    level, fees = fields
    return f"{units_of(charge, level)} at the most on a day: fees of {money(fees, charge.currency)}, once."


SENTENCES: Sentences = {
    "held": _held,
    "average": _average,
    "held_rate": _held_rate,
    "held_tier": _held_tier,
    "held_tier_started": _held_tier_started,
    "day_change": _day_change,
    "days": _days,
    "highest_day": _highest_day,
}
