"""OpenMeter: lines of a period, tiers with fees, discounts, minimum and maximum spend.

A line is what its quantity adds to the quantity before it, each a record of the same month. The
last line closes the month. What earlier lines were billed is stated to the engine as what its
counter of money holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rating.counting import CounterKind
from rating.rate import RatedUsage
from tests.conformance.engine import ZERO, Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

UNIT, EUR = "unit", "EUR"
CENTS = {"places": 2}
_ROUNDINGS = {"ceiling": "up", "floor": "down", "half_up": "half_up"}
_ONE = Decimal(1)

Row = Mapping[str, Any]


def _number(value: object) -> Decimal:
    """Return the decimal that a value states; zero where it states none."""
    return Decimal(str(value or 0))


def _text(value: object) -> str:
    """Return a number as the catalogue writes it: no exponent."""
    return format(_number(value), "f")


class Meter:
    """One price, and what the engine makes of the quantities that are rated under it."""

    def __init__(self, price: Row, *, unit: str = UNIT, allowances: Row | None = None) -> None:
        self.unit = unit
        taken = {"allowance": list(allowances)} if allowances else {}
        # A reading of nothing is a reading: a level that fell, and a line that has none.
        self.engine: Engine = one_price(
            {**price, **taken}, unit=unit, allowances=allowances, zero_usage="price"
        )

    def rate(self, quantity: object) -> RatedUsage:
        """Return what a quantity comes to, after those before it."""
        if _number(quantity) < ZERO:
            raise NotExpressible("a quantity below zero, which mediation refuses")
        quantities: dict[str, Any] = {self.unit: _text(quantity)}
        rated = self.engine.rate(self.engine.event("x", **quantities))
        assert isinstance(rated, RatedUsage), rated
        return rated

    def amount(self, quantity: object) -> Decimal:
        """Return the charge of a quantity, with what it restates."""
        rated = self.rate(quantity)
        return rated.amount + rated.restated

    def bill_before(self, amount: Decimal) -> None:
        """State what the month was billed so far."""
        for key, counted in self.engine.counters.items():
            if key[0].startswith(CounterKind.CAP.value):
                self.engine.counters[key] = counted._replace(amount=amount)

    def close(self) -> Decimal:
        """Return what the month still asks for."""
        return self.engine.closed_amount("x")


# Prices.


def _model(price: Row, per: Decimal, *, first_fee: bool) -> tuple[dict[str, Any], str]:
    """Return the model of a price for units of ``per`` metered ones, and the unit of the product."""
    amount, priced = price.get("amount"), f"{_text(per)} {UNIT}"
    match price["type"]:
        case "unit":
            return {"model": "per_unit", "amount": _text(amount), "per": priced}, UNIT
        case "dynamic":  # what is metered is money
            amount = price["multiplier"]
            return {"model": "per_unit", "amount": _text(amount), "per": f"1 {EUR}"}, EUR
        case "package":
            size = f"{_text(price['quantity_per_package'])} {UNIT}"
            return {"model": "package", "amount": _text(amount), "size": size}, UNIT
        case "tiered":
            tiers = [_tier(tier, per) for tier in price["tiers"]]
            model = {"model": price["mode"], "per": priced, "tiers": tiers}
            if not first_fee:
                tiers[0]["fee"] = "0"
                return model, UNIT
            return {**model, "first_fee_without_usage": "yes"}, UNIT
        case other:
            raise NotExpressible(f"a price of the type {other}")


def _tier(tier: Row, per: Decimal) -> dict[str, str]:
    """Return a tier; its end is stated in units of ``per`` metered ones."""
    stated = {"amount": _text(tier.get("unit")), "fee": _text(tier.get("flat"))}
    if tier.get("up_to") is not None:
        stated["upto"] = _text(_number(tier["up_to"]) * per)
    return stated


def _metered(config: Row | None) -> Decimal:
    """Return how many metered units make one that is priced."""
    if not config:
        return _ONE
    factor = _number(config["conversion_factor"])
    if config["operation"] == "divide":
        return factor
    per = _ONE / factor
    if Fraction(per) * Fraction(factor) != 1:
        raise NotExpressible(
            f"a unit that is 1/{factor} of the metered one, no finite decimal: here usage is never "
            "converted, and prices are for so many metered units"
        )
    return per


def _unit_rounding(config: Row | None) -> dict[str, Any]:
    """Return the step that rounds the priced units of each record, where one is asked for."""
    rule = _ROUNDINGS.get(config.get("rounding") or "none") if config else None
    if config is None or rule is None:
        return {}
    to = _metered(config).scaleb(-int(config.get("precision") or 0))
    return {"round_units": {"to": f"{_text(to)} {UNIT}", "rule": rule}}


def _is_off(usage: Row, what: str) -> bool:
    """Return whether a flag of the run leaves a step out."""
    return any(what in key and value is True for key, value in usage.items())


def _steps(price: Row, usage: Row) -> dict[str, Any]:
    """Return what stands around the model."""
    steps: dict[str, Any] = {"rounding": CENTS, **_unit_rounding(price.get("unit_config"))}
    discounts = price.get("discounts") or {}
    if discounts.get("percentage") is not None:
        steps["discount"] = _text(discounts["percentage"])
    if price.get("minimum_amount") is not None and not _is_off(usage, "minimum"):
        steps["least"] = {"month": _text(price["minimum_amount"])}
    if price.get("maximum_amount") is not None:
        steps["most"] = {"month": _text(price["maximum_amount"])}
    return steps


def _free_quantity(price: Row, per: Decimal, unit: str) -> str | None:
    """Return the free quantity in metered units, if there is one."""
    free = _number((price.get("discounts") or {}).get("usage_quantity"))
    return f"{_text(free * per)} {unit}" if free else None


def _month_meter(price: Row, usage: Row, *, first_fee: bool = True) -> Meter:
    """Return the meter of a price whose records add up to the month's."""
    per = _metered(price.get("unit_config"))
    model, unit = _model(price, per, first_fee=first_fee)
    allowances: dict[str, Any] = {}
    free = _free_quantity(price, per, unit)
    if free:
        allowances["free"] = {"units": free}
    if _number(price.get("credits_applied")) and not _is_off(usage, "credits"):
        if model["model"] == "volume":
            raise NotExpressible(
                "credits beside a volume price, which restates earlier charges: what it lowers "
                "would have to be given back to the credits"
            )
        allowances["credits"] = {"amount": _text(price["credits_applied"])}
    return Meter({**model, **_steps(price, usage)}, unit=unit, allowances=allowances)


def _reading_meter(price: Row) -> Meter:
    """Return the meter of a price whose records are each the month's quantity so far."""
    per = _metered(price.get("unit_config"))
    model, unit = _model(price, per, first_fee=True)
    steps = {**_steps(price, {}), "aggregate": "latest"}
    free = _free_quantity(price, per, unit)
    if free:
        steps["free_units"] = free
    return Meter({**model, **steps}, unit=unit)


# Lines.


def _is_first(usage: Row) -> bool:
    """Return whether a line begins the period: one that is split off, or closes, does not."""
    return bool(usage["line_mode"] == "single")


def _is_last(usage: Row) -> bool:
    return bool(usage["line_mode"] != "mid")


def _flat(vector: Vector) -> Row:
    """Return the total of a fee: a record of the first line, or of the last."""
    in_arrears = vector.price.get("payment_term") == "in_arrears"
    is_due = _is_last(vector.usage) if in_arrears else _is_first(vector.usage)
    meter = Meter({"model": "flat", "amount": _text(vector.price["amount"]), "rounding": CENTS})
    return {"total": meter.amount(1) if is_due else ZERO}


def _line(vector: Vector) -> Row:
    """Return the total of a line. The first tier's fee is due with the first line, used or not: a
    later one, after a first without usage, has it behind it."""
    price, usage = vector.price, vector.usage
    before = _number(usage["pre_line_period_qty"])
    meter = _month_meter(price, usage, first_fee=_is_first(usage) or before > ZERO)
    if not _is_first(usage):
        meter.amount(before)
        meter.bill_before(_number(usage["previous_billed_amount"]))
    total = meter.amount(usage["line_period_qty"])
    return {"total": total + meter.close() if _is_last(usage) else total}


def _volume_line(vector: Vector) -> Row:
    """Return the total of a line of a volume price, whose records come with the last line."""
    if not _is_last(vector.usage):
        return {"total": ZERO}
    meter = _month_meter(vector.price, vector.usage)
    quantities = [vector.usage[f"{of}line_period_qty"] for of in ("pre_", "")]
    return {"total": _sum(map(meter.amount, quantities)) + meter.close()}


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _whole(price: Row, quantity: object) -> Decimal:
    """Return what a month of a quantity comes to."""
    meter = _month_meter(price, {})
    return meter.amount(quantity) + meter.close()


def _graduated_total(vector: Vector) -> Row:
    return {"total": _whole(vector.price, vector.usage["qty"])}


def _graduated_range(vector: Vector) -> Row:
    """Return the totals at two quantities, and what the record from the one to the other adds."""
    start, end = (_number(vector.usage[key]) for key in ("from_exclusive", "to_inclusive"))
    meter = _month_meter(vector.price, {}, first_fee=start > ZERO)
    meter.amount(start)
    return {
        "total_from": _whole(vector.price, start),
        "total_to": _whole(vector.price, end),
        "marginal": meter.amount(end - start),
    }


def _delta(vector: Vector) -> Row:
    """Return what each reading of the month's quantity adds, the last with the month's close."""
    meter = _reading_meter(vector.price)
    has_fee = _number((vector.price.get("tiers") or [{}])[0].get("flat")) > ZERO
    phases = []
    for reading in vector.usage:
        if has_fee and not (_number(reading["metered_qty_cumulative"]) or reading.get("final")):
            raise NotExpressible(
                "the first tier's fee for no usage, while the month still runs: here it is due "
                "with the first usage or at the close"
            )
        amount = meter.amount(reading["metered_qty_cumulative"])
        phases.append(amount + meter.close() if reading.get("final") else amount)
    return {"phase_totals": phases}


# Parts of the calculation by themselves.


def _package_count(vector: Vector) -> Row:
    """Return the packages that the explanation of a charge counts."""
    size = f"{_text(vector.price['quantity_per_package'])} {UNIT}"
    rated = Meter({"model": "package", "size": size, "amount": "1"}).rate(vector.usage["qty"])
    (packages,) = [step[3] for step in rated.explanation if step[0] == "packages"]
    return {"packages": packages}


def _unit_config(vector: Vector) -> Row:
    """Return the quantity in priced units: its charge at a price of one."""
    per = _metered(vector.price)
    price = {"model": "per_unit", "amount": "1", "per": f"{_text(per)} {UNIT}"}
    meter = Meter({**price, **_unit_rounding(vector.price)})
    return {"converted_qty": meter.amount(vector.usage["qty"])}


def _usage_discount(vector: Vector) -> Row:
    """Return what is billed of a line and of the quantity before it, and what is free."""
    price = {"model": "per_unit", "amount": "1", "per": f"1 {UNIT}"}
    free = {"units": f"{_text(vector.price['discount_quantity'])} {UNIT}"}
    meter = Meter(price, allowances={"free": free})
    before, line = (meter.rate(vector.usage.get(key)) for key in ("pre_qty", "qty"))
    return {
        "qty": line.billed,
        "pre_qty": before.billed,
        "discounted_in_line": line.free,
        "discounted_before": before.free,
    }


def _max_spend_discount(vector: Vector) -> Row:
    """Return by how much less a line is charged under the cap than without it."""
    price = {"model": "per_unit", "amount": "1", "per": f"1 {EUR}", "rounding": CENTS}
    most = {"month": _text(vector.price["max_spend"])}
    meters = (Meter(price, unit=EUR), Meter({**price, "most": most}, unit=EUR))
    for meter in meters:
        meter.amount(vector.usage["billed_before"])
    without, capped = (meter.amount(vector.usage["line_amount"]) for meter in meters)
    return {"discount": without - capped}


MODELS: Adapter = {
    "flat": _flat,
    "unit": _line,
    "dynamic": _line,
    "package": _line,
    "tiered_graduated": _line,
    "tiered_volume": _volume_line,
    "tiered_graduated_total": _graduated_total,
    "tiered_graduated_range": _graduated_range,
    "delta": _delta,
    "package_count": _package_count,
    "unit_config": _unit_config,
    "usage_discount": _usage_discount,
    "max_spend_discount": _max_spend_discount,
}
