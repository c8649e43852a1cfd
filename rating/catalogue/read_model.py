"""Reads a price model: what a unit of usage costs."""

from __future__ import annotations

import re
from decimal import Decimal

from rating.catalogue.document import (
    Call,
    CallRate,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceModel,
    Volume,
)
from rating.catalogue.errors import quoted
from rating.catalogue.read_bands_by import complain_needs_bands, read_bands_by
from rating.catalogue.read_rows_price import read_matrix, read_rate_card
from rating.catalogue.read_steps import read_rounding
from rating.catalogue.reader import Reader, YesNo, number
from rating.catalogue.surroundings import Surroundings
from rating.catalogue.yaml_tree import Mapping, Node, Scalar
from rating.price.increments import Increments
from rating.price.tier import Tier
from rating.price.units import RoundUnits, UnitRounding
from rating.units import readable
from schemas.decimals import ZERO

_INCREMENTS = re.compile(r"([0-9.]+)/([0-9.]+)")
MODELS = {
    "per_unit": (
        ("per",),
        ("amount", "bands", "amounts", "bands_by", "increments", "connect_fee"),
    ),
    "rate_card": (("card",), ("choose", "bands_by")),
    "matrix": (("matrix",), ("bands_by",)),
    "flat": (("amount",), ()),
    "percentage": (("percent",), ("fee",)),
    "graduated": (("tiers",), ("per", "increments", "first_fee_without_usage")),
    "volume": (("tiers",), ("per", "increments", "first_fee_without_usage")),
    "package": (("size", "amount"), ("partly_used", "increments")),
    "call": (("rates",), ("bands", "bands_by", "connect_fee", "increment_rounding")),
}
"""The models, with the keys that each needs and those that it may have."""

_HUNDRED = Decimal(100)
_MONTHS = ("graduated", "volume", "package")


def is_of_the_month(name: str) -> bool:
    """Return whether a model prices the usage of a month, and not each record by itself."""
    return name in _MONTHS


def read_model(
    reader: Reader,
    name: str,
    node: Node,
    values: dict[str, Node],
    field: str,
    around: Surroundings,
) -> PriceModel:
    """Return the model ``name`` of the values that `MODELS` has keys for."""
    unit = around.product.unit
    match name:
        case "per_unit":
            return _read_per_unit(reader, node, values, field, around)
        case "rate_card":
            return read_rate_card(reader, values, field, around)
        case "matrix":
            return read_matrix(reader, values, field, around)
        case "flat":
            return Flat(amount=reader.amount(values.get("amount"), f"{field}.amount"))
        case "percentage":
            _complain_unless_money(reader, node, f"{field}.percent", around)
            return Percentage(
                percent=reader.percent(values.get("percent"), f"{field}.percent"),
                fee=_amount_or_none(reader, values, field, "fee"),
            )
        case "package":
            return _read_package(reader, values, field, unit)
        case "call":
            return _read_call(reader, node, values, field, around)
        case _:
            model = Graduated if name == "graduated" else Volume
            return model(
                tiers=_read_tiers(reader, values, field, around),
                per_units=_per(reader, values, field, unit),
                increments=_read_increments(
                    reader, values.get("increments"), f"{field}.increments"
                ),
            )


def _complain_unless_money(reader: Reader, at: Node, field: str, around: Surroundings) -> None:
    """A percentage is of the value that an event states: its product is measured in money."""
    if around.product.unit != around.currency:
        reader.complain(
            at,
            field,
            expected=f"a product whose unit is {around.currency}, as the plan's currency",
            found=f"{around.product.code} in {around.product.unit}",
        )


def _per(reader: Reader, values: dict[str, Node], field: str, unit: str) -> Decimal:
    """Return the units that amounts are for; one where nothing is said."""
    return reader.quantity(values.get("per"), f"{field}.per", unit=unit)


def _amount_or_none(reader: Reader, values: dict[str, Node], field: str, key: str) -> Decimal:
    node = values.get(key)
    return ZERO if node is None else reader.amount(node, f"{field}.{key}")


def _read_package(reader: Reader, values: dict[str, Node], field: str, unit: str) -> Package:
    return Package(
        amount=reader.amount(values.get("amount"), f"{field}.amount"),
        packages=RoundUnits(
            to_units=reader.quantity(values.get("size"), f"{field}.size", unit=unit),
            rule=reader.choice(
                values.get("partly_used"), f"{field}.partly_used", UnitRounding, UnitRounding.UP
            ),
        ),
        increments=_read_increments(reader, values.get("increments"), f"{field}.increments"),
    )


def _read_call(
    reader: Reader, node: Node, values: dict[str, Node], field: str, around: Surroundings
) -> Call:
    unit = around.product.unit
    fee, fees = _read_fees(reader, values, field, around)
    rounding = None
    if "increment_rounding" in values:
        rounding = read_rounding(
            reader, values["increment_rounding"], f"{field}.increment_rounding"
        )
    rates = values.get("rates")
    if "bands" not in values:
        if "bands_by" in values:
            complain_needs_bands(reader, values["bands_by"], field)
        return Call(
            rates=_read_rates(reader, rates, f"{field}.rates", unit),
            connect_fee=fee,
            increment_rounding=rounding,
        )
    code = reader.known(
        values["bands"], f"{field}.bands", among=around.bands, what="the code of a set of bands"
    )
    names = [band.code for band in around.bands[code].bands] if code else []
    found = {}
    if code and rates is not None:
        found = reader.record(rates, f"{field}.rates", required=names) or {}
    return Call(
        bands=code,
        bands_by=read_bands_by(reader, values, field, around.product, may_split=True),
        rates_of={
            band: _read_rates(reader, each, f"{field}.rates.{band}", unit)
            for band, each in sorted(found.items())
        },
        connect_fee=fee,
        connect_fees=fees,
        increment_rounding=rounding,
    )


def _read_fees(
    reader: Reader, values: dict[str, Node], field: str, around: Surroundings
) -> tuple[Decimal, dict[str, Decimal]]:
    """Return the connect fee of all bands, or of each."""
    node, bands = values.get("connect_fee"), values.get("bands")
    if not isinstance(node, Mapping) or not isinstance(bands, Scalar):
        return _amount_or_none(reader, values, field, "connect_fee"), {}
    band_set = around.bands.get(bands.text)
    names = [band.code for band in band_set.bands] if band_set else []
    found = reader.record(node, f"{field}.connect_fee", required=names) or {}
    return ZERO, {
        band: reader.amount(each, f"{field}.connect_fee.{band}")
        for band, each in sorted(found.items())
    }


def _is_nothing(node: Node) -> bool:
    """Return whether a quantity is written as 0, in whatever unit."""
    return isinstance(node, Scalar) and number(node.text.partition(" ")[0]) == ZERO


def _read_rates(reader: Reader, node: Node | None, field: str, unit: str) -> tuple[CallRate, ...]:
    rates: list[CallRate] = []
    for index, item in enumerate(reader.items(node, field)):
        at = f"{field}[{index + 1}]"
        values = reader.record(
            item, at, required=("amount", "per", "increment"), optional=("from",)
        )
        if values is None:
            continue
        begins = ZERO
        if "from" in values and (rates or not _is_nothing(values["from"])):
            begins = reader.quantity(values["from"], f"{at}.from", unit=unit)
        if (begins > ZERO) != bool(rates) or (rates and begins <= rates[-1].from_units):
            reader.complain(
                item,
                f"{at}.from",
                expected="the first rate without from, each other one from further on",
                found=f"from {readable(begins, unit)}" if begins else "no such key",
            )
        rates.append(
            CallRate(
                from_units=begins,
                amount=reader.amount(values.get("amount"), f"{at}.amount"),
                per_units=reader.quantity(values.get("per"), f"{at}.per", unit=unit),
                increment_units=reader.quantity(
                    values.get("increment"), f"{at}.increment", unit=unit
                ),
            )
        )
    return tuple(rates)


def _read_per_unit(
    reader: Reader, node: Node, values: dict[str, Node], field: str, around: Surroundings
) -> PerUnit:
    by_band = "bands" in values or "amounts" in values
    if not by_band and "bands_by" in values:
        complain_needs_bands(reader, values["bands_by"], field)
    if by_band == ("amount" in values):
        reader.complain(
            node,
            field,
            expected="either amount, or bands with amounts",
            found="both" if by_band else "neither",
        )
    amount = values.get("amount")
    bands, amounts = _read_amounts(reader, node, values, field, around) if by_band else (None, {})
    fee = values.get("connect_fee")
    return PerUnit(
        amount=None if amount is None else reader.amount(amount, f"{field}.amount"),
        bands=bands,
        amounts=amounts,
        bands_by=read_bands_by(reader, values, field, around.product, may_split=False),
        per_units=reader.quantity(values.get("per"), f"{field}.per", unit=around.product.unit),
        increments=_read_increments(reader, values.get("increments"), f"{field}.increments"),
        connect_fee=ZERO if fee is None else reader.amount(fee, f"{field}.connect_fee"),
    )


def _read_amounts(
    reader: Reader, node: Node, values: dict[str, Node], field: str, around: Surroundings
) -> tuple[str | None, dict[str, Decimal]]:
    for key in ("bands", "amounts"):
        if key not in values:
            reader.complain(node, f"{field}.{key}", expected=f"the key {key}", found="no such key")
            return None, {}
    code = reader.known(
        values["bands"], f"{field}.bands", among=around.bands, what="the code of a set of bands"
    )
    if not code:
        return None, {}
    names = [band.code for band in around.bands[code].bands]
    amounts = reader.record(values["amounts"], f"{field}.amounts", required=names) or {}
    return code, {
        name: reader.amount(amount, f"{field}.amounts.{name}")
        for name, amount in sorted(amounts.items())
    }


def _read_tiers(
    reader: Reader, values: dict[str, Node], field: str, around: Surroundings
) -> tuple[Tier, ...]:
    unit = around.product.unit
    tiers: list[Tier] = []
    start = ZERO
    field = f"{field}.tiers"
    items = reader.items(values.get("tiers"), field)
    for index, item in enumerate(items):
        tier_field = f"{field}[{index + 1}]"
        is_last = index == len(items) - 1
        if isinstance(item, Mapping) and any(key.text == "percent" for key, _ in item.entries):
            _complain_unless_money(reader, item, f"{tier_field}.percent", around)
        tier, upto = _read_tier(reader, item, tier_field, unit, needs_per="per" not in values)
        if upto is None:
            if not is_last:
                reader.complain(
                    item,
                    f"{tier_field}.upto",
                    expected="an end; only the last tier is open",
                    found="no such key",
                )
        else:
            end = tier.upto_units
            assert end is not None
            if is_last:
                reader.complain(
                    upto,
                    f"{tier_field}.upto",
                    expected="a last tier that is open: no upto",
                    found="an end",
                )
            if end <= start:
                reader.complain(
                    upto,
                    f"{tier_field}.upto",
                    expected="more than the tier before it",
                    found=f"{readable(end, unit)} after {readable(start, unit)}",
                )
            start = end
        tiers.append(tier)
    return tuple(tiers)


def _read_tier(
    reader: Reader, node: Node, field: str, unit: str, *, needs_per: bool
) -> tuple[Tier, Node | None]:
    """Return one tier, and where its end stands."""
    values = (
        reader.record(node, field, optional=("upto", "amount", "percent", "fee", "per", "whole"))
        or {}
    )
    if "amount" in values and "percent" in values:
        reader.complain(node, field, expected="either amount, or percent", found="both")
    elif values and not {"amount", "percent", "fee"} & values.keys():
        reader.complain(
            node, field, expected="the key amount, percent or fee", found="none of them"
        )
    elif needs_per and "amount" in values and "per" not in values:
        reader.complain(node, f"{field}.per", expected="the key per", found="no such key")
    elif "percent" in values and "per" in values:
        reader.complain(
            node, f"{field}.per", expected="no per: a percentage is of 100", found="per"
        )
    upto = values.get("upto")
    amount, per = ZERO, None
    if "percent" in values:
        amount, per = reader.percent(values["percent"], f"{field}.percent"), _HUNDRED
    elif "amount" in values:
        amount = reader.amount(values["amount"], f"{field}.amount")
    if "per" in values:
        per = reader.quantity(values["per"], f"{field}.per", unit=unit)
    whole = reader.choice(values.get("whole"), f"{field}.whole", YesNo, YesNo.NO) is YesNo.YES
    end = None if upto is None else reader.quantity(upto, f"{field}.upto", unit=unit)
    fee = _amount_or_none(reader, values, field, "fee")
    return Tier(end, amount, fee, per, whole), upto


def _read_increments(reader: Reader, node: Node | None, field: str) -> Increments | None:
    if node is None:
        return None
    expected = "increments such as 60/1"
    text = reader.text(node, field, expected=expected)
    match = _INCREMENTS.fullmatch(text)
    first, following = (number(match[1]), number(match[2])) if match else (None, None)
    if not first or not following:
        if text:
            reader.complain(node, field, expected=expected, found=quoted(text))
        return None
    return Increments(first, following)
