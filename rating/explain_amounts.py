"""The sentences of what is done to an amount: discounts, bounds, exchange, rounding."""

from __future__ import annotations

from decimal import Decimal

from rating.counting import CounterPeriod
from rating.explain_wording import ROUNDINGS, Sentences, money
from rating.units import plain, readable
from schemas.ledger import Charge

EXCHANGE = "exchange"
"""The step up to which amounts are in the price's own currency."""


def _discount(charge: Charge, fields: list[str]) -> str:
    percent, before = fields
    return f"{plain(Decimal(percent))} % off {money(before, charge.currency)}."


def _limited_discount(charge: Charge, fields: list[str]) -> str:
    percent, before, times, done, every = fields
    of_each = "" if every == CounterPeriod.ONCE else f" of a {every}"
    first = "the first event" if times == "1" else f"the first {times} events"
    earlier = "" if times == "1" else f", {done} of which came before"
    return (
        f"{plain(Decimal(percent))} % off {money(before, charge.currency)}: it is given to "
        f"{first}{of_each}{earlier}."
    )


def _usage_discount(charge: Charge, fields: list[str]) -> str:
    percent, product, used, unit, listed = fields
    return (
        f"The account used {readable(Decimal(used), unit)} of {product} in the month: "
        f"{plain(Decimal(percent))} % off, of {money(listed, charge.currency)}."
    )


def _usage_reached(_charge: Charge, fields: list[str]) -> str:
    percent, product, used, unit = fields
    return (
        f"The account used {readable(Decimal(used), unit)} of {product} in the month: "
        f"{plain(Decimal(percent))} % off all of the month."
    )


def _least(charge: Charge, fields: list[str]) -> str:
    bound, before = (money(amount, charge.currency) for amount in fields)
    return f"At least {bound} for each event: it came to {before}."


def _most(charge: Charge, fields: list[str]) -> str:
    bound, before = (money(amount, charge.currency) for amount in fields)
    return f"At most {bound} for each event: it came to {before}."


def _cap(charge: Charge, fields: list[str]) -> str:
    period, bound, before = fields
    return (
        f"At most {money(bound, charge.currency)} a {period}: "
        f"{money(before, charge.currency)} was charged before."
    )


def _exchange(charge: Charge, fields: list[str]) -> str:
    source, rate, table, since, *rounding = fields
    return (
        f"Exchanged from {source} to {charge.currency} at {rate}, the rate of {table} since {since}. "
        f"{_round(charge, rounding)}"
    )


def _round(_charge: Charge, fields: list[str]) -> str:
    """One rule and what it keeps after the other."""
    said = []
    for rule, kept in zip(fields[::2], fields[1::2], strict=True):
        kept, _, factor = kept.partition(" times ")
        multiple = kept.removeprefix("to ")
        what = f"{kept} decimal places" if multiple == kept else f"multiples of {multiple}"
        times = f"times {factor}, " if factor else ""
        said.append(f"{times}{ROUNDINGS[rule]} to {what}")
    return f"Rounded {', then '.join(said)}."


SENTENCES: Sentences = {
    "usage_discount": _usage_discount,
    "usage_reached": _usage_reached,
    "discount": _discount,
    "limited_discount": _limited_discount,
    "least": _least,
    "most": _most,
    "cap": _cap,
    EXCHANGE: _exchange,
    "round": _round,
}
