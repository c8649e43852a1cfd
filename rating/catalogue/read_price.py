"""Reads `price:`: a price model with what comes before and after it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from rating.catalogue.check_price import check_together
from rating.catalogue.document import AboveAllowance, PlanAllowance, PriceVersion
from rating.catalogue.read_model import MODELS, is_of_the_month, read_model
from rating.catalogue.read_month import read_aggregate, read_commitment, read_first_fee
from rating.catalogue.read_sampling import is_sampling, read_sampling
from rating.catalogue.read_steps import (
    MAX_FREE_RECORDS,
    read_all_bounds,
    read_discounts,
    read_round_units,
    read_rounding,
)
from rating.catalogue.read_usage_discount import read_usage_discount
from rating.catalogue.reader import Reader, YesNo
from rating.catalogue.surroundings import Surroundings
from rating.catalogue.yaml_tree import Node, Sequence
from rating.price.aggregate import OF_CHANGES, Aggregation
from schemas.decimals import ZERO

_AROUND = (  # keys that every model may have
    "round_units",
    "free_records",
    "free_units",
    "allowance",
    "above_allowance",
    "fee_when_free",
    "minimum_units",
    "aggregate",
    "unique_by",
    "discount",
    "discount_by_usage",
    "commitment",
    "least",
    "most",
    "exchange",
    "rounding",
)


_WITH_PLACES = ("call", "graduated")


def read_price(
    reader: Reader, node: Node | None, field: str, around: Surroundings
) -> PriceVersion | None:
    """Return the price that a mapping states, without dates; None where its model is not known."""
    if node is None:
        return None
    every_key = {key for keys in MODELS.values() for key in (*keys[0], *keys[1])}
    # Only to see the model; which keys it may have is checked below, and complained about once.
    quiet = Reader(reader.file, [])
    loose = quiet.record(node, field, optional=("model", *every_key, *_AROUND)) or {}
    if "model" not in loose:
        reader.record(node, field, required=("model",), optional=(*every_key, *_AROUND))
        return None
    name = reader.known(loose["model"], f"{field}.model", among=MODELS, what="a price model")
    if not name:
        return None
    required, optional = MODELS[name]
    values = reader.record(
        node, field, required=("model", *required), optional=(*optional, *_AROUND)
    )
    if values is None:
        return None
    exchange = _read_exchange(reader, values.get("exchange"), f"{field}.exchange", around)
    if exchange:
        around = replace(around, currency=around.exchange[exchange].from_currency)
    model = read_model(reader, name, node, values, field, around)
    unit = around.product.unit
    allowances = _read_allowances(reader, values.get("allowance"), f"{field}.allowance", around)
    aggregation, unique_by, sampling = Aggregation.SUM, "", None
    if is_sampling(values.get("aggregate")):
        sampling = read_sampling(reader, name, values, field)
    else:
        aggregation, unique_by = read_aggregate(reader, name, values, field)
    for code in allowances:
        if around.allowances[code].money and (
            name == "volume" or aggregation is Aggregation.LATEST
        ):
            reader.complain(
                values["allowance"],
                f"{field}.allowance",
                expected="units: what restates earlier charges would have to give money back",
                found=f"{code} in money",
            )
    if allowances and aggregation not in (Aggregation.SUM, *OF_CHANGES):
        reader.complain(
            values["allowance"],
            f"{field}.allowance",
            expected=f"free_units: each record is measured by itself for the {aggregation.value}",
            found=f"allowance {' '.join(allowances)}",
        )
    commitment = read_commitment(reader, name, values, field, unit)
    of_month = (
        is_of_the_month(name)
        or aggregation is not Aggregation.SUM
        or sampling is not None
        or commitment is not None
        or any(not around.allowances[code].money for code in allowances if name == "per_unit")
    )
    bounds = read_all_bounds(reader, values, field, of_month=of_month, name=name)
    discounts = read_discounts(reader, values.get("discount"), f"{field}.discount")
    if discounts.conditions and of_month:
        reader.complain(
            values["discount"],
            f"{field}.discount",
            expected="two prices with a condition each: usage of the month is priced as a whole",
            found="a discount that only some of it has",
        )
    if discounts.limited is not None and of_month:
        reader.complain(
            values["discount"],
            f"{field}.discount",
            expected="a price of each event: usage of the month is priced as a whole",
            found="a discount with times",
        )
    version = PriceVersion(
        model=model,
        allowances=allowances,
        round_units=read_round_units(
            reader, values.get("round_units"), f"{field}.round_units", unit
        ),
        free_records=(
            reader.whole(
                values["free_records"], f"{field}.free_records", least=1, most=MAX_FREE_RECORDS
            )
            if "free_records" in values
            else 0
        ),
        free_units=_units(reader, values, field, "free_units", unit),
        above_allowance=_read_above_allowance(reader, name, values, field),
        fee_when_free=reader.choice(
            values.get("fee_when_free"), f"{field}.fee_when_free", YesNo, YesNo.NO
        )
        is YesNo.YES,
        minimum_units=_units(reader, values, field, "minimum_units", unit),
        discounts=discounts.percents,
        discounts_when=discounts.conditions,
        discount_times=discounts.limited,
        discount_by_usage=read_usage_discount(
            reader,
            values.get("discount_by_usage"),
            f"{field}.discount_by_usage",
            own=around.product,
            products=around.products,
        ),
        aggregation=aggregation,
        unique_by=unique_by,
        commitment=commitment,
        least_event=bounds.least.get("event"),
        least_month=bounds.least.get("month"),
        least_by_days=bounds.by_days,
        first_fee_without_usage=read_first_fee(reader, values, field),
        most_event=bounds.most.get("event"),
        most_day=bounds.most.get("day"),
        most_month=bounds.most.get("month"),
        exchange=exchange or None,
        rounding=read_rounding(reader, values.get("rounding"), f"{field}.rounding"),
        sampling=sampling,
    )
    check_together(
        reader,
        values,
        field,
        version,
        product=around.product,
        allowances=tuple(around.allowances[code] for code in allowances),
    )
    return version


def _read_exchange(reader: Reader, node: Node | None, field: str, around: Surroundings) -> str:
    """Return the code of the table by which the price becomes the plan's currency, if it does."""
    code = reader.known(
        node, field, among=around.exchange, what="the code of a table of exchange rates"
    )
    if code and node is not None and around.exchange[code].to_currency != around.currency:
        reader.complain(
            node,
            field,
            expected=f"a table to {around.currency}, as the plan",
            found=f"{code} to {around.exchange[code].to_currency}",
        )
    return code


def _units(reader: Reader, values: dict[str, Node], field: str, key: str, unit: str) -> Decimal:
    node = values.get(key)
    return ZERO if node is None else reader.quantity(node, f"{field}.{key}", unit=unit)


def _read_above_allowance(
    reader: Reader, name: str, values: dict[str, Node], field: str
) -> AboveAllowance | None:
    node = values.get("above_allowance")
    if node is None:
        return None
    at = f"{field}.above_allowance"
    if name not in _WITH_PLACES:
        expected = f"a price of the model {', '.join(_WITH_PLACES)}"
        reader.complain(node, at, expected=expected, found=name)
        return None
    return reader.choice(node, at, AboveAllowance, AboveAllowance.FROM_START)


def _read_allowances(
    reader: Reader, node: Node | None, field: str, around: Surroundings
) -> tuple[str, ...]:
    """Return the codes of the allowances, in the order in which they are taken."""
    if node is None:
        return ()
    items = reader.items(node, field) if isinstance(node, Sequence) else (node,)
    found: list[str] = []
    units: list[PlanAllowance] = []
    for item in items:
        code = _read_allowance(reader, item, field, around)
        if not code:
            continue
        allowance = around.allowances[code]
        if code in found:
            reader.complain(item, field, expected="each allowance once", found=code)
            continue
        if not allowance.money:
            if units and units[0].consume is not allowance.consume:
                reader.complain(
                    item,
                    field,
                    expected=f"allowances that all take {units[0].consume.value}, as {found[0]}",
                    found=f"{code} takes {allowance.consume.value}",
                )
            units.append(allowance)
        found.append(code)
    return tuple(found)


def _read_allowance(reader: Reader, node: Node, field: str, around: Surroundings) -> str:
    code = reader.known(
        node, field, among=around.allowances, what="the code of an allowance of the plan"
    )
    if not code:
        return ""
    allowance = around.allowances[code]
    if not allowance.money and allowance.unit != around.product.unit:
        reader.complain(
            node,
            field,
            expected=f"an allowance in {around.product.unit}, as the product",
            found=f"{code} in {allowance.unit}",
        )
    return code
