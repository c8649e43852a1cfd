"""The sentences of what is free: records, units, what allowances pay for."""

from __future__ import annotations

from decimal import Decimal

from rating.counting import CounterPeriod
from rating.explain_wording import Sentences, money, units_of
from rating.fitting_names import MEMBERS
from rating.units import plain, readable
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import Charge


def _no_usage(_charge: Charge, _fields: list[str]) -> str:
    return "Nothing was used, so nothing is charged."


def _free_records(_charge: Charge, fields: list[str]) -> str:
    free, before = fields
    return f"The first {free} records of the month are free, and this is number {int(before) + 1}."


def _free_units(charge: Charge, fields: list[str]) -> str:
    stated, free = fields
    return f"The first {units_of(charge, stated)} of each record is free: {units_of(charge, free)}."


def _allowance(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, taken, free, *period = fields
    return (
        f"Allowance {allowance_id} of {units_of(charge, size)} {_period(period)} had "
        f"{readable(_left(size, taken), charge.unit)} left: {units_of(charge, free)} is free."
    )


def _credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, taken, paid, *period = fields
    left = money(to_text(_left(size, taken)), charge.currency)
    return (
        f"Allowance {allowance_id} of {money(size, charge.currency)} {_period(period)} had "
        f"{left} left: "
        f"{money(paid, charge.currency)} is paid by it."
    )


def _allowance_not(_charge: Charge, fields: list[str]) -> str:
    allowance_id, why, *what = fields
    reasons = {
        "days": "it is for other days",
        "band": f"it is not for {''.join(what)}",
        "condition": f"its condition does not hold: {''.join(what)}",
    }
    return f"Allowance {allowance_id} is not for this usage: {reasons[why]}."


def _sized(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, *times = fields
    return f"Allowance {allowance_id} is {units_of(charge, size)} {_times(times)}."


def _sized_credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, size, *times = fields
    return f"Allowance {allowance_id} is {money(size, charge.currency)} {_times(times)}."


def _times(fields: list[str]) -> str:
    name, factor = fields
    of = "one for each subscription that shares it" if name == MEMBERS else name
    return f"times {plain(Decimal(factor))}, {of}"


def _rolled(charge: Charge, fields: list[str]) -> str:
    allowance_id, month, left, free = fields
    return (
        f"Of {month} {units_of(charge, left)} of allowance {allowance_id} were left to later months: "
        f"{units_of(charge, free)} is free."
    )


def _rolled_credit(charge: Charge, fields: list[str]) -> str:
    allowance_id, month, left, paid = fields
    return (
        f"Of {month} {money(left, charge.currency)} of allowance {allowance_id} were left to later "
        "months: "
        f"{money(paid, charge.currency)} is paid by it."
    )


def _period(stated: list[str]) -> str:
    if stated == [CounterPeriod.ONCE]:
        return "given once"
    return f"a {stated[0] if stated else 'month'}"


def _left(size: str, taken: str) -> Decimal:
    left = EXACT.subtract(Decimal(size), Decimal(taken))
    return left if left > ZERO else ZERO


SENTENCES: Sentences = {
    "no_usage": _no_usage,
    "free_records": _free_records,
    "free_units": _free_units,
    "allowance": _allowance,
    "credit": _credit,
    "allowance_not": _allowance_not,
    "sized": _sized,
    "sized_credit": _sized_credit,
    "rolled": _rolled,
    "rolled_credit": _rolled_credit,
}
