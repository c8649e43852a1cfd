"""Levels over time of products that refuse what falls."""

from __future__ import annotations

from collections.abc import Mapping

from rating.catalogue.document import BelowZero, CatalogueDocument
from rating.price.aggregate import OF_CHANGES


def levels_that_only_rise(document: CatalogueDocument) -> Mapping[str, list[str]]:
    """Return prices of levels over time, as ``plan/price``, by the product that refuses usage below
    zero. A level of records, each of which stays to the end of the month, may well be one."""
    refusing = {each.code for each in document.products if each.below_zero is not BelowZero.MIRROR}
    found: dict[str, list[str]] = {}
    for plan in document.plans:
        for price in plan.prices:
            if price.product in refusing and any(
                version.aggregation in OF_CHANGES for version in price.versions
            ):
                found.setdefault(price.product, []).append(f"{plan.code}/{price.code}")
    return found
