"""Lago: charge models and aggregations.

Ranges become tiers, free events and free money become `free_records` and an allowance. A product in
EUR has the percentages, one in cents the prices that events bring with them, one in days the stays
that are prorated. Where Lago adds up what is added and removed, our usage is the level after it, as
a gauge would report it.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from typing import Any

from rating.rate import RatedUsage
from schemas.money import round_amount
from tests.conformance.engine import ZERO, Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

UNIT, EUR, CENT, DAY, RECORD = "unit", "EUR", "cent", "day", "record"
CENTS = {"places": 2}
_EVEN_SHARE = Decimal("0.0001")

Row = Mapping[str, Any]


def _number(value: object) -> Decimal:
    """Return the decimal that a value states; zero where it states none."""
    return Decimal(str(value or 0))


def _text(value: object) -> str:
    """Return a number as the catalogue writes it: no exponent."""
    return format(_number(value), "f")


def _cents(amount: Decimal) -> Decimal:
    """Return an amount in the words of keys that end in cents."""
    return amount.scaleb(2)


class Meter:
    """One price, and what the engine makes of the quantities that are rated under it."""

    def __init__(
        self,
        price: Row,
        *,
        unit: str = UNIT,
        free: object = None,
        zero_usage: str = "rate",
        below_zero: str = "refuse",
    ) -> None:
        allowances = None
        if _number(free):
            allowances = {"free": {"units": f"{_text(free)} {unit}"}}
            price = {**price, "allowance": "free"}
        self.unit = unit
        self.engine: Engine = one_price(
            price, unit=unit, allowances=allowances, zero_usage=zero_usage, below_zero=below_zero
        )
        self.falls = below_zero == "mirror"

    def rate(self, quantities: Iterable[object], **how: Any) -> list[RatedUsage]:
        """Return what each quantity comes to, one after the other."""
        return [self._rated(_number(quantity), how) for quantity in quantities]

    def _rated(self, quantity: Decimal, how: Row) -> RatedUsage:
        if quantity < ZERO and not self.falls:
            raise NotExpressible(
                "a quantity below zero, which Lago nets within its sum or takes for none: here "
                "mediation refuses it, and what was wrong is rated again"
            )
        quantities: dict[str, Any] = {self.unit: _text(quantity)}
        rated = self.engine.rate(self.engine.event("x", **quantities, **how))
        assert isinstance(rated, RatedUsage), rated
        return rated

    def amounts(self, quantities: Iterable[object], **how: Any) -> list[Decimal]:
        """Return the charge of each quantity, with what it restates."""
        return [each.amount + each.restated for each in self.rate(quantities, **how)]

    def total(self, quantities: Iterable[object]) -> Decimal:
        """Return what quantities come to in a month that is then closed."""
        return sum(self.amounts(quantities), ZERO) + self.engine.closed_amount("x")


# Units: standard, package, tiers.


def _per_unit(price: Row, **steps: Any) -> dict[str, Any]:
    return {"model": "per_unit", "amount": _text(price["amount"]), "per": f"1 {UNIT}", **steps}


def _standard(vector: Vector) -> Row:
    """Return the amount; that of one unit is printed by Lago, and charged by nobody."""
    return {"amount": Meter(_per_unit(vector.price)).total([vector.usage["units"]])}


def _package_meter(price: Row) -> Meter:
    package = {
        "model": "package",
        "size": f"{_text(price['package_size'])} {UNIT}",
        "amount": _text(price["amount"]),
    }
    return Meter(package, free=price.get("free_units"))


def _package(vector: Vector) -> Row:
    (rated,) = _package_meter(vector.price).rate([vector.usage["units"]])
    counts = [step[3] for step in rated.explanation if step[0] == "packages"]
    return {
        "amount": rated.amount + rated.restated,
        "packages": counts[0] if counts else "0",
        "paid_units": rated.billed,
    }


def _tiers(ranges: Sequence[Row], lago: str, ours: str) -> list[dict[str, str]]:
    """Return ranges as tiers: `to_value` is in its range, and what is above it in the next one."""
    tiers = []
    for each in sorted(ranges, key=lambda each: _number(each["from_value"])):
        tier = {ours: _text(each.get(lago)), "fee": _text(each.get("flat_amount"))}
        if each.get("to_value") is not None:
            tier["upto"] = _text(each["to_value"])
        tiers.append(tier)
    return tiers


def _tiered_meter(model: str, tiers: list[dict[str, str]], unit: str = UNIT) -> Meter:
    price = {
        "model": model,
        "per": f"1 {unit}",
        "tiers": tiers,
        "first_fee_without_usage": "yes",
    }
    return Meter(price, unit=unit)


def _graduated_meter(price: Row) -> Meter:
    return _tiered_meter(
        "graduated", _tiers(price["graduated_ranges"], "per_unit_amount", "amount")
    )


def _graduated_percentage_meter(price: Row) -> Meter:
    tiers = _tiers(price["graduated_percentage_ranges"], "rate", "percent")
    return _tiered_meter("graduated", tiers, EUR)


def _graduated(vector: Vector) -> Row:
    return {"amount": _graduated_meter(vector.price).total([vector.usage["units"]])}


def _graduated_percentage(vector: Vector) -> Row:
    return {"amount": _graduated_percentage_meter(vector.price).total([vector.usage["units"]])}


def _graduated_percentage_sequence(vector: Vector) -> Row:
    meter = _graduated_percentage_meter(vector.price)
    marginal = meter.amounts(each["units"] for each in vector.usage)
    return {"marginal": marginal, "total": sum(marginal, ZERO)}


def _volume(vector: Vector) -> Row:
    units, full = vector.usage["units"], vector.usage.get("full_units_number")
    if vector.price.get("prorated") and full is not None and _number(full) != _number(units):
        raise NotExpressible(
            "the tier of whole units for the price of a share of them that is no whole number of "
            "days: here it is each day that is priced by its level (aggregate: daily)"
        )
    tiers = _tiers(vector.price["volume_ranges"], "per_unit_amount", "amount")
    return {"amount": _tiered_meter("volume", tiers).total([units])}


# Percentages of what each transaction is worth.


def _percentage_meter(price: Row) -> Meter:
    """Return the meter of a percentage with a fee, bounds for each event and what is free. With
    bounds, Lago goes by the free amount alone where free events stand beside it."""
    stated: dict[str, Any] = {
        "model": "percentage",
        "percent": _text(price["rate"]),
        "fee": _text(price.get("fixed_amount")),
    }
    for ours, lago in (("least", "min"), ("most", "max")):
        bound = price.get(f"per_transaction_{lago}_amount")
        if bound is not None:
            stated[ours] = {"event": _text(bound)}
    amount, events = (price.get(f"free_units_per_{of}") for of in ("total_aggregation", "events"))
    has_bounds = bool({"least", "most"} & stated.keys())
    if _number(events) and not (has_bounds and _number(amount)):
        stated["free_records"] = _text(events)
    return Meter(stated, unit=EUR, free=amount)


def _transactions(meter: Meter, price: Row, amounts: Sequence[object]) -> list[RatedUsage]:
    """Return the charges of transactions of these amounts."""
    free = _number(price.get("free_units_per_total_aggregation"))
    if free and free in accumulate(map(_number, amounts)):
        raise NotExpressible(
            "a transaction that uses up the free amount to the cent: Lago charges its fee with "
            "nothing left to charge it on; here what is free altogether costs nothing"
        )
    return meter.rate(amounts)


def _amounts(usage: Row) -> list[Decimal]:
    """Return amounts of transactions that have a number, a sum and the first running sums."""
    units, count = _number(usage["units"]), int(usage["events_count"])
    if not units:
        return [ZERO] * count
    sums = [ZERO, *map(_number, usage.get("running_total") or ())]
    known = [after - before for before, after in pairwise(sums)]
    others = count - len(known)
    if not others:
        return known
    left = units - sums[-1]
    share = left // (others * _EVEN_SHARE) * _EVEN_SHARE
    return [*known, *[share] * (others - 1), left - share * (others - 1)]


def _percentage(vector: Vector) -> Row:
    meter = _percentage_meter(vector.price)
    rated = _transactions(meter, vector.price, _amounts(vector.usage))
    paid = sum(each.billed > ZERO for each in rated)
    return {
        "amount": sum((each.amount for each in rated), ZERO),
        "free_units": sum((each.free for each in rated), ZERO),
        "paid_units": sum((each.billed for each in rated), ZERO),
        "free_events": len(rated) - paid,
        "paid_events": paid,
    }


def _percentage_of_each(price: Row, amounts: Sequence[object]) -> list[Decimal]:
    meter = _percentage_meter(price)
    return [each.amount for each in _transactions(meter, price, amounts)]


def _percentage_min_max(vector: Vector) -> Row:
    amounts = _percentage_of_each(vector.price, vector.usage["events"])
    return {
        "amount": sum(amounts, ZERO),
        "per_event": amounts,
        "cumulative_amount_cents": _cumulative_cents(amounts),
    }


def _cumulative_cents(amounts: Iterable[Decimal]) -> list[Decimal]:
    return [_cents(total) for total in accumulate(amounts)]


def _percentage_cumulative(vector: Vector) -> Row:
    amounts = _percentage_of_each(vector.price, [each["amount"] for each in vector.usage])
    return {"cumulative_amount_cents": _cumulative_cents(amounts)}


# In advance: the fee of each event.


def _in_advance(amounts: Iterable[Decimal]) -> dict[str, Any]:
    return {"fee_cents": [_cents(amount) for amount in amounts]}


def _percentage_in_advance(vector: Vector) -> Row:
    return _in_advance(_percentage_of_each(vector.price, [each["amount"] for each in vector.usage]))


def _standard_in_advance(vector: Vector) -> Row:
    counts = vector.price.get("_aggregation") == "count_agg"
    price = _per_unit(vector.price)
    if counts:
        price["per"] = f"1 {RECORD}"
    meter = Meter(price, unit=RECORD if counts else UNIT)
    return _in_advance(meter.amounts(each.get("units", 1) for each in vector.usage))


def _units_in_advance(meter_of: Callable[[Row], Meter]) -> Callable[[Vector], Row]:
    """Return the adapter of a model whose price is that of the units so far."""

    def rate(vector: Vector) -> Row:
        return _in_advance(meter_of(vector.price).amounts(each["units"] for each in vector.usage))

    return rate


def _sum_in_advance(vector: Vector) -> Row:
    """Return the fees of a running sum that is paid for up to the most that it was."""
    levels = accumulate(_number(each["units"]) for each in vector.usage)
    rated = Meter(_per_unit(vector.price, aggregate="max")).rate(levels)
    fees = _in_advance(each.amount for each in rated)
    return {**fees, "fee_units": [each.billed for each in rated]}


def _unique_in_advance(vector: Vector) -> Row:
    """Return the fees of ids of which the most that were there at once are paid for."""
    levels = _numbers_there(vector.usage, "unique_id", "operation_type")
    return _in_advance(Meter(_per_unit(vector.price, aggregate="max")).amounts(levels))


def _numbers_there(usage: Iterable[Row], name: str, operation: str) -> list[int]:
    """Return how many ids are there after each event."""
    there: set[object] = set()
    levels = []
    for each in usage:
        if each.get(operation) == "remove":
            there.discard(each[name])
        else:
            there.add(each[name])
        levels.append(len(there))
    return levels


def _prorated_in_advance(vector: Vector) -> Row:
    """Return the fee of what is added on a day and stays to the end of the calendar month."""
    added = _date(vector.usage["add_day"])
    last = added.replace(day=calendar.monthrange(added.year, added.month)[1])
    meter = _days_meter(vector.price["amount"], vector.price["days_in_period"])
    (amount,) = meter.amounts([len(_days(added, last))])
    return {"fee_cents": _cents(amount)}


# Prices that the events bring with them.


def _dynamic_price(**steps: Any) -> dict[str, Any]:
    tiers = [{"amount": "0.01"}]
    return {"model": "graduated", "per": f"1 {CENT}", "tiers": tiers, **steps}


def _brought(usage: Iterable[Row]) -> list[object]:
    """Return the prices, in cents, of the events that have units."""
    return [each["precise_total_amount_cents"] for each in usage if _number(each.get("units", 1))]


def _dynamic(vector: Vector) -> Row:
    return {"amount": Meter(_dynamic_price(), unit=CENT).total(_brought([vector.usage]))}


def _dynamic_cumulative(vector: Vector) -> Row:
    meter = Meter(_dynamic_price(rounding=CENTS), unit=CENT)
    return {"cumulative_cents_rounded": _cumulative_cents(meter.amounts(_brought(vector.usage)))}


def _dynamic_in_advance(vector: Vector) -> Row:
    price = {"model": "per_unit", "amount": "0.01", "per": f"1 {CENT}", "rounding": CENTS}
    return _in_advance(Meter(price, unit=CENT).amounts(_brought(vector.usage)))


def _dynamic_grouped(vector: Vector) -> Row:
    meter = Meter(_dynamic_price(rounding=CENTS), unit=CENT)
    groups = _by_group(vector, meter, lambda each: _brought([each]))
    return {"groups": {name: _cents(amount) for name, amount in groups.items()}}


def _by_group(
    vector: Vector, meter: Meter, quantities: Callable[[Row], list[object]]
) -> dict[str, Decimal]:
    """Return what each group comes to: as a subscription, whose months are its own."""
    (key,) = vector.price["grouped_by"]
    found: dict[str, Decimal] = {}
    for each in vector.usage:
        group = str(each[key])
        amounts = meter.amounts(quantities(each), subscription=group)
        found[group] = found.get(group, ZERO) + sum(amounts, ZERO)
    return found


def _standard_grouped(vector: Vector) -> Row:
    meter = Meter(_per_unit(vector.price))
    found = _by_group(vector, meter, lambda each: [each["units"]])
    groups = {name: _cents(amount) for name, amount in found.items()}
    return {"groups": groups, "amount_cents": sum(groups.values(), ZERO)}


def _standard_filtered(vector: Vector) -> Row:
    """Return the amounts by what the filters ask for, each a product of its own: the mapping of a
    source says which product a record is of."""
    filters = [
        ({key: value for key, value in each.items() if key != "amount"}, Meter(_per_unit(each)))
        for each in vector.price["filters"]
    ]
    otherwise = Meter(_per_unit(vector.price))
    found: dict[str, Decimal] = {}
    for each in vector.usage:
        fits = [(asked, meter) for asked, meter in filters if _fits(asked, each)]
        asked, meter = max(fits, key=lambda fit: len(fit[0]), default=({}, otherwise))
        name = ",".join(str(each[key]) for key in asked) or "default"
        (amount,) = meter.amounts([each["units"]])
        found[name] = found.get(name, ZERO) + _cents(amount)
    return {"by_filter_cents": found, "amount_cents": sum(found.values(), ZERO)}


def _fits(asked: Row, event: Row) -> bool:
    """Return whether an event has the values that a filter asks for, one of each list."""
    return all(
        event.get(key) in (value if isinstance(value, list) else [value])
        for key, value in asked.items()
    )


# What a metric makes of its events: the charge at a price of one for each unit.


def _metric(*, below_zero: str = "refuse", **steps: Any) -> Meter:
    price = _per_unit({"amount": 1}, **steps)
    return Meter(price, zero_usage="price", below_zero=below_zero)


def _rounded_units(vector: Vector) -> Row:
    rule, places = vector.price.get("rounding_function"), vector.price.get("rounding_precision")
    steps = {}
    if rule:
        to = _text(Decimal(1).scaleb(-int(places or 0)))
        names = {"round": "half_up", "ceil": "up", "floor": "down"}
        steps["round_units"] = {"to": f"{to} {UNIT}", "rule": names[rule]}
    (rated,) = _metric(**steps).rate([vector.usage["units"]])
    return {"units": rated.billed}


def _values(vector: Vector, name: str = "value") -> list[Row]:
    """Return the events that the metric looks at: with a number, of its filter, of its time."""
    asked = vector.price.get("filter") or {}
    return [
        each
        for each in vector.usage
        if (name != "value" or _is_number(each.get(name)))
        and _fits(asked, each)
        and (vector.price.get("recurring") or each.get("in_period", True))
    ]


def _is_number(value: object) -> bool:
    try:
        return Decimal(str(value)).is_finite()
    except InvalidOperation:
        return False


def _sum_metric(vector: Vector) -> Row:
    """Return the sum; of a metric that goes on over the months it is a level."""
    values = [_number(each["value"]) for each in _values(vector)]
    if vector.price.get("recurring"):
        return {"aggregation": _metric(aggregate="latest").total(accumulate(values))}
    return {"aggregation": _metric().total(values)}


def _max_metric(vector: Vector) -> Row:
    values = [each["value"] for each in _values(vector)]
    return {"aggregation": _metric(aggregate="max").total(values)}


def _latest_metric(vector: Vector) -> Row:
    values = [each["value"] for each in _values(vector)]
    return {"aggregation": _metric(aggregate="latest", below_zero="mirror").total(values)}


def _unique_metric(vector: Vector) -> Row:
    """Return how many ids there are: of those that only come, the engine counts each once."""
    events = _values(vector, "id")
    if any(each.get("op") == "remove" for each in events):
        levels = _numbers_there(events, "id", "op")
        return {"aggregation": _metric(aggregate="latest").total(levels)}
    meter = _metric(aggregate="unique", unique_by="id")
    amounts = [meter.amounts([1], attributes={"id": str(each["id"])}) for each in events]
    return {"aggregation": sum((amount for (amount,) in amounts), ZERO)}


def _aggregated_standard(aggregate: str) -> Callable[[Vector], Row]:
    """Return the adapter of a metric with a price for each of its units."""

    def rate(vector: Vector) -> Row:
        meter = Meter(_per_unit(vector.price, aggregate=aggregate), zero_usage="price")
        amounts = meter.amounts(each["value"] for each in _values(vector))
        return {"cumulative_cents": _cumulative_cents(amounts)}

    return rate


def _refused(why: str) -> Callable[[Vector], Row]:
    """Return the adapter of a model that our catalogue has no form for."""

    def rate(vector: Vector) -> Row:
        raise NotExpressible(why)

    return rate


def _weighted_sum(vector: Vector) -> Row:
    """Return the average of a level, whose changes are the usage: what it begins with is the first of
    them. The month is that of its first day."""
    meter = Meter(
        _per_unit({"amount": vector.price.get("amount", 1)}, aggregate="time_weighted"),
        below_zero="mirror",
    )
    start = {"at": vector.price["period"]["from"], "value": vector.price["initial_value"]}
    total = sum(
        (
            amount
            for each in (start, *vector.usage)
            for amount in meter.amounts([each["value"]], at=each["at"])
        ),
        ZERO,
    )
    return {"aggregation_5dp": total, "amount_cents": _cents(total)}


# Proration: by the days on which something was there.


def _date(at: str) -> dt.date:
    return dt.date.fromisoformat(at[:10])


def _days(first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the days from the first to the last, which is one of them."""
    return [first + dt.timedelta(days=day) for day in range((last - first).days + 1)]


def _days_meter(amount: object, days: object, **steps: Any) -> Meter:
    """Return the meter of days, so many of which cost the amount."""
    tiers = [{"amount": _text(amount)}]
    price = {"model": "graduated", "per": f"{_text(days)} {DAY}", "tiers": tiers, **steps}
    return Meter(price, unit=DAY)


FIVE_PLACES_UP = {"rule": "up", "places": 5}


def _prorated_sum(vector: Vector) -> Row:
    """Return the sum by days: what a gauge reads each evening, each a day's share of the price."""
    period = vector.price["period"]
    first, whole = _date(period["from"]), int(period["days"])
    last = _date(period["to"]) if "to" in period else first + dt.timedelta(days=whole - 1)
    readings = [
        sum((_number(each["value"]) for each in vector.usage if _is_there(each, day)), ZERO)
        for day in _days(first, last)
    ]
    meter = _days_meter(1, whole, rounding=FIVE_PLACES_UP)
    return {"aggregation": meter.total(readings)}


def _is_there(event: Row, day: dt.date) -> bool:
    return bool(event.get("before_period")) or _date(event["at"]) <= day


def _prorated_unique(vector: Vector) -> Row:
    """Return the ids by days: the days on which each was there are a record of its own."""
    period = vector.price["period"]
    days = set(_days(_date(period["from"]), _date(period["to"])))
    meter = _days_meter(1, period["days"], rounding=FIVE_PLACES_UP)
    ids = dict.fromkeys(each["id"] for each in vector.usage)
    stays = (_days_there(vector.usage, name, max(days)) for name in ids)
    return {"aggregation": meter.total(len(stay & days) for stay in stays)}


def _days_there(usage: Iterable[Row], name: object, last: dt.date) -> set[dt.date]:
    """Return the days on which an id was there, those of coming and of going among them."""
    found: set[dt.date] = set()
    since: dt.date | None = None
    for each in sorted(usage, key=lambda each: str(each["at"])):
        if each["id"] != name:
            continue
        if each.get("op") != "remove":
            since = since or _date(each["at"])
        elif since is not None:
            found.update(_days(since, _date(each["at"])))
            since = None
    return found if since is None else found | set(_days(since, last))


def _unique_days(vector: Vector) -> Row:
    meter = _days_meter(1, vector.price["denominator"])
    return {"aggregation_3dp": meter.total(each["days"] for each in vector.usage)}


_PRORATED_MONTH = dt.date(
    2023, 9, 1
)  # where a vector has shares of a month of 30 days, and no dates
_DAYS_OF_IT = 30


def _prorated_tiers_meter(price: Row) -> Meter:
    """Return the meter of a level whose days are each priced by the tiers that it reaches."""
    tiers = _tiers(price["graduated_ranges"], "per_unit_amount", "amount")
    stated = {
        "model": "graduated",
        "per": f"1 {UNIT}",
        "tiers": tiers,
        "aggregate": "daily",
        "first_fee_without_usage": "yes",
    }
    return Meter(stated, below_zero="mirror")


def _prorated_graduated(vector: Vector) -> Row:
    """Return the amount of changes, each on the day that leaves so much of the month."""
    full, prorated = (
        list(map(_number, vector.usage[f"{of}_units"])) for of in ("full", "prorated")
    )
    days = [_day_that_leaves(share, units) for share, units in zip(prorated, full, strict=True)]
    if days != sorted(days):
        raise NotExpressible(
            "what is removed on an earlier day than that on which it was added: Lago takes changes "
            "in the order in which they arrive, here each day has the level that it had"
        )
    meter = _prorated_tiers_meter(vector.price)
    amounts = [
        amount
        for units, day in zip(full, days, strict=True)
        for amount in meter.amounts([units], at=day.isoformat())
    ]
    closed = meter.engine.closed_amount("x", at=_PRORATED_MONTH.isoformat())
    return {"amount_2dp": sum(amounts, ZERO) + closed}


def _day_that_leaves(prorated: Decimal, units: Decimal) -> dt.date:
    left = round(Fraction(prorated) / Fraction(units) * _DAYS_OF_IT)
    return _PRORATED_MONTH + dt.timedelta(days=_DAYS_OF_IT - left)


def _prorated_graduated_month(vector: Vector) -> Row:
    """Return what each month comes to after each change; the level that it begins with is the first
    of them."""
    meter = _prorated_tiers_meter(vector.price)
    periods: list[dict[str, Any]] = []
    level = ZERO
    for first, changes in groupby(vector.usage, lambda each: _date(each["at"]).replace(day=1)):
        days = calendar.monthrange(first.year, first.month)[1]
        period: dict[str, Any] = {"from": first.isoformat(), "days": days}
        total = ZERO
        if level:
            (total,) = meter.amounts([level], at=first.isoformat())
            period |= {"carried_in_units": level, "carried_in_cents": _cents(total)}
        totals = []
        for each in changes:
            total += meter.amounts([each["units"]], at=each["at"])[0]
            totals.append(total)
            level += _number(each["units"])
        periods.append({**period, "cumulative_cents": _whole_cents(totals)})
    return {"periods": periods}


def _whole_cents(totals: Iterable[Decimal]) -> list[Decimal]:
    """Return amounts in whole cents, as Lago prints them."""
    return [round_amount(_cents(total), decimal_places=0) for total in totals]


def _graduated_level(vector: Vector) -> Row:
    """Return the last period of a sum that goes on over periods: the level that it is then."""
    last = max(each["period"] for each in vector.usage)
    changes = accumulate(_number(each["units"]) for each in vector.usage)
    levels = [
        level for each, level in zip(vector.usage, changes, strict=True) if each["period"] == last
    ]
    tiers = _tiers(vector.price["graduated_ranges"], "per_unit_amount", "amount")
    price = {"model": "graduated", "per": f"1 {UNIT}", "tiers": tiers, "aggregate": "latest"}
    amounts = Meter(price, zero_usage="price").amounts(levels)
    return {f"period{last}_amount_cents": _cents(sum(amounts, ZERO))}


def _spending_minimum(vector: Vector) -> Row:
    price = vector.price
    if price.get("filters"):
        raise NotExpressible(
            "a minimum over several prices of a charge: here it is that of one price, or of an "
            "invoice"
        )
    least = {"month": _text(_number(price["min_amount_cents"]).scaleb(-2)), "by_days": "yes"}
    meter = Meter(_per_unit(price, least=least, rounding=CENTS))
    usage = vector.usage if isinstance(vector.usage, list) else [vector.usage]
    used = sum(meter.amounts(each["units"] for each in usage), ZERO)
    days = int(price["period_days"])
    true_up = meter.engine.closed_amount(
        "x", days=int(price.get("billed_days", days)), days_of_month=days
    )
    return {
        "usage_fee_cents": _cents(used),
        "true_up_cents": _cents(true_up),
        "fees_cents": _cents(used + true_up),
    }


MODELS: Adapter = {
    "standard": _standard,
    "standard_filtered": _standard_filtered,
    "standard_grouped": _standard_grouped,
    "package": _package,
    "graduated": _graduated,
    "graduated_percentage": _graduated_percentage,
    "graduated_percentage_sequence": _graduated_percentage_sequence,
    "volume": _volume,
    "percentage": _percentage,
    "percentage_min_max": _percentage_min_max,
    "percentage_cumulative": _percentage_cumulative,
    "pay_in_advance/percentage": _percentage_in_advance,
    "pay_in_advance/percentage_min_max": _percentage_in_advance,
    "pay_in_advance/standard": _standard_in_advance,
    "pay_in_advance/graduated": _units_in_advance(_graduated_meter),
    "pay_in_advance/graduated_percentage": _units_in_advance(_graduated_percentage_meter),
    "pay_in_advance/package": _units_in_advance(_package_meter),
    "pay_in_advance/unique_count": _unique_in_advance,
    "pay_in_advance/sum_high_water": _sum_in_advance,
    "pay_in_advance/dynamic": _dynamic_in_advance,
    "prorated_pay_in_advance": _prorated_in_advance,
    "dynamic": _dynamic,
    "dynamic_cumulative": _dynamic_cumulative,
    "dynamic_grouped": _dynamic_grouped,
    "prorated_graduated": _prorated_graduated,
    "prorated_graduated_month": _prorated_graduated_month,
    "prorated_graduated_note": _graduated_level,
    "unit_rounding": _rounded_units,
    "agg_sum": _sum_metric,
    "agg_max": _max_metric,
    "agg_max_standard": _aggregated_standard("max"),
    "agg_latest": _latest_metric,
    "agg_latest_standard": _aggregated_standard("latest"),
    "agg_unique_count": _unique_metric,
    "agg_weighted_sum": _weighted_sum,
    "agg_weighted_sum_standard": _weighted_sum,
    "agg_prorated_sum": _prorated_sum,
    "agg_prorated_unique_count": _prorated_unique,
    "agg_prorated_unique_days": _unique_days,
    "spending_minimum": _spending_minimum,
}
