"""The sentences of what a whole month comes to, and of its close."""

from __future__ import annotations

from decimal import Decimal

from rating.explain_wording import Sentences, money
from rating.units import plain
from schemas.ledger import Charge


def _came_to(charge: Charge, fields: list[str]) -> str:
    was, now = (money(amount, charge.currency) for amount in fields)
    return f"The month came to {was} before it, and comes to {now} with it."


def _month_discount(_charge: Charge, fields: list[str]) -> str:
    return f"{plain(Decimal(fields[0]))} % off all of the month."


def _commitment(charge: Charge, fields: list[str]) -> str:
    promised, overage = fields
    above = (
        "" if Decimal(overage) == 1 else f", and {plain(Decimal(overage))} times the price above it"
    )
    return f"Commitment of {money(promised, charge.currency)} a month{above}."


def _month_most(charge: Charge, fields: list[str]) -> str:
    return f"At most {money(fields[0], charge.currency)} for all of the month."


def _first_fee(charge: Charge, fields: list[str]) -> str:
    return (
        f"Nothing was billed in the month; due all the same: {money(fields[0], charge.currency)}."
    )


def _month_least(charge: Charge, fields: list[str]) -> str:
    least, due = (money(amount, charge.currency) for amount in fields)
    return f"At least {least} for the month, which came to {due}."


def _closed(charge: Charge, fields: list[str]) -> str:
    least, before, paid = (money(amount, charge.currency) for amount in fields)
    return (
        f"The month was closed at {least}, of which usage had come to {before}: that pays {paid} of "
        "what came late."
    )


def _closed_at(charge: Charge, fields: list[str]) -> str:
    return (
        f"The month is closed at {money(fields[0], charge.currency)}: usage of it that comes later "
        "takes it no lower."
    )


def _restated(charge: Charge, fields: list[str]) -> str:
    was, now = (money(amount, charge.currency) for amount in fields)
    return (
        f"What was charged for earlier usage of the month came to {was}, and comes to {now} at the "
        "price that it has by now."
    )


def _restated_below_close(charge: Charge, fields: list[str]) -> str:
    return (
        f"Of the change, {money(fields[0], charge.currency)} is below what the month was closed at, "
        "and changes nothing."
    )


SENTENCES: Sentences = {
    "came_to": _came_to,
    "month_discount": _month_discount,
    "commitment": _commitment,
    "month_most": _month_most,
    "first_fee": _first_fee,
    "month_least": _month_least,
    "closed": _closed,
    "closed_at": _closed_at,
    "restated": _restated,
    "restated_below_close": _restated_below_close,
}
