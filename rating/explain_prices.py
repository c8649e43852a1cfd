"""The sentences of what is billed and at which price: increments, rates, tiers, packages."""

from __future__ import annotations

from decimal import Decimal

from rating.explain_wording import ROUNDINGS, Sentences, money, per, units_of
from rating.units import plain
from schemas.ledger import Charge


def _rounded_units(charge: Charge, fields: list[str]) -> str:
    measured, rounded, rule, multiple = fields
    return (
        f"{units_of(charge, measured)} is rounded {ROUNDINGS[rule]} to whole "
        f"{units_of(charge, multiple)}: {units_of(charge, rounded)}."
    )


def _none_read(charge: Charge, fields: list[str]) -> str:
    return f"A reading of {units_of(charge, fields[0])} is one of nothing."


def _minimum_units(charge: Charge, fields: list[str]) -> str:
    units, least = fields
    return f"{units_of(charge, units)} is billed as at least {units_of(charge, least)}."


def _increments(charge: Charge, fields: list[str]) -> str:
    notation, used, billed = fields
    first, following = (units_of(charge, part) for part in notation.split("/"))
    return (
        f"Billed in increments of {notation}, the first {first} whole, then every started "
        f"{following}: {units_of(charge, used)} is billed as {units_of(charge, billed)}."
    )


def _aggregated(charge: Charge, fields: list[str]) -> str:
    how, used, before = fields
    ways = {
        "max": "The largest of the month counts",
        "latest": "The newest of the month counts",
        "unique": "Each of the month counts once",
    }
    return (
        f"{ways.get(how, how)}: {units_of(charge, used)}, after {units_of(charge, before)} before."
    )


def _rate(charge: Charge, fields: list[str]) -> str:
    amount, per_units = fields
    return (
        f"{units_of(charge, charge.billed)} at {money(amount, charge.currency)} "
        f"{per(charge, per_units)}."
    )


def _percent(charge: Charge, fields: list[str]) -> str:
    return f"{plain(Decimal(fields[0]))} % of {units_of(charge, charge.billed)}."


def _stretch(charge: Charge, fields: list[str]) -> str:
    band, start, count, increment, amount, per_units = fields
    where = f"From {units_of(charge, start)} on" if Decimal(start) else "From its beginning"
    hours = f", {band}" if band else ""
    return (
        f"{where}{hours}: {count} x {units_of(charge, increment)}, at "
        f"{money(amount, charge.currency)} {per(charge, per_units)}."
    )


def _connect_fee(charge: Charge, fields: list[str]) -> str:
    return f"Connect fee: {money(fields[0], charge.currency)}."


def _flat(charge: Charge, fields: list[str]) -> str:
    return f"One price for each event: {money(fields[0], charge.currency)}."


def _month_before(charge: Charge, fields: list[str]) -> str:
    return f"Billed before in this month: {units_of(charge, fields[0])}."


def _tier(charge: Charge, fields: list[str]) -> str:
    start, end, units, amount, per_units = fields
    where = f"above {units_of(charge, start)}"
    if end:
        where = f"from {units_of(charge, start)} to {units_of(charge, end)}"
    return (
        f"{units_of(charge, units)} in the tier {where}, at {money(amount, charge.currency)} "
        f"{per(charge, per_units)}."
    )


def _tier_started(charge: Charge, fields: list[str]) -> str:
    start, end, units, amount, per_units = fields
    return _tier(charge, [start, end, units, amount, per_units])[:-1] + ", each one begun."


def _tier_fee(charge: Charge, fields: list[str]) -> str:
    start, _end, fee = fields
    return f"The tier above {units_of(charge, start)} begins: {money(fee, charge.currency)}."


def _volume(charge: Charge, fields: list[str]) -> str:
    total, end, amount, per_units, fee = fields
    tier = f"up to {units_of(charge, end)}" if end else "without end"
    flat = f", and {money(fee, charge.currency)} once" if Decimal(fee) else ""
    return (
        f"With it the month has {units_of(charge, total)}: all of it is in the tier {tier}, at "
        f"{money(amount, charge.currency)} {per(charge, per_units)}{flat}."
    )


def _packages(charge: Charge, fields: list[str]) -> str:
    total, size, count, amount = fields
    packages = "package" if count == "1" else "packages"
    return (
        f"With it the month has {units_of(charge, total)}: {count} {packages} of "
        f"{units_of(charge, size)}, at {money(amount, charge.currency)} each."
    )


def _mirrored(_charge: Charge, _fields: list[str]) -> str:
    return "It is a correction: what so much usage costs is given back."


SENTENCES: Sentences = {
    "units": _rounded_units,
    "minimum_units": _minimum_units,
    "increments": _increments,
    "rate": _rate,
    "percent": _percent,
    "stretch": _stretch,
    "connect_fee": _connect_fee,
    "flat": _flat,
    "month_before": _month_before,
    "tier": _tier,
    "tier_started": _tier_started,
    "tier_fee": _tier_fee,
    "volume": _volume,
    "volume_started": _volume,
    "packages": _packages,
    "aggregated": _aggregated,
    "mirrored": _mirrored,
    "none_read": _none_read,
}
