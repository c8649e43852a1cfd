"""rate-o-mat: the first interval of a call at one rate, those that follow it at another."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rating.rate import RatedUsage
from tests.conformance.adapters.sessions import as_printed, plain, rated_by
from tests.conformance.engine import ZERO, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector


def _init_follow(vector: Vector) -> dict[str, object]:
    """Return the cost of a call, and of a surcharge once it is longer than a given second: a second
    product, of which the seconds up to there are free."""
    price, seconds = vector.price, vector.usage["duration"]
    engine = one_price({"model": "call", "rates": _rates(price)}, unit="s")
    cost = rated_by(engine, engine.event("x", s=seconds)).amount
    after = price.get("extra_second")
    if after is None:
        return {"cost": cost}
    surcharge = {"model": "flat", "amount": plain(price["extra_rate"])}
    if after:
        surcharge["free_units"] = plain(after)
    engine = one_price(surcharge, unit="s")
    return {"cost": cost + rated_by(engine, engine.event("x", s=seconds)).amount}


def _rates(price: Mapping[str, Any], *, follow_from: Decimal | None = None) -> list[dict[str, str]]:
    """Return the two rates of a call. ``follow_from``: where the second one may hold at the
    earliest, if not from the end of the first interval; one that has begun is charged whole."""
    first, following = plain(price["init_interval"]), plain(price["follow_interval"])
    begin = first if follow_from is None else plain(follow_from)
    return [
        {**_per_second(price["init_rate"]), "increment": first},
        {**_per_second(price["follow_rate"]), "increment": following, "from": begin},
    ]


def _per_second(rate: object) -> dict[str, str]:
    """Return a rate per second; 20/60 is 20 for each 60."""
    amount, _, seconds = str(rate).partition("/")
    if Decimal(amount) < 0:
        raise NotExpressible(
            "A negative rate credits the called party. A price of ours is zero or more: what is paid "
            "out to someone is no charge."
        )
    return {"amount": plain(amount), "per": f"{seconds or 1} s"}


def _init_follow_balance(vector: Vector) -> dict[str, object]:
    """Return the cost of a call, and what is left of the cash balance: money that pays the charge.
    The cost is shown without what a postpaid balance paid."""
    price, usage = vector.price, vector.usage
    model = {"model": "call", "rates": _rates(price)}
    cost, paid = _with_cash(model, usage)
    shown = cost + paid if price.get("prepaid") else cost
    return {"cost": shown, "cash_after": Decimal(usage["cash_balance"]) - paid}


def _with_cash(
    model: Mapping[str, Any], usage: Mapping[str, Any], free: Mapping[str, Any] | None = None
) -> tuple[Decimal, Decimal]:
    """Return the charge for a call after its cash balance, and what that paid of it."""
    rated = _rated_with_cash(model, usage, free or {})
    paid = next((Decimal(step[4]) for step in rated.explanation if step[0] == "credit"), ZERO)
    if paid and rated.amount:
        raise NotExpressible(
            "A balance that does not reach for the whole call pays the intervals that it covers "
            "whole. An allowance of ours in money pays as far as it reaches."
        )
    return rated.amount, paid


def _rated_with_cash(
    model: Mapping[str, Any], usage: Mapping[str, Any], free: Mapping[str, Any]
) -> RatedUsage:
    allowances = dict(free)
    if Decimal(usage["cash_balance"]):
        allowances["cash"] = {"amount": plain(usage["cash_balance"])}
    price = {**model, "allowance": list(allowances)} if allowances else model
    engine = one_price(price, unit="s", allowances=allowances)
    return rated_by(engine, engine.event("x", s=usage["duration"]))


def _init_follow_freetime(vector: Vector) -> dict[str, object]:
    """Return the free seconds that a call takes, in whole intervals, and what the rest costs."""
    price, usage = vector.price, vector.usage
    rate = _per_second(price["init_rate"])
    if rate != _per_second(price["follow_rate"]):
        raise NotExpressible(
            "Free time takes the first intervals of a call, and the rest is priced as what follows "
            "them. Above an allowance of ours a call begins anew, with its first rate."
        )
    increments = f"{plain(price['init_interval'])}/{plain(price['follow_interval'])}"
    model = {"model": "per_unit", **rate, "increments": increments}
    free = {}
    if price.get("use_free_time") and usage["free_time"]:
        free["time"] = {"units": f"{plain(usage['free_time'])} s", "consume": "increments"}
    found: dict[str, object] = {"free_time_used": _rated_with_cash(model, usage, free).free}
    if {"cost", "cash_after"} & vector.expected.keys():
        cost, paid = _with_cash(model, usage, free)
        found.update(cost=cost, cash_after=Decimal(usage["cash_balance"]) - paid)
    return found


def _init_follow_peak_split(vector: Vector) -> dict[str, object]:
    """Return the cost of a call whose intervals each have the rate of the hours that they begin in.

    Only the first interval has the first rate, so that ends for all hours where the shortest does.
    """
    price, usage = vector.price, vector.usage
    of_bands = {band: price[band] for band in ("on", "off")}
    shortest = min(Decimal(str(rates["init_interval"])) for rates in of_bands.values())
    hours = {band: [_window(each) for each in found] for band, found in price["peak"].items()}
    bands = {band: hours.get(band, "otherwise") for band in of_bands}
    rates = {band: _rates(each, follow_from=shortest) for band, each in of_bands.items()}

    def rate(steps: Mapping[str, Any]) -> Decimal:
        model = {"model": "call", "bands": "peak", "bands_by": "split", "rates": rates, **steps}
        engine = one_price(model, unit="s", bands={"peak": bands})
        event = engine.event("x", at=f"2026-10-05T{usage['start']}", s=usage["duration"])
        return rated_by(engine, event).amount

    return {"total": as_printed(vector, "total", rate)}


def _window(text: str) -> str:
    """Return hours whose end is outside, of such as 08:01:00-08:01:59, where it is inside."""
    start, _, last = text.partition("-")
    hours, minutes, seconds = last.split(":")
    if start[-2:] != "00" or seconds != "59":
        raise NotExpressible("Hours of ours begin and end with a minute, these within one.")
    end = int(hours) * 60 + int(minutes) + 1
    return f"{start[:5]}-{end // 60:02}:{end % 60:02}"


def _local_hours(_: Vector) -> dict[str, object]:
    """Return nothing: there is no price in these vectors."""
    raise NotExpressible(
        "Balances that are renewed each hour of the local clock, of which the repeated one is one. "
        "Allowances of ours are of a day or a month; the price of the call is not stated."
    )


MODELS: Adapter = {
    "init_follow": _init_follow,
    "init_follow_balance": _init_follow_balance,
    "init_follow_freetime": _init_follow_freetime,
    "init_follow_peak_split": _init_follow_peak_split,
    "local_hours": _local_hours,
}
