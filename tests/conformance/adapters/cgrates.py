"""CGRateS: destinations, timings, increments, balances."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

from tests.conformance.adapters.cgrates_balances import (
    ONLINE,
    balances_after,
    debit_at_most,
    debit_units_first,
)
from tests.conformance.adapters.cgrates_call import call_of, groups_of, rate_one, rated_call
from tests.conformance.adapters.cgrates_catalogue import plain, rounding
from tests.conformance.adapters.cgrates_tariff import NANOSECONDS
from tests.conformance.engine import one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

ZERO = Decimal(0)


def _cost(vector: Vector) -> dict[str, Any]:
    """Return the cost of a call, of which span, prefix and fee."""
    call = rated_call(vector.price, vector.usage)
    if call is None:
        return _refused(vector)
    found: dict[str, Any] = {"cost": call.rated.amount, "matched_prefix": call.prefix}
    if not vector.usage.get("loop_index"):  # a later slice names a fee that is not charged
        fees = call.steps("connect_fee")
        found["connect_fee"] = fees[0][1] if fees else "0"
    if call.steps("stretch"):
        found["timespans"] = len(call.steps("stretch"))
    return found


def _debit(vector: Vector) -> dict[str, Any]:
    """Return the cost of a debit, and what it leaves of the money."""
    asked = bool(vector.usage.get("perform_rounding"))
    call = rated_call(vector.price, vector.usage, is_rounded=asked)
    if call is None:
        return _refused(vector)
    found = {"cost": call.rated.amount}
    if "balance" in vector.usage:
        found["balance_after"] = Decimal(vector.usage["balance"]) - call.rated.amount
    return found


def _refused(vector: Vector) -> dict[str, Any]:
    """Return what the system says where we refuse: a cost below zero, or an error in its words."""
    found: dict[str, Any] = {"cost": "-1", "connect_fee": "0"}
    if "error" in vector.expected:
        found["error"] = vector.expected["error"]
    return found


def _interval(vector: Vector) -> dict[str, Any]:
    """Return what the parts of a call cost, at each of its rates, and all of it."""
    groups = groups_of(vector.price)
    seconds = Decimal(vector.usage["seconds"])
    engine = one_price(call_of(groups), unit="s")
    ends = [Decimal(group["start"]) for group in groups[1:] if Decimal(group["start"]) < seconds]
    rated = [rate_one(engine, "s", end) for end in (*ends, seconds)]
    amounts = [ZERO, *(each.amount for each in rated)]
    billed = [ZERO, *(each.billed for each in rated)]
    parts = zip(pairwise(amounts), pairwise(billed), strict=True)
    met = [(b - a, after - before) for (a, b), (before, after) in parts if after > before]
    return {
        "cost": rated[-1].amount,
        "parts": [amount for amount, _ in met],
        "billed_seconds": [units for _, units in met],
    }


def _increment_overlap(vector: Vector) -> dict[str, Any]:
    """Return how long the spans of a call are after the first was rounded up to its increment."""
    ends = [plain(end) for end in accumulate(map(Decimal, vector.usage["spans_s"]))]
    groups = [
        {"start": start, "rate": "0", "unit": "1", "increment": "1"} for start in ("0", *ends[:-1])
    ]
    groups[0]["increment"] = plain(Decimal(vector.price["first_span_increment_s"]))
    engine = one_price(call_of(groups), unit="s")
    billed = [ZERO, *(rate_one(engine, "s", Decimal(end)).billed for end in ends)]
    return {"spans_s": [after - before for before, after in pairwise(billed) if after > before]}


def _increment_slice(vector: Vector) -> dict[str, Any]:
    """Return how many increments a call has, and what one costs."""
    groups = groups_of(vector.price)
    engine = one_price(call_of(groups, places=vector.price.get("rounding_decimals")), unit="s")
    seconds, increment = Decimal(vector.usage["seconds"]), Decimal(groups[0]["increment"])
    rated = rate_one(engine, "s", seconds)
    if rated.billed != seconds:
        raise NotExpressible(
            "a span that is not whole in increments is spread over the whole ones in it: 30.1 s in "
            "increments of 10 s are three, each a third of the cost of 30.1 s. No price list says so; "
            "with us a started increment is a whole one"
        )
    (step,) = [step for step in rated.explanation if step[0] == "stretch"]
    return {"increments": step[3], "increment_cost": rate_one(engine, "s", increment).amount}


def _rounding(vector: Vector) -> dict[str, Any]:
    """Return an amount that is rounded."""
    amount = Decimal(vector.usage["x"])
    if amount < 0:
        raise NotExpressible("a price below zero")
    price = {
        "model": "flat",
        "amount": plain(amount),
        "rounding": rounding(vector.price["method"], int(vector.price["decimals"])),
    }
    return {"y": rate_one(one_price(price), "unit", Decimal(1)).amount}


def _counter(vector: Vector) -> dict[str, Any]:
    """Return what the units of a month come to, event by event."""
    engine = one_price({"model": "graduated", "tiers": [{"amount": "0"}], "per": "1"})
    values = []
    for each in vector.usage:
        if each.keys() != {"count"}:
            raise NotExpressible("a counter that is reset within its month")
        rate_one(engine, "unit", Decimal(each["count"]))
        values.append(sum((found.quantity for found in engine.counters.values()), ZERO))
    return {"values": values}


def _note(vector: Vector) -> dict[str, Any]:
    """Return the cost of seconds at a rate such as ``0.5/s``; whose money pays is the account's."""
    if not {"seconds", "rate"} <= vector.usage.keys():
        raise NotExpressible("a remark without usage")
    amount, _, rest = str(vector.usage["rate"]).partition("/")
    unit = rest.split()[0]
    per = plain(NANOSECONDS[unit] / Decimal(NANOSECONDS["s"]))
    engine = one_price(
        call_of([{"start": "0", "rate": amount, "unit": per, "increment": per}]), unit="s"
    )
    return {"cost": rate_one(engine, "s", Decimal(vector.usage["seconds"])).amount}


def _not_rating(why: str) -> Callable[[Vector], dict[str, Any]]:
    """Return what says of every vector that it asks for something else than a price."""

    def refuse(vector: Vector) -> dict[str, Any]:
        raise NotExpressible(why)

    return refuse


MODELS: Adapter = {
    "getcost": _cost,
    "getcost_units": _cost,
    "split_spans": _cost,
    "debit_cost": _debit,
    "debit_minutes_then_money": debit_units_first,
    "max_debit_minutes_then_money": debit_at_most,
    "balances": balances_after,
    "interval": _interval,
    "increment_overlap": _increment_overlap,
    "increment_slice": _increment_slice,
    "rounding_fn": _rounding,
    "counter": _counter,
    "note": _note,
    "max_session": _not_rating(ONLINE),
    "max_session_balances": _not_rating(ONLINE),
    "threshold": _not_rating(
        "an action of an account, such as a top-up, when a counter reaches a value: limits tell the "
        "invoice, and change no balance"
    ),
}
