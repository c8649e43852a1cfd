"""Reads what stands around a price model: what is free, the least and the most, rounding."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rating.catalogue.document import DiscountTimes
from rating.catalogue.read_condition import read_condition
from rating.catalogue.read_limited_discount import is_limited, read_limited
from rating.catalogue.reader import Reader, YesNo
from rating.catalogue.yaml_tree import Mapping, Node, Sequence
from rating.price.units import RoundUnits, UnitRounding
from rating.rounding import RoundingRule
from schemas.money import MAX_DECIMAL_PLACES, RATED_DECIMAL_PLACES, Rounding

MAX_FREE_RECORDS = 1_000_000
_MOST_ROUNDINGS = 3
_MOST_DISCOUNTS = 5  # more than anybody stacks, few enough to be exact
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
        found = RoundingRule(rule.rule, rule.decimal_places, rule.to, rule.times, found)
    return found or RoundingRule()


def _read_rule(reader: Reader, node: Node, field: str) -> RoundingRule:
    values = reader.record(node, field, optional=("rule", "places", "to", "times")) or {}
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
    times = None
    if "times" in values:
        times = reader.amount(values["times"], f"{field}.times")
        if not times:
            reader.complain(
                values["times"], f"{field}.times", expected="a factor above zero", found="0"
            )
            times = None
    rule = reader.choice(values.get("rule"), f"{field}.rule", Rounding, Rounding.HALF_UP)
    return RoundingRule(rule, places, to, times)


class Bounds(NamedTuple):
    """The least and the most that something comes to, by its period."""

    least: dict[str, Decimal]
    by_days: bool  # the least of a part of a month is a part of it
    most: dict[str, Decimal]


def read_all_bounds(
    reader: Reader, values: dict[str, Node], field: str, *, of_month: bool, name: str
) -> Bounds:
    """Return what `least:` and `most:` say. Where the month is priced, events have no bounds."""
    least, by_days = {}, False
    if "least" in values:
        keys = ("event", "month", "by_days")
        found = reader.record(values["least"], f"{field}.least", optional=keys) or {}
        least = _amounts(reader, found, f"{field}.least")
        choice = reader.choice(found.get("by_days"), f"{field}.least.by_days", YesNo, YesNo.NO)
        by_days = choice is YesNo.YES
        if "by_days" in found and "month" not in found:
            reader.complain(
                found["by_days"],
                f"{field}.least.by_days",
                expected="a least of the month beside it",
                found="none",
            )
    most = {}
    if "most" in values:
        keys = ("event", "day", "month")
        found = reader.record(values["most"], f"{field}.most", optional=keys) or {}
        most = _amounts(reader, found, f"{field}.most")
    for key, bounds in (("least", least), ("most", most)):
        for period in ("event", "day") if of_month else ():
            if period in bounds:
                reader.complain(
                    values[key],
                    f"{field}.{key}.{period}",
                    expected="a month: usage of the month is priced as a whole",
                    found=f"a bound for each {period}",
                )
    for period in ("event", "month"):
        if period in least and period in most and least[period] > most[period]:
            reader.complain(
                values["least"],
                f"{field}.least.{period}",
                expected=f"no more than the most, {most[period]}",
                found=str(least[period]),
            )
            del least[period]
    return Bounds(least, by_days, most)


def _amounts(reader: Reader, values: dict[str, Node], field: str) -> dict[str, Decimal]:
    return {
        period: reader.amount(value, f"{field}.{period}")
        for period, value in values.items()
        if period != "by_days"
    }


class Discounts(NamedTuple):
    """What is taken off, in percent, each of what the one before it left."""

    percents: tuple[Decimal, ...] = ()
    conditions: tuple[str, ...] = ()  # one for each, empty: always; none where all are always given
    limited: DiscountTimes | None = None  # the one that is used up


def read_discounts(reader: Reader, node: Node | None, field: str) -> Discounts:
    """Return what `discount:` says: a percentage, or a list of them, some with a condition."""
    if node is None:
        return Discounts()
    items = reader.items(node, field) if isinstance(node, Sequence) else (node,)
    found: list[Decimal] = []
    conditions: list[str] = []
    limited: DiscountTimes | None = None
    for item in items:
        values: dict[str, Node] = {"percent": item}
        if isinstance(item, Mapping):
            if is_limited(item):
                if limited is not None:
                    expected = "one discount with times: they would be used up by the same events"
                    reader.complain(item, field, expected=expected, found="another")
                limited = read_limited(reader, item, field) or limited
                continue
            values = reader.record(item, field, required=("percent", "when")) or {}
        percent = reader.percent(values.get("percent"), field)
        condition = read_condition(reader, values.get("when"), f"{field}.when")
        if percent > _HUNDRED:
            reader.complain(item, field, expected="a percentage of at most 100", found=str(percent))
        elif len(found) >= _MOST_DISCOUNTS:
            reader.complain(
                item, field, expected=f"at most {_MOST_DISCOUNTS} discounts", found="another"
            )
        else:
            found.append(percent)
            conditions.append("" if condition is None else condition.text)
    return Discounts(tuple(found), tuple(conditions) if any(conditions) else (), limited)
