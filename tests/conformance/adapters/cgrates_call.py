"""A call rated by the tariff plan of its subject, or by rates alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from rating.rate import RatedUsage
from schemas.refusal import Refused
from tests.conformance.adapters.cgrates_catalogue import (
    UNCOVERED,
    Asked,
    plain,
    translated,
)
from tests.conformance.adapters.cgrates_tariff import (
    ANY,
    NANOSECONDS,
    Entries,
    Row,
    Tariff,
    is_number,
    moment,
)
from tests.conformance.engine import Engine
from tests.conformance.outcome import NotExpressible

Stated = Mapping[str, Any]
"""A price, a usage or a balance, in the words of the system."""


class Call(NamedTuple):
    """What the engine made of a call."""

    rated: RatedUsage
    prefix: str
    rows: dict[str, Row]  # of its price, by band
    engine: Engine

    def steps(self, code: str) -> list[tuple[str, ...]]:
        """Return the steps of the explanation that begin with a code."""
        return [step for step in self.rated.explanation if step[0] == code]


def rated_call(
    price: Stated,
    usage: Stated,
    *,
    is_rounded: bool = True,
    allowances: Stated | None = None,
    fee: str = "",
) -> Call | None:
    """Return a call rated by the plans of its subject; None where it is refused."""
    start, used_ns = moment(usage["time_start"]), _used_ns(usage)
    unit = "ns" if "usage_ns" in usage else "s"
    entries = Tariff(price).entries(usage, start)
    splits = usage.get("tor", "*voice") == "*voice" and unit == "s"
    if splits:
        _check_activations(price, usage, entries)
    if not entries:
        return None
    asked = Asked(
        product=str(usage.get("tor", "*voice")).removeprefix("*"),
        unit=unit,
        start=start,
        splits=splits,
        has_fee=not usage.get("loop_index"),
        is_rounded=is_rounded,
        places=price.get("rounding_decimals"),
    )
    tariff = translated(entries, asked, allowances=allowances, fee=fee)
    engine = Engine(tariff.sections)
    destination = str(usage["destination"])
    event = engine.event(
        asked.product,
        at=usage["time_start"],
        ends=usage.get("time_end"),
        to=destination.removeprefix("+") if is_number(destination) else None,
        **{unit: plain(used_ns / NANOSECONDS[unit])},
    )
    rated = engine.rate(event)
    if isinstance(rated, Refused):
        return None
    assert isinstance(rated, RatedUsage), rated
    code = rated.price_id.partition("/")[2]
    call = Call(rated, tariff.prefixes[code], tariff.rows[code], engine)
    _check_rows_met(call)
    return call


def _used_ns(usage: Stated) -> Decimal:
    if "usage_ns" in usage:
        return Decimal(usage["usage_ns"])
    lasted = moment(usage["time_end"]) - moment(usage["time_start"])
    return Decimal(lasted // dt.timedelta(microseconds=1)) * NANOSECONDS["us"]


def _check_activations(price: Stated, usage: Stated, entries: Entries) -> None:
    """Complain where another price comes into force while the call lasts."""
    tariff, to = Tariff(price), str(usage["destination"])
    start, end = moment(usage["time_start"]), moment(usage["time_end"])
    of_start = reached(entries, to)
    later = [tariff.entries(usage, at) for at in tariff.activations(start, end)]
    if any(reached(each, to) != of_start for each in later):
        raise NotExpressible(
            "a plan that comes into force within a call cuts it, there alone; with us, as with most, "
            "a price list changes between calls: the version of the call's day prices all of it"
        )


def reached(entries: Entries, destination: str) -> Entries:
    """Return the entries that a destination matches, the best first."""
    return [each for each in entries if each[0] == ANY or destination.startswith(each[0])]


def _check_rows_met(call: Call) -> None:
    """Complain where what a price states once would be that of several rows."""
    bands = {step[1] for step in call.steps("band") or call.steps("stretch")}
    if UNCOVERED in bands:
        raise NotExpressible(
            "the plan has no price in some of the hours of the call; a set of bands covers the week, "
            "and each of its bands has a price"
        )
    if len({call.rows[band].of_the_call for band in bands}) > 1:
        raise NotExpressible(
            "the hours that the call meets have roundings, or most costs, of their own; those are of "
            "a price as a whole with us, whatever its bands"
        )


def groups_of(price: Stated) -> list[dict[str, str]]:
    """Return rates, whichever way they are stated: start, rate, unit and increment of each."""
    groups = []
    for stated in price.get("groups", [price]):
        named = {key.removesuffix("_s").removeprefix("rate_"): v for key, v in stated.items()}
        keys = ("start", "rate", "unit", "increment")
        groups.append({key: plain(Decimal(named.get(key, 0))) for key in keys})
    return sorted(groups, key=lambda group: Decimal(group["start"]))


def call_of(
    groups: Sequence[Mapping[str, str]], *, fee: str = "0", places: int | None = None
) -> dict[str, Any]:
    """Return the price of a call at rates that follow each other."""
    rates = []
    for group in groups:
        rate = {"amount": group["rate"], "per": group["unit"], "increment": group["increment"]}
        if Decimal(group["start"]):
            rate["from"] = group["start"]
        rates.append(rate)
    price: dict[str, Any] = {"model": "call", "rates": rates, "connect_fee": fee}
    if places is not None:
        price["increment_rounding"] = {"places": places}
    return price


def rate_one(engine: Engine, unit: str, used: Decimal) -> RatedUsage:
    """Return an event of the only product, rated."""
    rated = engine.rate(engine.event("x", **{unit: plain(used)}))
    assert isinstance(rated, RatedUsage), rated
    return rated
