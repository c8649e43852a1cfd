"""Reads `bands_by:`, which band prices a record that lies in several."""

from __future__ import annotations

from rating.catalogue.document import Product
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node
from rating.price.bands import BandChoice
from rating.units import unit_of


def complain_needs_bands(reader: Reader, at: Node, field: str) -> None:
    """Note that a price says how bands decide, and has none."""
    reader.complain(
        at, f"{field}.bands_by", expected="bands beside it", found="a price that has none"
    )


def read_bands_by(
    reader: Reader, values: dict[str, Node], field: str, product: Product, *, may_split: bool
) -> BandChoice:
    """Return which band prices a record that lies in several."""
    node = values.get("bands_by")
    choice = reader.choice(node, f"{field}.bands_by", BandChoice, BandChoice.START)
    if choice is BandChoice.SPLIT and node is not None:
        if not may_split:
            reader.complain(
                node,
                f"{field}.bands_by",
                expected="start or end; what is split is a price of the model call, or a card",
                found="split",
            )
        elif unit_of(product.unit) != unit_of("s"):
            reader.complain(
                node,
                f"{field}.bands_by",
                expected="a product in s, to know where in time its units lie",
                found=f"{product.code} in {product.unit}",
            )
    return choice
