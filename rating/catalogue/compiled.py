"""The catalogue as rating uses it: immutable, with everything parsed and looked up."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from rating.price.allowance import Allowance
from rating.price.bands import BandedPrice, WeekBands
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import FIRST_DAY, LAST_DAY, RateCard
from rating.price.units import RoundUnits
from rating.rounding import RoundingRule
from schemas.ledger import ExplanationStep
from schemas.limit import ChargeLimit


class CardPrice:
    """A rate card, and the bands that its rows name."""

    __slots__ = ("bands", "card")

    def __init__(self, card: RateCard, bands: WeekBands | None) -> None:
        self.card = card
        self.bands = bands


Price = PerUnitPrice | FlatPrice | GraduatedPrice
"""What one event is priced by, once its band and destination are known."""

Model = Price | BandedPrice | CardPrice

Counting = tuple[str | None, str | None]
"""What a price must know of the month: the id of its allowance, and the name of the price under
which its billed units are counted; None where it has none."""

NO_COUNTING: Counting = (None, None)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one price of a plan, and the steps around it."""

    price_id: str  # "<plan>/<price>": part of a counter's name, so never renamed
    price_step: ExplanationStep
    model: Model
    rounding: RoundingRule
    rounding_step: ExplanationStep
    zero: Decimal  # with the places of the price
    counting: Counting = NO_COUNTING  # of a price without bands
    counting_of_band: dict[str, Counting] = {}  # of one with bands
    allowance: Allowance | None = None
    round_units: RoundUnits | None = None
    from_day: int = FIRST_DAY  # local days since 1 January 1970
    to_day: int = LAST_DAY  # exclusive


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A price of a plan for a product, in all its versions."""

    price_id: str
    destinations: tuple[str, ...]  # empty: whatever the destination
    rules: tuple[Rule, ...]  # rising, not overlapping
    always: Rule | None = None  # the one that holds at every time, whose price has no time in it


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan has for a product: the first entry that matches wins."""

    product: str
    product_type: str
    currency: str
    unit: str
    counts_records: bool  # each event is 1 of the unit, whatever was measured
    filters_zero: bool
    tax_code: str | None
    entries: tuple[Entry, ...]


class CompiledPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan: its offers by product code."""

    code: str
    currency: str
    offers: dict[str, Offer]


class Catalogue:
    """One version of the catalogue. Never changed; a new version is a new object."""

    __slots__ = ("_product_types", "limits", "plans", "version")

    def __init__(
        self,
        *,
        version: int,
        plans: dict[str, CompiledPlan],
        product_types: dict[str, str],
        limits: tuple[ChargeLimit, ...],
    ) -> None:
        self.version = version
        self.plans = plans
        self.limits = limits
        self._product_types = product_types

    def product_type(self, product: str) -> str | None:
        """Return the type of a product, or None where the catalogue has no such product."""
        return self._product_types.get(product)
