"""Sessions: OCPI charging sessions and SigScale OCS credit sessions; what telephony shares with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from rating.rate import RatedUsage
from schemas.usage import UsageEvent
from tests.conformance.engine import ZERO, Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_OF_KIND = {"kwh": ("Wh", "kWh", 1000), "min": ("s", "h", 60)}
"""Of a measurement in a period: the unit of its product, that of its price, what one comes to."""
_EXACTLY = "0.000001"


# What telephony uses too.


def plain(value: object) -> str:
    """Return a number as a catalogue has it: no exponent, no sign of a float."""
    return format(Decimal(str(value)), "f")


def rated_by(engine: Engine, event: UsageEvent) -> RatedUsage:
    """Return the charge for an event that has a price."""
    rated = engine.rate(event)
    assert isinstance(rated, RatedUsage), rated
    return rated


def as_printed(vector: Vector, key: str, rate: Callable[[Mapping[str, Any]], Decimal]) -> Decimal:
    """Return what ``rate`` gives, with the decimals that a page prints: where ours has more, the
    prices have the rounding of the page. ``rate`` takes the steps to add to each price."""
    exact = vector.exact.get(key) if isinstance(vector.exact, Mapping) else vector.exact
    figure = vector.expected.get(key) if exact is None else exact
    amount = rate({})
    if figure is None or _decimals(amount) <= _decimals(figure):
        return amount
    return rate({"rounding": {"places": _decimals(figure)}})


def _decimals(value: object) -> int:
    """Return the decimals that are printed; of an amount of ours, without zeros at the end."""
    text = plain(value)
    if isinstance(value, Decimal):
        text = text.rstrip("0") if "." in text else text
    return len(text.partition(".")[2])


class Stretch(NamedTuple):
    """A part of a record that has a rate of its own."""

    increments: Decimal
    units: Decimal


def stretches_of(rated: RatedUsage) -> list[Stretch]:
    """Return the parts of a record that a price of the model call is charged in, in order."""
    found = []
    for step in rated.explanation:
        if step[0] == "stretch":
            increments, units = Decimal(step[3]), Decimal(step[4])
            found.append(Stretch(increments, increments * units))
    return found


# SigScale OCS: one price for the total of a session; balances are kept outside.


def _ocs_session(vector: Vector) -> dict[str, object]:
    """Return what a session is charged; a reservation without usage is charged like that usage."""
    usage, unit = vector.usage, vector.price["units"]
    reports = [*usage.get("interims", ()), *([usage["final"]] if "final" in usage else ())]
    used = sum(reports) if reports else usage["reserve"]
    balance = Decimal(usage["balance"] if "balance" in usage else sum(usage["buckets"]))
    in_units = usage.get("bucket_units") == unit
    price = {"model": "per_unit", **_whole_sizes(vector.price)}
    allowances = None
    if in_units and balance:
        price["allowance"] = "bucket"
        allowances = {"bucket": {"units": f"{plain(balance)} {unit}"}}
    engine = one_price(price, unit=unit, allowances=allowances)
    rated = rated_by(engine, engine.event("x", **{unit: used}))
    if in_units:
        return {"charged": rated.amount, "bucket_after": balance - rated.free}
    if not reports and rated.amount > balance:
        raise NotExpressible(
            "A reservation that the balance does not cover is refused before anything is used: that "
            "is online charging. Ours rates what was used, and never stops it."
        )
    found: dict[str, object] = {"charged": rated.amount, "balance_after": balance - rated.amount}
    return found if reports else {**found, "granted": rated.billed}


def _whole_sizes(price: Mapping[str, Any]) -> dict[str, Any]:
    size = plain(price["size"])
    return {"amount": plain(price["amount"]), "per": size, "increments": f"{size}/{size}"}


def _ocs_time_of_day(vector: Vector) -> dict[str, object]:
    """Return the price of the hours in which a session starts, and its charge."""
    prices, usage = vector.price["prices"], vector.usage
    names = {f"hours-{number}": price for number, price in enumerate(prices)}
    unit = prices[0]["units"]
    rates = {
        code: [
            {
                "amount": plain(price["amount"]),
                "per": plain(price["size"]),
                "increment": plain(price["size"]),
            }
        ]
        for code, price in names.items()
    }
    hours = {
        code: [f"{_clock(price['from_min'])}-{_clock(price['to_min'])}"]
        for code, price in names.items()
    }
    engine = one_price(
        {"model": "call", "bands": "day", "bands_by": "start", "rates": rates},
        unit=unit,
        bands={"day": hours},
    )
    event = engine.event("x", at=f"2026-10-05T{usage['start']}", **{unit: usage[unit]})
    rated = rated_by(engine, event)
    band = next(step[1] for step in rated.explanation if step[0] == "band")
    return {"price": names[band]["name"], "charged": rated.amount}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


# OCPI: a product for each dimension of a session, and an event for each.


class _Dimension(NamedTuple):
    """The periods of a session in one dimension, each at the price of its own tariff element."""

    periods: Sequence[Mapping[str, Any]]
    rounded: bool  # to whole steps of the last period

    @property
    def kind(self) -> str:
        """Return what was measured; nothing of a flat fee."""
        return next((kind for kind in _OF_KIND if kind in self.periods[0]), "")

    @property
    def units(self) -> list[Decimal]:
        """Return what was used in each period, in the unit of the product."""
        times = _OF_KIND[self.kind][2]
        return [Decimal(str(period[self.kind])) * times for period in self.periods]


def _ocpi_session(vector: Vector) -> dict[str, object]:
    """Return the sum of the charges of a session, and what of each period is billed. Taxes are of
    the invoice; totals with them are not given."""
    if "amount" not in vector.expected and "incl" in vector.expected:
        raise NotExpressible("A charge is before tax; taxes are of the invoice.")
    dimensions = _dimensions(vector.usage)
    charges: list[tuple[_Dimension, RatedUsage]] = []

    def rate(steps: Mapping[str, Any]) -> Decimal:
        charges[:] = _charges(_bounds(vector.price), dimensions, steps)
        return sum((rated.amount for _, rated in charges), ZERO)

    amount = as_printed(vector, "amount", rate)
    return {
        "amount": amount,
        **{f"billed_{kind}": _billed(charges, kind) for kind in _OF_KIND},
    }


def _billed(charges: Iterable[tuple[_Dimension, RatedUsage]], kind: str) -> list[Decimal]:
    """Return what is billed of each period, in the unit that a session measures it in."""
    found = []
    for dimension, rated in charges:
        if dimension.kind == kind:
            parts = [stretch.units for stretch in stretches_of(rated)] or [rated.billed]
            found += [part / _OF_KIND[kind][2] for part in parts]
    return found


def _dimensions(rows: Sequence[Mapping[str, Any]]) -> list[_Dimension]:
    """Return the dimensions in order; each flat fee is one. Of charging and parking time the one
    that the session ends with is rounded to steps; energy and reservations always are."""
    ends_with = [row["dim"] for row in rows if row["dim"] in ("TIME", "PARKING_TIME")][-1:]
    found: dict[object, list[Mapping[str, Any]]] = {}
    for number, row in enumerate(rows):
        found.setdefault(number if row["type"] == "FLAT" else row["dim"], []).append(row)
    return [
        _Dimension(
            periods,
            periods[0]["type"] != "FLAT"
            and (dim not in ("TIME", "PARKING_TIME") or dim in ends_with),
        )
        for dim, periods in found.items()
    ]


def _charges(
    bounds: Mapping[str, Any], dimensions: Sequence[_Dimension], steps: Mapping[str, Any]
) -> list[tuple[_Dimension, RatedUsage]]:
    """Return the charge for each dimension; one for the start fee and what it is the start of where
    the session has a least or a most, which are of an event."""
    steps = {**steps, **bounds}
    if bounds and len(dimensions) > 1:
        measured = [each for each in dimensions if each.kind]
        if len(measured) > 1 or len(dimensions) > 2:
            raise NotExpressible(
                "The least and the most are of the session, over several dimensions with prices of "
                "their own; ours are of one price, for an event, a day or a month."
            )
        (start,) = (each for each in dimensions if not each.kind)
        steps["connect_fee"] = plain(start.periods[0]["price"])
        dimensions = measured
    found = []
    for dimension in dimensions:
        unit = _OF_KIND[dimension.kind][0] if dimension.kind else "record"
        price = _price(dimension) | steps
        engine = one_price(price, unit=unit, zero_usage="price" if bounds else "rate")
        used: dict[str, Any] = {unit: sum(dimension.units)} if dimension.kind else {}
        found.append((dimension, rated_by(engine, engine.event("x", **used))))
    return found


def _bounds(price: Mapping[str, Any]) -> dict[str, Any]:
    return {
        ours: {"event": plain(price[theirs]["before"])}
        for ours, theirs in (("least", "min_price"), ("most", "max_price"))
        if "before" in price.get(theirs, ())
    }


def _price(dimension: _Dimension) -> dict[str, Any]:
    """Return the price of a dimension. Its total is rounded up to steps, so what that adds lies in
    the last period. A period begins where the ones before it end, in units of the dimension."""
    amounts = [plain(period["price"]) for period in dimension.periods]
    if not dimension.kind:
        return {"model": "flat", "amount": amounts[0]}
    unit, per, _ = _OF_KIND[dimension.kind]
    rounding = {}
    if dimension.rounded:
        step = plain(dimension.periods[-1]["step_size"])
        rounding = {"round_units": {"to": f"{step} {unit}", "rule": "up"}}
    if len(amounts) == 1:
        return {"model": "per_unit", "amount": amounts[0], "per": f"1 {per}", **rounding}
    begins = [ZERO, *accumulate(dimension.units)]
    rates = [
        {"amount": amount, "per": f"1 {per}", "increment": _EXACTLY}
        | ({"from": plain(begin)} if begin else {})
        for amount, begin in zip(amounts, begins, strict=False)
    ]
    return {"model": "call", "rates": rates, **rounding}


MODELS: Adapter = {
    "ocs_session": _ocs_session,
    "ocs_time_of_day": _ocs_time_of_day,
    "ocpi_session": _ocpi_session,
}
