"""What a plan has of the plan that it extends: its allowances and its prices, after its own.

The plan becomes what it would be if all of that were written out in it, with its own code in the names
of counters. So a plan that was written out may be made one that extends another, and back, and no
month begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rating.catalogue.document import Plan, PlanAllowance, PlanPrice
from rating.catalogue.errors import quoted
from rating.catalogue.reached import hiding
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Mapping, Node

Extended = Callable[[Reader, Node, str], Plan | None]
"""Finds the plan that a node names, and complains where there is none."""


def same_currency(reader: Reader, node: Node | None, field: str, stated: str, base: Plan) -> str:
    """Return the currency of a plan and of the one it extends: they have the same."""
    if node is not None and stated and base.currency and stated != base.currency:
        reader.complain(
            node,
            f"{field}.currency",
            expected=f"{base.currency}, as {base.code} has, which the plan extends",
            found=quoted(stated),
        )
    return base.currency


def with_inherited(
    reader: Reader,
    node: Node | None,
    field: str,
    own: dict[str, PlanAllowance],
    base: Plan,
) -> dict[str, PlanAllowance]:
    """Return the allowances of a plan: those of the other that it does not state again. One that
    it states again is also that of the inherited prices, so it must be of the same kind."""
    places = {key.text: key for key, _ in node.entries} if isinstance(node, Mapping) else {}
    for other in base.allowances:
        stated = own.get(other.code)
        if stated is not None and _kind(stated) != _kind(other):
            reader.complain(
                places[other.code],
                f"{field}.{other.code}",
                expected=f"an allowance {_kind(other)}, as in {base.code}: its prices name it",
                found=f"one {_kind(stated)}",
            )
    return {**{other.code: other for other in base.allowances}, **own}


def _kind(allowance: PlanAllowance) -> str:
    """Return what a price must know of an allowance that it names."""
    if allowance.money:
        return "in money"
    return f"in {allowance.unit} that takes {allowance.consume.value}"


def with_inherited_prices(own: Sequence[PlanPrice], base: Plan) -> list[PlanPrice]:
    """Return the prices of a plan and of the one it extends in their order: its own, then those of
    the other that usage still reaches. One that has the code of an inherited price stands in its place."""
    by_code = {price.code: price for price in own}
    inherited = {price.code for price in base.prices}
    found = [price for price in own if price.code not in inherited]
    for price in base.prices:
        stated = by_code.get(price.code)
        if stated is not None:
            found.append(stated)
        elif hiding(found, price) is None:
            found.append(price)
    return found
