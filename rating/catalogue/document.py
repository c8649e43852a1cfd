"""The catalogue as a document: what the files say, once checked.

Plain values, in the units that usage is measured in. Everything but the plans' prices, whose order
decides, is sorted by its code, so that the same catalogue in other files is the same document.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec

from rating.price.graduated import Tier
from rating.price.increments import Increments
from rating.price.units import RoundUnits
from schemas.decimals import ZERO
from schemas.limit import ChargeLimit
from schemas.money import RATED_DECIMAL_PLACES, Rounding


class ZeroUsage(StrEnum):
    """What becomes of an event without usage, such as an unanswered call."""

    RATE = "rate"  # a charge of zero, in the ledger
    FILTER = "filter"  # counted as filtered, no charge


class Consume(StrEnum):
    """What of an event an allowance takes."""

    EXACT = "exact"  # the units that were used
    INCREMENTS = "increments"  # the units that increments make of them


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is used: its code is on every event, its unit is among the event's quantities."""

    code: str
    name: str
    product_type: str
    usage_kind: str
    unit: str
    zero_usage: ZeroUsage = ZeroUsage.RATE
    tax_code: str | None = None


class Window(msgspec.Struct, frozen=True, array_like=True):
    """[from, to) of one weekday by the wall clock, in minutes since midnight."""

    weekday: int  # Monday is 0
    from_minute: int
    to_minute: int


class Band(msgspec.Struct, frozen=True):
    """A part of the week with a price of its own."""

    code: str
    windows: tuple[Window, ...]


class BandSet(msgspec.Struct, frozen=True):
    """Bands that cover the week without overlap."""

    code: str
    bands: tuple[Band, ...]


class CardRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a rate card, as in its file."""

    prefix: str
    destination: str
    amount: Decimal
    per_units: Decimal
    first_units: Decimal
    following_units: Decimal
    connect_fee: Decimal = ZERO
    band: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None  # exclusive


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A rate card: prices of one unit in one currency, by destination prefix."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    rows: tuple[CardRow, ...]  # sorted by prefix, band and validity


class PerUnit(msgspec.Struct, frozen=True, tag_field="model", tag="per_unit", kw_only=True):
    """One price for every unit, or one for each band."""

    amount: Decimal | None = None  # None: it depends on the band
    bands: str | None = None
    amounts: dict[str, Decimal] = {}  # by band
    per_units: Decimal
    increments: Increments | None = None
    connect_fee: Decimal = ZERO


class RateCardPrice(msgspec.Struct, frozen=True, tag_field="model", tag="rate_card", kw_only=True):
    """The price that a rate card has for the destination."""

    card: str


class Flat(msgspec.Struct, frozen=True, tag_field="model", tag="flat", kw_only=True):
    """One price for each event."""

    amount: Decimal


class Graduated(msgspec.Struct, frozen=True, tag_field="model", tag="graduated", kw_only=True):
    """A price for each tier of the month's usage."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None


PriceModel = PerUnit | RateCardPrice | Flat | Graduated


class PriceVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A price in force for [valid_from, valid_to), from local midnight to local midnight."""

    valid_from: dt.date | None = None  # None: always was
    valid_to: dt.date | None = None  # exclusive; None: until the next version
    model: PriceModel
    allowance: str | None = None
    round_units: RoundUnits | None = None
    rounding: Rounding = Rounding.HALF_UP
    decimal_places: int = RATED_DECIMAL_PLACES


class PlanPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a product costs in a plan, where the destination begins with one of a list."""

    code: str
    product: str
    destinations: tuple[str, ...] = ()  # empty: whatever the destination
    versions: tuple[PriceVersion, ...]


class PlanAllowance(msgspec.Struct, frozen=True, kw_only=True):
    """Free units per subscription and calendar month."""

    code: str
    units: Decimal
    unit: str
    consume: Consume = Consume.EXACT


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription is on. Of its prices for a product, the first that matches wins."""

    code: str
    name: str
    currency: str
    allowances: tuple[PlanAllowance, ...] = ()
    prices: tuple[PlanPrice, ...]


class CatalogueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A whole catalogue, checked."""

    products: tuple[Product, ...]
    bands: tuple[BandSet, ...] = ()
    cards: tuple[Card, ...] = ()
    plans: tuple[Plan, ...]
    limits: tuple[ChargeLimit, ...] = ()
