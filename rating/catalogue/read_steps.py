"""Reads what stands around a price model: what is free, the least and the most, rounding."""

from __future__ import annotations

from decimal import Decimal

from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node, Sequence
from rating.price.units import RoundUnits, UnitRounding
from rating.rounding import RoundingRule
from schemas.decimals import ZERO
from schemas.money import MAX_DECIMAL_PLACES, RATED_DECIMAL_PLACES, Rounding

MAX_FREE_RECORDS = 1_000_000
_MOST_ROUNDINGS = 3
_HUNDRED = Decimal(100)


def read_round_units(reader: Reader, node: Node | None, field: str, unit: str) -> RoundUnits | None:
    """Return how the units of each record are rounded, if they are."""
    if node is None:
        return None
    values = reader.record(node, field, required=("to", "rule")) or {}
    return RoundUnits(
        to_units=reader.quantity(values.get("to"), f"{field}.to", unit=unit),
        rule=reader.choice(values.get("rule"), f"{field}.rule", UnitRounding, UnitRounding.UP),
    )


def read_rounding(reader: Reader, node: Node | None, field: str) -> RoundingRule:
    """Return the rounding of amounts: one rule, or a list of them that follow each other."""
    if node is None:
        return RoundingRule()
    if not isinstance(node, Sequence):
        return _read_rule(reader, node, field)
    items = reader.items(node, field)
    if len(items) > _MOST_ROUNDINGS:
        reader.complain(
            node, field, expected=f"at most {_MOST_ROUNDINGS} roundings", found=str(len(items))
        )
        return RoundingRule()
    found: RoundingRule | None = None
    for index, item in reversed(list(enumerate(items))):
        rule = _read_rule(reader, item, f"{field}[{index + 1}]")
        found = RoundingRule(rule.rule, rule.decimal_places, rule.to, found)
    return found or RoundingRule()


def _read_rule(reader: Reader, node: Node, field: str) -> RoundingRule:
    values = reader.record(node, field, optional=("rule", "places", "to")) or {}
    places, to = RATED_DECIMAL_PLACES, None
    if "places" in values and "to" in values:
        reader.complain(node, field, expected="either places, or to", found="both")
    if "places" in values:
        places = reader.whole(values["places"], f"{field}.places", least=0, most=MAX_DECIMAL_PLACES)
    if "to" in values:
        to = reader.amount(values["to"], f"{field}.to")
        if not to:
            reader.complain(values["to"], f"{field}.to", expected="an amount above zero", found="0")
            to = None
    rule = reader.choice(values.get("rule"), f"{field}.rule", Rounding, Rounding.HALF_UP)
    return RoundingRule(rule, places, to)


def read_bounds(
    reader: Reader, node: Node | None, field: str, *, periods: tuple[str, ...]
) -> dict[str, Decimal]:
    """Return the least or the most that something comes to, by its period."""
    if node is None:
        return {}
    values = reader.record(node, field, optional=periods) or {}
    return {period: reader.amount(value, f"{field}.{period}") for period, value in values.items()}


def read_discount(reader: Reader, node: Node | None, field: str) -> Decimal:
    """Return the percent that are taken off."""
    if node is None:
        return ZERO
    percent = reader.amount(node, field)
    if percent > _HUNDRED:
        reader.complain(node, field, expected="a percentage of at most 100", found=str(percent))
        return ZERO
    return percent
