"""What balances of an account pay of a call, and what is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tests.conformance.adapters.cgrates_call import (
    Call,
    Stated,
    call_of,
    groups_of,
    rate_one,
    rated_call,
    reached,
)
from tests.conformance.adapters.cgrates_catalogue import Hours, plain
from tests.conformance.adapters.cgrates_tariff import NANOSECONDS, Row, Tariff, moment, nanoseconds
from tests.conformance.engine import Engine, one_price
from tests.conformance.outcome import NotExpressible
from tests.conformance.vector import Vector

ZERO = Decimal(0)
ONLINE = (
    "how long a call may last for the money there is: credit control before and while it lasts. We "
    "rate what was used, and hold no account's money"
)
_OWN_PRICE = (
    "a balance whose units or money pay by a plan of their own, and may cost money beside; an "
    "allowance is free, and pays at the price of the plan"
)


class Balance(NamedTuple):
    """Units or money of an account."""

    name: str
    code: str  # of its allowance
    is_money: bool
    value: Decimal
    rating: str


def balances_after(vector: Vector) -> dict[str, Any]:
    """Return what a call leaves of each balance."""
    price, usage = vector.price, vector.usage
    balances = _in_order(usage["balances"])
    groups = groups_of(price)
    unit = "s" if "seconds" in usage else "unit"
    steps = {group["increment"] for group in groups}
    allowances = {each.code: _allowance(each, unit, steps) for each in balances if each.value > 0}
    model = call_of(groups, fee=str(price.get("connect_fee", "0")))
    model |= {"allowance": list(allowances), "fee_when_free": "yes"}
    engine = one_price(model, unit=unit, allowances=allowances)
    rated = rate_one(engine, unit, Decimal(usage.get("seconds", usage.get("units"))))
    if rated.amount and any(each.is_money for each in balances):
        raise NotExpressible(
            "the money does not pay the call: it is cut, or goes into debt, while it lasts. We rate "
            "what was used"
        )
    return {"after": {each.name: each.value - _taken(engine, each.code) for each in balances}}


def _in_order(stated: Sequence[Stated]) -> list[Balance]:
    """Return balances in the order in which they are taken: units, then money, by weight."""
    for each in stated:
        if each.get("blocker"):
            raise NotExpressible(
                "a balance that stops those after it, although they could pay: credit control, while "
                "a call lasts. An allowance that is used up leaves the rest to the next one"
            )
        if any(key.startswith("factor") for key in each):
            raise NotExpressible(
                "a balance in a unit of its own, into which each increment is converted and rounded; "
                "an allowance is in the unit of the product"
            )
    ordered = sorted(
        enumerate(stated),
        key=lambda each: (each[1]["type"] == "*monetary", -Decimal(each[1].get("weight", 0))),
    )
    return [
        Balance(
            name=str(each.get("id", place)),
            code=f"balance-{place}",
            is_money=each["type"] == "*monetary",
            value=Decimal(each.get("value_s", each.get("value"))),
            rating=str(each.get("rating", each.get("rating_subject", ""))),
        )
        for place, each in ordered
    ]


def _allowance(balance: Balance, unit: str, steps: set[str]) -> dict[str, str]:
    """Return the allowance of a balance. Units are taken in the steps of their own rating, else in
    the increments of the price, ``steps``."""
    if balance.rating.startswith("*zero"):
        text = balance.rating.removeprefix("*zero")
        of_own = nanoseconds(text)
        steps = {plain(of_own if text.isdigit() else of_own / NANOSECONDS["s"])}
    elif balance.rating:
        raise NotExpressible(_OWN_PRICE)
    if balance.is_money:
        return {"amount": plain(balance.value)}
    if len(steps) > 1:
        raise NotExpressible("an allowance that is taken in increments which change within a call")
    (step,) = steps
    return {"units": f"{plain(balance.value)} {unit}", "consume": "steps", "step": step}


def _taken(engine: Engine, code: str) -> Decimal:
    """Return what was taken of an allowance."""
    found = [each for name, each in engine.counters.items() if f":p/{code}:" in f"{name[0]}:"]
    return sum((each.quantity for each in found), ZERO)


def debit_units_first(vector: Vector) -> dict[str, Any]:
    """Return what a call costs beside the minutes that pay it, and what it leaves of both."""
    call, balances = _with_minutes(vector)
    taken = sum((_taken(call.engine, each.code) for each in balances), ZERO)
    found = {"cost": call.rated.amount, "duration_s": taken + call.rated.billed}
    found["money_after"] = _money(vector.usage) - call.rated.amount
    if balances:
        first = balances[0]
        found["voice_after_s"] = first.value - _taken(call.engine, first.code)
    return found


def debit_at_most(vector: Vector) -> dict[str, Any]:
    """Return the same where the call may not cost more than there is."""
    found = debit_units_first(vector)
    if found["money_after"] < 0:
        raise NotExpressible(ONLINE)
    return found


def _with_minutes(vector: Vector) -> tuple[Call, list[Balance]]:
    """Return a call with the balances in units as allowances, and these in their order."""
    usage = vector.usage
    balances = [
        each
        for each in _in_order([each for each in usage["balances"] if _pays(each, usage)])
        if not each.is_money and each.value > 0
    ]
    rows = [_row_of(vector.price, usage, each) for each in balances]
    allowances = {}
    for balance, row in zip(balances, rows, strict=True):
        if balance.rating.startswith("*zero"):
            allowances[balance.code] = _allowance(balance, "s", set())
            continue
        if any(Decimal(slot.amount) for slot in row.slots):
            raise NotExpressible(_OWN_PRICE)
        steps = {plain(slot.increment_ns / NANOSECONDS["s"]) for slot in row.slots}
        allowances[balance.code] = _allowance(balance._replace(rating=""), "s", steps)
    fee = rows[0].fee if rows else ""
    rounded = bool(usage.get("perform_rounding"))
    call = rated_call(vector.price, usage, is_rounded=rounded, allowances=allowances, fee=fee)
    assert call is not None, "a destination that the plan has"
    return call, balances


def _pays(balance: Stated, usage: Stated) -> bool:
    """Return whether a balance is one for the destination."""
    prefixes = balance.get("destination_prefixes")
    return not prefixes or str(usage["destination"]).startswith(tuple(prefixes))


def _row_of(price: Stated, usage: Stated, balance: Balance) -> Row:
    """Return the row by which a balance is taken: that of its rating subject, if it has one."""
    start = moment(usage["time_start"])
    has_own = balance.rating and not balance.rating.startswith("*zero")
    subject = balance.rating if has_own else usage["subject"]
    entries = Tariff(price).entries({**usage, "subject": subject}, start)
    found = reached(entries, str(usage["destination"]))
    row = Hours(found[0][1]).row_at(start) if found else None
    assert row is not None, f"no rates for {subject}"
    return row


def _money(usage: Stated) -> Decimal:
    return sum(
        (Decimal(each["value"]) for each in usage["balances"] if each["type"] == "*monetary"), ZERO
    )
