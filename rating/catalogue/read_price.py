"""Reads `price:`: a price model with what comes before and after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from rating.catalogue.document import (
    BandSet,
    Card,
    Flat,
    Graduated,
    PerUnit,
    PlanAllowance,
    PriceModel,
    PriceVersion,
    Product,
    RateCardPrice,
)
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Reader, number
from rating.catalogue.yaml_tree import Node
from rating.price.graduated import Tier
from rating.price.increments import Increments
from rating.price.units import RoundUnits, UnitRounding
from schemas.decimals import ZERO
from schemas.money import MAX_DECIMAL_PLACES, RATED_DECIMAL_PLACES, Rounding

_INCREMENTS = re.compile(r"([0-9.]+)/([0-9.]+)")
_AROUND = ("allowance", "round_units", "rounding")  # keys that every model may have
_MODELS = {
    "per_unit": (("per",), ("amount", "bands", "amounts", "increments", "connect_fee")),
    "rate_card": (("card",), ()),
    "flat": (("amount",), ()),
    "graduated": (("per", "tiers"), ("increments",)),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a price may refer to."""

    product: Product
    currency: str
    bands: dict[str, BandSet]
    cards: dict[str, Card]
    allowances: dict[str, PlanAllowance]


def read_price(
    reader: Reader, node: Node | None, field: str, around: Surroundings
) -> PriceVersion | None:
    """Return the price that a mapping states, without dates; None where its model is not known."""
    if node is None:
        return None
    every_key = {key for keys in _MODELS.values() for key in (*keys[0], *keys[1])}
    # Only to see the model; which keys it may have is checked below, and complained about once.
    quiet = Reader(reader.file, [])
    loose = quiet.record(node, field, optional=("model", *every_key, *_AROUND)) or {}
    if "model" not in loose:
        reader.record(node, field, required=("model",), optional=(*every_key, *_AROUND))
        return None
    name = reader.known(loose["model"], f"{field}.model", among=_MODELS, what="a price model")
    if not name:
        return None
    required, optional = _MODELS[name]
    values = reader.record(
        node, field, required=("model", *required), optional=(*optional, *_AROUND)
    )
    if values is None:
        return None
    model = _read_model(reader, name, node, values, field, around)
    rule, places = _read_rounding(reader, values.get("rounding"), f"{field}.rounding")
    return PriceVersion(
        model=model,
        allowance=_read_allowance(reader, values.get("allowance"), f"{field}.allowance", around),
        round_units=_read_round_units(
            reader, values.get("round_units"), f"{field}.round_units", around.product.unit
        ),
        rounding=rule,
        decimal_places=places,
    )


def _read_model(
    reader: Reader,
    name: str,
    node: Node,
    values: dict[str, Node],
    field: str,
    around: Surroundings,
) -> PriceModel:
    match name:
        case "per_unit":
            return _read_per_unit(reader, node, values, field, around)
        case "rate_card":
            return _read_rate_card(reader, values, field, around)
        case "flat":
            return Flat(amount=reader.amount(values.get("amount"), f"{field}.amount"))
        case _:
            unit = around.product.unit
            return Graduated(
                tiers=_read_tiers(reader, values.get("tiers"), f"{field}.tiers", unit),
                per_units=reader.quantity(values.get("per"), f"{field}.per", unit=unit),
                increments=_read_increments(
                    reader, values.get("increments"), f"{field}.increments"
                ),
            )


def _read_per_unit(
    reader: Reader, node: Node, values: dict[str, Node], field: str, around: Surroundings
) -> PerUnit:
    by_band = "bands" in values or "amounts" in values
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


def _read_rate_card(
    reader: Reader, values: dict[str, Node], field: str, around: Surroundings
) -> RateCardPrice:
    node = values.get("card")
    code = reader.known(node, f"{field}.card", among=around.cards, what="the code of a rate card")
    if code and node is not None:
        card = around.cards[code]
        if card.currency != around.currency:
            reader.complain(
                node,
                f"{field}.card",
                expected=f"a card in {around.currency}, as the plan",
                found=f"{code} in {card.currency}",
            )
        if card.unit != around.product.unit:
            reader.complain(
                node,
                f"{field}.card",
                expected=f"a card per {around.product.unit}, as the product",
                found=f"{code} per {card.unit}",
            )
    return RateCardPrice(card=code)


def _read_tiers(reader: Reader, node: Node | None, field: str, unit: str) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    start = ZERO
    items = reader.items(node, field)
    for index, item in enumerate(items):
        tier_field = f"{field}[{index + 1}]"
        is_last = index == len(items) - 1
        values = reader.record(item, tier_field, required=("amount",), optional=("upto",)) or {}
        amount = reader.amount(values.get("amount"), f"{tier_field}.amount")
        upto = values.get("upto")
        if upto is None:
            if not is_last:
                reader.complain(
                    item,
                    f"{tier_field}.upto",
                    expected="an end; only the last tier is open",
                    found="no such key",
                )
            tiers.append(Tier(None, amount))
            continue
        end = reader.quantity(upto, f"{tier_field}.upto", unit=unit)
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
                found=f"{end} after {start} {unit}",
            )
        tiers.append(Tier(end, amount))
        start = end
    return tuple(tiers)


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


def _read_allowance(
    reader: Reader, node: Node | None, field: str, around: Surroundings
) -> str | None:
    if node is None:
        return None
    code = reader.known(
        node, field, among=around.allowances, what="the code of an allowance of the plan"
    )
    if code and around.allowances[code].unit != around.product.unit:
        reader.complain(
            node,
            field,
            expected=f"an allowance in {around.product.unit}, as the product",
            found=f"{code} in {around.allowances[code].unit}",
        )
    return code or None


def _read_round_units(
    reader: Reader, node: Node | None, field: str, unit: str
) -> RoundUnits | None:
    if node is None:
        return None
    values = reader.record(node, field, required=("to", "rule")) or {}
    return RoundUnits(
        to_units=reader.quantity(values.get("to"), f"{field}.to", unit=unit),
        rule=reader.choice(values.get("rule"), f"{field}.rule", UnitRounding, UnitRounding.UP),
    )


def _read_rounding(reader: Reader, node: Node | None, field: str) -> tuple[Rounding, int]:
    if node is None:
        return Rounding.HALF_UP, RATED_DECIMAL_PLACES
    values = reader.record(node, field, optional=("rule", "places")) or {}
    places = RATED_DECIMAL_PLACES
    if "places" in values:
        places = reader.whole(values["places"], f"{field}.places", least=0, most=MAX_DECIMAL_PLACES)
    rule = reader.choice(values.get("rule"), f"{field}.rule", Rounding, Rounding.HALF_UP)
    return rule, places
