"""What a price of a plan may refer to."""

from __future__ import annotations

from dataclasses import dataclass

from rating.catalogue.document import (
    BandSet,
    Card,
    ExchangeTable,
    Matrix,
    PlanAllowance,
    Product,
)
from rating.catalogue.reachable import Reach


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a price may refer to."""

    product: Product
    currency: str
    bands: dict[str, BandSet]
    cards: dict[str, Card]
    matrices: dict[str, Matrix]
    allowances: dict[str, PlanAllowance]
    reach: Reach  # of the cards
    products: dict[str, Product]
    exchange: dict[str, ExchangeTable]
