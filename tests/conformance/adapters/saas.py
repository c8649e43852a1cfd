"""Meters of SaaS billing: EarnBill, Stripe, Flexprice, Meteroid and others; percentiles; hours.

Where a system has a period of its own (an hour, a bucket, the year of a commitment), it is the
period of ours here, the month: the periods of one price are months of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from billing.currency import currency_places
from billing.discount import spread
from billing.invoice import BillableCharge, build_invoice
from rating.price.percentile import (
    Directions,
    LevelDays,
    PercentileMethod,
    percentile,
    percentile_two_way,
    rank,
    share_of_month,
)
from rating.rate import RatedUsage
from schemas.decimals import ZERO, to_text
from schemas.period import anchored_month_of, from_ms, to_ms
from schemas.usage import UsageEvent
from tests.conformance.engine import Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_DAY = dt.date(2026, 10, 5)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # 0 is Monday
_PARTLY_USED = {"up": "up", "down": "down", "half_up": "half_up", "nearest": "half_up"}
_MINUTES_OF_DAY = 24 * 60


# Prices by units: graduated, volume, package, per unit


def graduated(vector: Vector) -> dict[str, Any]:
    """Return the amount of all usage, and what each tier that it reached adds."""
    price = _price("graduated", vector.price, most_used=_decimal(vector.usage))
    engine = one_price(price)
    parts = _by_tier(_decimal(vector.usage), price["tiers"])
    return {
        "amount": _amount(price, vector.usage),
        "tiers": [engine.charged([engine.event("x", unit=part)]) for part in parts],
    }


def volume(vector: Vector) -> dict[str, Any]:
    """Return the amount of all usage at the tier that it reached."""
    price = _price("volume", vector.price, most_used=_decimal(vector.usage))
    return {"amount": _amount(price, vector.usage)}


def package(vector: Vector) -> dict[str, Any]:
    """Return the amount, and the packages that were charged."""
    engine = one_price(_price("package", vector.price))
    rated = _rated(engine, engine.event("x", unit=vector.usage))
    return {"amount": rated.amount, "packages": _packages(rated)}


def flat_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount at one price for each unit."""
    return {"amount": _amount(_price("flat_unit", vector.price), vector.usage)}


def transform_quantity(vector: Vector) -> dict[str, Any]:
    """Return the amount, and the quantity that is priced: the usage in whole packages."""
    stated = vector.price
    price = {**stated, "amount": stated.get("unit", stated.get("amount"))}
    engine = one_price(_price("package", price))
    rated = _rated(engine, engine.event("x", unit=vector.usage))
    return {"amount": rated.amount, "units": _packages(rated)}


def bucketed(vector: Vector) -> dict[str, Any]:
    """Return the sum over buckets, each of which is a month; groups have a subscription each."""
    usage = vector.usage
    values = [_decimal(each) for each in (usage.values() if isinstance(usage, Mapping) else usage)]
    most_used = max(values, default=ZERO)
    engine = one_price(_price(vector.price["kind"], vector.price["price"], most_used=most_used))
    if isinstance(usage, Mapping):
        events = [
            engine.event("x", unit=value, subscription=f"s-{group}")
            for group, value in enumerate(values)
        ]
    else:
        events = [
            engine.event("x", unit=value, at=_month(place)) for place, value in enumerate(values)
        ]
    return {"amount": engine.charged(events)}


def graduated_from(vector: Vector) -> dict[str, Any]:
    """Return the amount of tiers that are stated by their first unit: each holds as many units as
    lie between that and the next one."""
    rows = _by_first_unit(vector.price)
    begin = _decimal(rows[0]["first_unit"])
    ends = [_number(_decimal(row["first_unit"]) - begin) for row in rows[1:]]
    if len(rows) > 1 and _caps(rows) != {None}:
        raise NotExpressible(
            "A cap on the amount of one tier among several; Meteroid alone has it. Our most is of "
            "all tiers of the month together"
        )
    price = {"model": "graduated", "per": "1", "tiers": _with_ends(rows, ends), **_most(rows)}
    return {"amount": _amount(price, vector.usage)}


def volume_from(vector: Vector) -> dict[str, Any]:
    """Return the same of volume tiers: a total that is a tier's first unit has reached the tier."""
    rows = _by_first_unit(vector.price)
    if _decimal(vector.usage) % 1 or _decimal(rows[0]["first_unit"]) > 1:
        raise NotExpressible(
            "Usage outside of all tiers: Meteroid's volume tiers end at whole units, and what lies "
            "between two of them, or below the first, has no price there"
        )
    ends = [_number(_decimal(row["first_unit"]) - 1) for row in rows[1:]]
    if len(_caps(rows)) > 1:
        raise NotExpressible(
            "A cap on the amount that differs by the volume tier; Meteroid alone has it. Our most "
            "is one for the month, whatever the tier"
        )
    price = {"model": "volume", "per": "1", "tiers": _with_ends(rows, ends), **_most(rows)}
    return {"amount": _amount(price, vector.usage)}


def _price(kind: str, stated: Any, *, most_used: Decimal = ZERO) -> dict[str, Any]:
    """Return a price of ours for one that says how units are priced."""
    match kind:
        case "graduated" | "volume":
            return {"model": kind, "per": "1", "tiers": _tiers(stated, most_used)}
        case "package":
            return {
                "model": "package",
                "size": _number(stated["divide_by"]),
                "amount": _number(stated["amount"]),
                "partly_used": _PARTLY_USED[stated.get("round", "up")],
            }
        case "flat_unit":
            return _per_unit(stated["amount"])
        case _:
            raise NotExpressible(f"A price of the kind {kind}, which is not described")


def _per_unit(amount: Any, *, per: Any = 1, **around: Any) -> dict[str, Any]:
    """Return a price for so many units, with what stands around it."""
    return {"model": "per_unit", "per": _number(per), "amount": _number(amount), **around}


def _tiers(stated: Sequence[Mapping[str, Any]], most_used: Decimal) -> list[dict[str, str]]:
    """Return tiers that are stated by their ends, the end in the tier."""
    ends = [tier.get("up_to", tier.get("to")) for tier in stated]
    last = ends.pop()
    if last not in (None, "inf") and most_used > _decimal(last):
        raise NotExpressible(
            "Usage past a last tier that has an end: systems differ in what it costs, so our last "
            "tier is open"
        )
    return _with_ends(stated, [_number(end) for end in ends])


def _with_ends(
    stated: Sequence[Mapping[str, Any]], ends: Sequence[str | None]
) -> list[dict[str, str]]:
    """Return tiers of ours with these ends, the last one open."""
    tiers = []
    for tier, end in zip(stated, [*ends, None], strict=True):
        ours = {"amount": _number(tier.get("unit") or 0), "fee": _number(tier.get("flat") or 0)}
        tiers.append(ours if end is None else {"upto": end, **ours})
    return tiers


def _by_tier(usage: Decimal, tiers: Iterable[Mapping[str, str]]) -> list[Decimal]:
    """Return the usage in the parts that lie in one tier each."""
    ends = [Decimal(tier["upto"]) for tier in tiers if "upto" in tier]
    bounds = [ZERO, *(end for end in ends if end < usage), usage]
    return [end - start for start, end in pairwise(bounds) if end > start]


def _by_first_unit(stated: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(stated, key=lambda row: _decimal(row["first_unit"]))


def _caps(rows: Iterable[Mapping[str, Any]]) -> set[Any]:
    return {row.get("cap") for row in rows}


def _most(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the most of the month where all tiers have one cap, the fee in it."""
    (cap,) = _caps(rows)
    return {} if cap is None else {"most": {"month": _number(cap)}}


def _packages(rated: RatedUsage) -> str:
    """Return how many packages a charge says that it is for."""
    counts = [step[3] for step in rated.explanation if step[0] == "packages"]
    return counts[0] if counts else "0"


# Allowances


def included_then_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount above what a month includes: null is all of it, and what is disabled does
    not hold."""
    unit, included = vector.price["unit"], vector.price.get("included")
    if not vector.price.get("enabled", True):
        included = 0
    if included is None:
        return {"amount": _amount(_per_unit(0), vector.usage)}
    engine = _including(unit, included, every="month")
    return {"amount": engine.charged([engine.event("x", unit=vector.usage)])}


def included_daily_then_unit(vector: Vector) -> dict[str, Any]:
    """Return the amount above what each day includes, and the units that it is for."""
    engine = _including(vector.price["unit"], vector.price["included_per_day"], every="day")
    days = [_DAY + dt.timedelta(days=day) for day in range(len(vector.usage))]
    rated = [
        _rated(engine, engine.event("x", unit=usage, at=f"{day}T12:00"))
        for day, usage in zip(days, vector.usage, strict=True)
    ]
    return {
        "amount": sum((each.amount for each in rated), ZERO),
        "units": sum((each.billed for each in rated), ZERO),
    }


def _including(unit: Any, included: Any, *, every: str) -> Engine:
    """Return an engine with a price above so many units, which may be none."""
    if not _decimal(included):
        return one_price(_per_unit(unit))
    allowances = {"included": {"units": f"{_number(included)} unit", "every": every}}
    return one_price(_per_unit(unit, allowance="included"), allowances=allowances)


# Rounding to a currency


def round_lines_then_sum(vector: Vector) -> dict[str, Any]:
    """Return the total of an invoice whose lines have these charges."""
    currency = vector.price["currency"].upper()
    if vector.price.get("mode", "half_up") != "half_up":
        raise NotExpressible("A line that is not rounded half up: ours are, as ISO 4217 has places")
    if int(vector.price["scale"]) != currency_places(currency):
        raise NotExpressible(f"An invoice in {currency} with other places than ISO 4217 has")
    charges = [
        BillableCharge(
            charge_id=f"c-{place}",
            product=f"line-{place}",
            product_type="t",
            unit="unit",
            tax_code=None,
            billed=Decimal(1),
            amount=_decimal(amount),
            currency=currency,
            started_at_ms=0,
        )
        for place, amount in enumerate(vector.usage)
    ]
    return {"amount": build_invoice(charges).total}


def unit_rounded(vector: Vector) -> dict[str, Any]:
    """Return the amount of one quantity, rounded to the places of the currency."""
    price = _per_unit(vector.price["unit"], rounding=_to_places(vector.price))
    return {"amount": _amount(price, vector.usage)}


def true_up(vector: Vector) -> dict[str, Any]:
    """Return what the close of the month asks for above the amount that was used."""
    price = _per_unit(1, rounding=_to_places(vector.price))
    if _decimal(vector.price["commitment"]):
        committed = _number(vector.price["commitment"])
        price["commitment"] = {"amount": committed, "true_up": "yes"}
    engine = one_price(price, unit="money")
    engine.charged([engine.event("x", money=vector.usage)])
    return {"amount": engine.closed_amount("x")}


def _to_places(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {"rule": stated.get("mode", "half_up"), "places": str(stated["scale"])}


# Commitments


def windowed_commitment(vector: Vector) -> dict[str, Any]:
    """Return what the windows come to, each a month with the commitment of its hours."""
    hours = {f"bucket-{n}": each for n, each in enumerate(vector.price.get("buckets") or ())}
    clock = _by_bands(_hours_of(hours))
    engine, without_overage = _committed({"default": vector.price["default"], **hours})
    windows, within, closed = [], ZERO, ZERO
    for place, window in enumerate(vector.usage):
        at, code = _month(place), _band_at(clock, _moment(window["at"]))
        charged, kept = (
            each.charged([each.event(code, unit=window["usage"], at=at)])
            for each in (engine, without_overage)
        )
        missing = engine.closed_amount(code, at=at)
        windows.append(charged + missing)
        within, closed = within + kept, closed + missing
    total = sum(windows, ZERO)
    return {
        "amount": total,
        "windows": windows,
        "utilized": within,
        "overage": total - closed - within,
        "true_up": closed,
    }


def cumulative_commitment(vector: Vector) -> dict[str, Any]:
    """Return what the current lines add in the period of the commitment, and what of it is overage.

    A line of an earlier invoice counts for the usage that it is the amount of: one for overage
    holds the factor, so its amount is priced per factor first.
    """
    engines = _committed({"x": vector.price})
    prior = [part for line in vector.usage["prior"] for part in _prior(line, vector.price)]
    amounts = []
    for each in engines:
        each.charged([each.event("x", unit=usage) for usage in prior])
        current = [each.event("x", unit=_amount_of(line)) for line in vector.usage["current"]]
        amounts.append(each.charged(current))
    amount, within = amounts
    return {"amount": amount, "overage_charge": amount - within}


def _committed(stated: Mapping[str, Mapping[str, Any]]) -> tuple[Engine, Engine]:
    """Return an engine with a product for each of some prices, and the same without what is above
    their commitments."""
    return _products(stated, overage=None), _products(stated, overage="0")


def _products(stated: Mapping[str, Mapping[str, Any]], *, overage: str | None) -> Engine:
    product = {"type": "t", "usage_kind": "u", "unit": "unit"}
    prices = {
        code: {"product": code, "price": _commitment(each, overage)}
        for code, each in stated.items()
    }
    plan = {"currency": "EUR", "prices": prices}
    return Engine({"products": dict.fromkeys(stated, product), "plans": {"p": plan}})


def _commitment(stated: Mapping[str, Any], overage: str | None) -> dict[str, Any]:
    """Return a price per unit with its commitment; ``overage`` in place of the factor stated."""
    price = _per_unit(stated.get("unit", 1))
    committed = stated.get("commitment")
    if committed is None or not _decimal(committed):
        return price
    by = "units" if stated.get("commitment_type") == "quantity" else "amount"
    factor = overage or _number(stated.get("overage_factor") or 1)
    if _decimal(factor) != 1 or stated.get("true_up"):  # else it changes nothing
        true_up = "yes" if stated.get("true_up") else "no"
        price["commitment"] = {by: _number(committed), "overage": factor, "true_up": true_up}
    return price


def _hours_of(buckets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a band for the hours of each bucket, and one for the rest of the day, if there is
    any."""
    windows = {code: (each["start"], each["end"]) for code, each in buckets.items()}
    return _with_rest(
        {code: [f"{start}-{end}"] for code, (start, end) in windows.items() if start != end},
        "default",
        covered=sum(_minutes(start, end) for start, end in windows.values()) >= _MINUTES_OF_DAY,
    )


def _prior(line: Any, stated: Mapping[str, Any]) -> list[Decimal]:
    """Return the usage that a line of an earlier invoice is for."""
    if not isinstance(line, Mapping):
        return [_decimal(line)]
    overage = line.get("overage") or line.get("is_overage")
    amount = _decimal(line.get("amount", 0))
    if not overage:
        return [amount]
    factor = _per_unit(1, per=stated["overage_factor"])
    if isinstance(overage, bool):
        return [_amount(factor, amount)]
    return [amount, _amount(factor, overage)]


def _amount_of(line: Any) -> Decimal:
    return _decimal(line["amount"] if isinstance(line, Mapping) else line)


# Discounts


def coupon_stack(vector: Vector) -> dict[str, Any]:
    """Return what coupons take off: a percentage is the discount of a price, a fixed one an
    allowance in money. Amounts are whole minor units; parts of one are not taken off."""
    percentages = [each["value"] for each in vector.price if each["kind"] == "pct"]
    fixed = [each["value"] for each in vector.price if each["kind"] == "fixed"]
    if len(percentages) + len(fixed) < len(vector.price):
        raise NotExpressible("A coupon that is neither a percentage nor an amount")
    price = _per_unit(1, rounding={"rule": "up", "places": "0"})  # of what is left
    if percentages:
        price["discount"] = [_number(each) for each in percentages]
    allowances = {f"coupon-{n}": {"amount": _number(each)} for n, each in enumerate(fixed)}
    if allowances:
        price["allowance"] = list(allowances)
    engine = one_price(price, allowances=allowances)
    left = engine.charged([engine.event("x", unit=vector.usage)])
    return {"discount": _decimal(vector.usage) - left}


def distribute_discount(vector: Vector) -> dict[str, Any]:
    """Return what is left of each line after a discount of the whole invoice, in minor units."""
    lines = [_decimal(line) for line in vector.usage]
    parts = spread(_decimal(vector.price["discount"]), lines)
    return {"remaining": [line - part for line, part in zip(lines, parts, strict=True)]}


# Periods and hours


def month_anchor(vector: Vector) -> dict[str, Any]:
    """Return when the next bill period begins."""
    day = dt.datetime.fromisoformat(vector.usage).replace(tzinfo=dt.UTC)
    anchor_day = int(vector.price["anchor_day"])
    _, end_ms = anchored_month_of(to_ms(day), zone="UTC", anchor_day=anchor_day)
    return {"next": from_ms(end_ms).date().isoformat()}


def time_window(vector: Vector) -> dict[str, Any]:
    """Return whether a time is in a window of hours, on the weekdays stated; a window over midnight
    is one of each of these days, before its end and from its start on."""
    stated = vector.price
    start, end = stated.get("start") or "00:00", stated.get("end") or "24:00"
    days = [f"{_WEEKDAYS[day]} " for day in stated.get("days_of_week") or ()]
    all_day = _minutes(start, end) == _MINUTES_OF_DAY
    inside = [f"{day}{start}-{end}" for day in days or [""]] if start != end else []
    covered = all_day and len(set(days)) in (0, len(_WEEKDAYS))
    bands = _with_rest({"inside": inside} if inside else {}, "outside", covered=covered)
    return {"inside": _band_at(_by_bands(bands), _moment(vector.usage)) == "inside"}


def _by_bands(bands: Mapping[str, Any]) -> Engine:
    """Return an engine whose price is one of bands."""
    amounts = dict.fromkeys(bands, "1")
    price = {"model": "per_unit", "per": "1", "bands": "hours", "amounts": amounts}
    return one_price(price, bands={"hours": bands})


def _with_rest(bands: Mapping[str, Any], rest: str, *, covered: bool) -> dict[str, Any]:
    """Return bands with one for what is left of the week, unless they cover it."""
    return dict(bands) if covered else {**bands, rest: "otherwise"}


def _band_at(engine: Engine, at: str) -> str:
    """Return the band that a charge says it is of."""
    rated = _rated(engine, engine.event("x", unit=1, at=at))
    return next(step[1] for step in rated.explanation if step[0] == "band")


def _moment(stated: str) -> str:
    return stated if "T" in stated else f"{_DAY}T{stated}"


def _minutes(start: str, end: str) -> int:
    """Return how long a window is that ends on its day, or after midnight."""
    first, last = (int(text[:2]) * 60 + int(text[3:5]) for text in (start, end))
    return last - first if last >= first else last - first + _MINUTES_OF_DAY


# Percentiles


def percentiles(vector: Vector) -> dict[str, Any]:
    """Return the percentile of samples, how many are above it, and its amount if it has a price."""
    samples, stated = _samples(vector.usage), vector.price
    percent, method = _decimal(stated["percentile"]), _method(stated)
    value = percentile(samples, percent=percent, method=method)
    place = rank(len(samples), percent=percent, method=method)
    return {"value": value, "discarded": len(samples) - place, **_priced(stated, value)}


def percentile_directions(vector: Vector) -> dict[str, Any]:
    """Return the percentile of two directions, and that of each."""
    stated = vector.price
    percent, method = _decimal(stated["percentile"]), _method(stated)
    lines = {name: _samples(vector.usage[name]) for name in ("inbound", "outbound")}
    value = percentile_two_way(
        lines["inbound"],
        lines["outbound"],
        directions=_directions(stated),
        percent=percent,
        method=method,
    )
    found = {name: percentile(line, percent=percent, method=method) for name, line in lines.items()}
    return {"value": value, **found, **_priced(stated, value)}


def percentile_days(vector: Vector) -> dict[str, Any]:
    """Return the amount of levels by the days on which they hold, at a price for the month."""
    stated = vector.price
    if stated.get("combine", "max") != "max":
        raise NotExpressible(f"Groups of days that are combined by {stated['combine']}")
    groups = stated.get("groups") or [stated]
    guaranteed = next((stated[key] for key in ("guaranteed", "guarantee") if key in stated), ZERO)
    level_days, days = share_of_month(
        [LevelDays(_decimal(group["value"]), int(group["days"])) for group in groups],
        days_of_month=int(stated["month_days"]),
        guaranteed=_decimal(guaranteed),
    )
    return {"amount": _amount(_per_unit(stated["unit_price"], per=days), level_days)}


def _samples(stated: Any) -> list[Decimal]:
    if isinstance(stated, Mapping):
        first, last = stated["sequence"]
        return [Decimal(sample) for sample in range(int(first), int(last) + 1)]
    return [_decimal(sample) for sample in stated]


def _method(stated: Mapping[str, Any]) -> PercentileMethod:
    return PercentileMethod(stated["method"])


def _directions(stated: Mapping[str, Any]) -> Directions:
    combine = stated.get("combine", "")
    if combine in (Directions.SUM_PER_SAMPLE, Directions.MAX_PER_SAMPLE):
        return Directions(combine)
    if "sum" in combine:
        raise NotExpressible(f"Directions that are combined by {combine}")
    return Directions.LARGER  # the words for it differ


def _priced(stated: Mapping[str, Any], value: Decimal) -> dict[str, Any]:
    unit = stated.get("unit_price")
    return {} if unit is None else {"amount": _amount(_per_unit(unit), value)}


# The engine


def _amount(price: Mapping[str, Any], usage: Any) -> Decimal:
    """Return what one event of so many units comes to."""
    engine = one_price(price)
    return engine.charged([engine.event("x", unit=usage)])


def _rated(engine: Engine, event: UsageEvent) -> RatedUsage:
    rated = engine.rate(event)
    assert isinstance(rated, RatedUsage), rated
    return rated


def _month(place: int) -> str:
    """Return a time in a month of its own for each place, counted from zero."""
    year, month = divmod(place, 12)
    return f"{2000 + year}-{month + 1:02}-05T12:00"


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


def _number(value: Any) -> str:
    """Return a number as the catalogue writes it: digits, and no exponent."""
    return to_text(_decimal(value))


MODELS: Adapter = {
    "graduated": graduated,
    "volume": volume,
    "package": package,
    "flat_unit": flat_unit,
    "transform_quantity": transform_quantity,
    "bucketed": bucketed,
    "graduated_from": graduated_from,
    "volume_from": volume_from,
    "included_then_unit": included_then_unit,
    "included_daily_then_unit": included_daily_then_unit,
    "round_lines_then_sum": round_lines_then_sum,
    "unit_rounded": unit_rounded,
    "true_up": true_up,
    "windowed_commitment": windowed_commitment,
    "cumulative_commitment": cumulative_commitment,
    "coupon_stack": coupon_stack,
    "distribute_discount": distribute_discount,
    "month_anchor": month_anchor,
    "time_window": time_window,
    "time_window_days": time_window,
    "percentile": percentiles,
    "percentile_two_way": percentile_directions,
    "percentile_days": percentile_days,
}
