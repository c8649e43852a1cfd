"""Errors of prices that are one slip in the unit of their product: told there, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from rating.catalogue.bounds import Errors
from rating.catalogue.document import Product
from rating.catalogue.errors import CatalogueError, quoted
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import under
from rating.meant import meant_unit
from rating.units import short_name

_MOST_TRIED = 4  # products; each is all plans read once more


def told_at_units(
    errors: Errors,
    entries: Iterable[Entry],
    products: dict[str, Product],
    errors_with: Callable[[dict[str, Product]], Errors],
) -> Errors:
    """Return the errors of plans, where those that another spelling of a product's unit would settle are one
    error of that product. ``errors_with``: those of the plans with other products.

    A unit of a site's own is no slip: one is taken for it only where that settles something and raises
    nothing.
    """
    told = Errors()
    for entry in [each for each in entries if _meant(products, each.code)][:_MOST_TRIED]:
        product, meant = products[entry.code], _meant(products, entry.code)
        corrected = {**products, entry.code: msgspec.structs.replace(product, unit=meant)}
        rest = errors_with(corrected)
        before, after = _places(errors), _places(rest)
        # Of more errors than are kept others are found once the first ones are gone.
        if len(after) >= len(before) or (after - before and not errors.full):
            continue
        settled = len(before) - len(after)
        Reader(entry.reader.file, told).complain(
            under(entry.node, "unit"),
            f"{entry.field}.unit",
            expected="a unit that its prices can be read in",
            found=f"{quoted(product.unit)}, which does not fit in {_places_of_plans(settled)} (did you mean {meant}?)",
        )
        errors, products = rest, corrected
    told += errors
    return told


def _meant(products: dict[str, Product], code: str) -> str:
    """Return the unit that a product may be meant to be in; empty where that is its own, or nobody knows."""
    product = products.get(code)
    meant = product and product.unit and meant_unit(product.unit)
    short = short_name(meant) if meant else ""
    return "" if product is None or short == product.unit else short


def _places_of_plans(count: int) -> str:
    return "1 place of plans" if count == 1 else f"{count:,} places of plans"


def _places(errors: Iterable[CatalogueError]) -> set[tuple[str, int, str]]:
    """Return where errors are: what they expect may name the unit."""
    return {(each.file, each.line, each.field) for each in errors}
