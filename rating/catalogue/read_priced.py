"""Reads which products a price is for: one, some, or all of a type.

A price of several is written out: there is one for each of them, whose code is that of the price, a
point, and the product's. So tiers, allowances and caps of one product are never those of another.
"""

from __future__ import annotations

from rating.catalogue.document import Product
from rating.catalogue.errors import quoted
from rating.catalogue.reader import CODE, Reader
from rating.catalogue.yaml_tree import Node, Scalar

SEVERAL = ("products", "product_type")


def read_priced(
    reader: Reader, key: Scalar, values: dict[str, Node], field: str, products: dict[str, Product]
) -> dict[str, str]:
    """Return the products of a price, each by the code of its own price."""
    stated = [name for name in ("product", *SEVERAL) if name in values]
    if len(stated) > 1:
        expected = f"one of product, {', '.join(SEVERAL)}"
        reader.complain(values[stated[1]], field, expected=expected, found=" and ".join(stated))
        return {}
    if "products" in values:
        found = _listed(reader, values["products"], f"{field}.products", products)
    elif "product_type" in values:
        found = _of_type(reader, values["product_type"], f"{field}.product_type", products)
    else:
        node = values.get("product")
        product = reader.known(node, f"{field}.product", among=products, what="a product code")
        return {key.text: product} if product else {}
    codes = {f"{key.text}.{product}": product for product in found}
    for code in codes:
        if not CODE.fullmatch(code):
            expected = "codes of price and product with at most 63 characters together"
            reader.complain(key, field, expected=expected, found=quoted(code))
    return codes


def _listed(reader: Reader, node: Node, field: str, products: dict[str, Product]) -> list[str]:
    found: list[str] = []
    for item in reader.items(node, field):
        product = reader.known(item, field, among=products, what="a product code")
        if product in found:
            reader.complain(item, field, expected="each product once", found=quoted(product))
        elif product:
            found.append(product)
    return found


def _of_type(reader: Reader, node: Node, field: str, products: dict[str, Product]) -> list[str]:
    types = sorted({product.product_type for product in products.values()})
    product_type = reader.known(node, field, among=types, what="the type of a product")
    return sorted(code for code in products if products[code].product_type == product_type)
