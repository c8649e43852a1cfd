"""Reads `discount_by_usage:`: what is off a month by the usage of another product."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from rating.catalogue.document import DiscountByUsage, Product, UsageReached
from rating.catalogue.reader import Reader, YesNo
from rating.catalogue.yaml_tree import Node
from schemas.decimals import ZERO

_HUNDRED = Decimal(100)


def read_usage_discount(
    reader: Reader, node: Node | None, field: str, *, own: Product, products: Mapping[str, Product]
) -> DiscountByUsage | None:
    """Return the discount, if there is one. ``own``: the product that it is a discount on."""
    if node is None:
        return None
    values = reader.record(node, field, required=("product", "reached"), optional=("from_then",))
    if values is None:
        return None
    others = [code for code in products if code != own.code]
    code = reader.known(
        values.get("product"), f"{field}.product", among=others, what="the code of another product"
    )
    if not code:
        return None
    reached: list[UsageReached] = []
    for index, item in enumerate(reader.items(values.get("reached"), f"{field}.reached")):
        at = f"{field}.reached[{index + 1}]"
        found = reader.record(item, at, required=("from", "percent"))
        if found is None:
            continue
        begins = reader.quantity(found.get("from"), f"{at}.from", unit=products[code].unit)
        percent = reader.percent(found.get("percent"), f"{at}.percent")
        if not ZERO < percent <= _HUNDRED:
            expected = "a percentage above 0, of at most 100"
            reader.complain(item, f"{at}.percent", expected=expected, found=str(percent))
        if reached and begins <= reached[-1].from_units:
            reader.complain(
                item,
                f"{at}.from",
                expected=f"more than the one before it, {reached[-1].from_units}",
                found=str(begins),
            )
        reached.append(UsageReached(begins, percent))
    choice = reader.choice(values.get("from_then"), f"{field}.from_then", YesNo, YesNo.NO)
    if not reached:
        return None
    return DiscountByUsage(product=code, reached=tuple(reached), from_then=choice is YesNo.YES)
