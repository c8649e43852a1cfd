"""Reads `products:`: what is used, and how it is measured."""

from __future__ import annotations

from rating.catalogue.document import BelowZero, Product, ZeroUsage
from rating.catalogue.reader import Entry


def read_products(entries: list[Entry]) -> dict[str, Product]:
    """Return the products by code."""
    products = {}
    for reader, code, node, field in entries:
        values = reader.record(
            node,
            field,
            required=("type", "usage_kind", "unit"),
            optional=("name", "zero_usage", "below_zero", "tax_code"),
        )
        if values is None:
            continue
        name, tax_code = values.get("name"), values.get("tax_code")
        products[code] = Product(
            code=code,
            name=code if name is None else reader.text(name, f"{field}.name"),
            product_type=reader.text(values.get("type"), f"{field}.type"),
            usage_kind=reader.text(values.get("usage_kind"), f"{field}.usage_kind"),
            unit=reader.text(values.get("unit"), f"{field}.unit"),
            zero_usage=reader.choice(
                values.get("zero_usage"), f"{field}.zero_usage", ZeroUsage, ZeroUsage.RATE
            ),
            below_zero=reader.choice(
                values.get("below_zero"), f"{field}.below_zero", BelowZero, BelowZero.REFUSE
            ),
            tax_code=None if tax_code is None else reader.text(tax_code, f"{field}.tax_code"),
        )
    return products
