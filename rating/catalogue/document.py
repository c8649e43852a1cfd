"""The catalogue as a document: what the files say, once checked.

Plain values, in the units that usage is measured in. Everything but the plans' prices, whose order
decides, is sorted by its code, so that the same catalogue in other files is the same document.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from rating.counting import CounterPeriod
from rating.price.aggregate import Aggregation
from rating.price.allowance import TakenFirst
from rating.price.bands import BandChoice
from rating.price.increments import Increments
from rating.price.rate_card import CardChoice
from rating.price.sampling import Sampling
from rating.price.tier import Tier
from rating.price.units import RoundUnits
from rating.rounding import RoundingRule
from schemas.decimals import ZERO
from schemas.limit import ChargeLimit


class ZeroUsage(StrEnum):
    """What becomes of an event without usage, such as an unanswered call."""

    RATE = "rate"  # a charge of zero, in the ledger
    FILTER = "filter"  # counted as filtered, no charge
    PRICE = "price"  # its fees, its flat price and its least units, as if something were used


class BelowZero(StrEnum):
    """What becomes of an event that measures less than nothing."""

    REFUSE = "refuse"
    MIRROR = "mirror"  # what the same usage would cost is given back


class Consume(StrEnum):
    """What of an event an allowance takes."""

    EXACT = "exact"  # the units that were used
    INCREMENTS = "increments"  # the units that increments make of them
    STEPS = "steps"  # whole steps of its own


class AboveAllowance(StrEnum):
    """Where the price of what is left of a record begins, where that depends on a place."""

    FROM_START = "from_start"  # at its first rate or tier: what was free is not counted
    GOES_ON = "goes_on"  # where the free units end


class Sharing(StrEnum):
    """Whose an allowance is."""

    SUBSCRIPTION = "subscription"  # each has one
    ACCOUNT = "account"  # all of an account's on the plan have one together


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is used: its code is on every event, its unit is among the event's quantities."""

    code: str
    name: str
    product_type: str
    usage_kind: str
    unit: str
    zero_usage: ZeroUsage = ZeroUsage.RATE
    below_zero: BelowZero = BelowZero.REFUSE
    tax_code: str | None = None


class Window(msgspec.Struct, frozen=True, array_like=True):
    """[from, to) of one weekday by the wall clock, in minutes since midnight."""

    weekday: int  # Monday is 0
    from_minute: int
    to_minute: int


class Season(msgspec.Struct, frozen=True, array_like=True):
    """Days of every year, the last one in it; it may go over the end of the year."""

    first: int  # month x 100 + day
    last: int


class Special(msgspec.Struct, frozen=True, kw_only=True):
    """Windows of certain days, which go before those of the week: of a season, or of a calendar."""

    season: Season | None = None
    calendar: str | None = None
    windows: tuple[Window, ...]


class Band(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the week with a price of its own."""

    code: str
    windows: tuple[Window, ...]
    special: tuple[Special, ...] = ()


class BandSet(msgspec.Struct, frozen=True):
    """Bands that cover the week without overlap."""

    code: str
    bands: tuple[Band, ...]


class Calendar(msgspec.Struct, frozen=True):
    """Days that have prices of their own, such as public holidays."""

    code: str
    days: tuple[dt.date, ...]  # rising


class ExchangeRate(msgspec.Struct, frozen=True, array_like=True):
    """What a unit of one currency is worth in another, from the start of a local day on."""

    valid_from: dt.date
    rate: Decimal


class ExchangeTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of exchange between two currencies, rising by date; before the first there is none."""

    code: str
    from_currency: str
    to_currency: str
    rates: tuple[ExchangeRate, ...]


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


class MatrixRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a matrix, as in its file."""

    values: tuple[str, ...]  # one for each dimension; empty: whatever the event says
    name: str
    amount: Decimal
    per_units: Decimal
    first_units: Decimal
    following_units: Decimal
    connect_fee: Decimal = ZERO
    band: str | None = None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None  # exclusive


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one unit in one currency, by what an event says in several dimensions."""

    code: str
    currency: str
    unit: str
    bands: str | None = None
    dimensions: tuple[str, ...]  # the first decides first which row is the more specific
    rows: tuple[MatrixRow, ...]  # sorted by values, band and validity


class PerUnit(
    msgspec.Struct, frozen=True, tag_field="model", tag="per_unit", kw_only=True, omit_defaults=True
):
    """One price for every unit, or one for each band."""

    amount: Decimal | None = None  # None: it depends on the band
    bands: str | None = None
    amounts: dict[str, Decimal] = {}  # by band
    bands_by: BandChoice = BandChoice.START
    per_units: Decimal
    increments: Increments | None = None
    connect_fee: Decimal = ZERO


class RateCardPrice(
    msgspec.Struct,
    frozen=True,
    tag_field="model",
    tag="rate_card",
    kw_only=True,
    omit_defaults=True,
):
    """The price that a rate card, or one of several, has for the destination."""

    cards: tuple[str, ...]  # in the order in which they are asked
    choose: CardChoice = CardChoice.FIRST
    bands_by: BandChoice = BandChoice.START


class MatrixPrice(
    msgspec.Struct, frozen=True, tag_field="model", tag="matrix", kw_only=True, omit_defaults=True
):
    """The price that a matrix has for what the event says."""

    matrix: str
    bands_by: BandChoice = BandChoice.START


class Flat(msgspec.Struct, frozen=True, tag_field="model", tag="flat", kw_only=True):
    """One price for each event."""

    amount: Decimal


class Percentage(
    msgspec.Struct,
    frozen=True,
    tag_field="model",
    tag="percentage",
    kw_only=True,
    omit_defaults=True,
):
    """A share of the value that an event states, in the unit of its product."""

    percent: Decimal
    fee: Decimal = ZERO  # once per event of which anything is billed


class Graduated(
    msgspec.Struct,
    frozen=True,
    tag_field="model",
    tag="graduated",
    kw_only=True,
    omit_defaults=True,
):
    """A price for each tier of the month's usage."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None


class Volume(
    msgspec.Struct, frozen=True, tag_field="model", tag="volume", kw_only=True, omit_defaults=True
):
    """The price of the tier that the month's usage reached, for all of it."""

    tiers: tuple[Tier, ...]
    per_units: Decimal
    increments: Increments | None = None


class Package(
    msgspec.Struct, frozen=True, tag_field="model", tag="package", kw_only=True, omit_defaults=True
):
    """A price for each package of the month's usage."""

    amount: Decimal
    packages: RoundUnits
    increments: Increments | None = None


class CallRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a unit costs from some unit of a record on."""

    from_units: Decimal = ZERO
    amount: Decimal
    per_units: Decimal
    increment_units: Decimal


class Call(
    msgspec.Struct, frozen=True, tag_field="model", tag="call", kw_only=True, omit_defaults=True
):
    """Rates by how far into the record a unit lies, perhaps with their own in each band."""

    rates: tuple[CallRate, ...] = ()  # empty: they depend on the band
    bands: str | None = None
    rates_of: dict[str, tuple[CallRate, ...]] = {}  # by band
    bands_by: BandChoice = BandChoice.START
    connect_fee: Decimal = ZERO
    connect_fees: dict[str, Decimal] = {}  # by band, where they differ
    increment_rounding: RoundingRule | None = None  # of the cost of one increment


PriceModel = (
    PerUnit | RateCardPrice | MatrixPrice | Flat | Percentage | Graduated | Volume | Package | Call
)


class Committed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a month is promised to come to: an amount, or what so many units cost."""

    amount: Decimal | None = None
    units: Decimal | None = None
    overage: Decimal = Decimal(1)  # what the cost above it is multiplied with
    true_up: bool = False  # what is missing is charged when the month is closed


class UsageReached(msgspec.Struct, frozen=True, array_like=True):
    """Percent off all of a month, from some usage of another product in it on."""

    from_units: Decimal
    percent: Decimal


class DiscountByUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A discount of the month by what the account uses of another product."""

    product: str
    reached: tuple[UsageReached, ...]  # rising
    from_then: bool = False  # only of usage that is rated once so much was used


class DiscountTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Percent off the first events of a subscription, or of each of its months; then it is used up."""

    percent: Decimal
    times: int  # of how many events
    every: CounterPeriod = CounterPeriod.ONCE
    when: str = ""  # a condition; empty: always


class PriceVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price in force for [valid_from, valid_to), from local midnight to local midnight."""

    valid_from: dt.date | None = None  # None: always was
    valid_to: dt.date | None = None  # exclusive; None: until the next version
    model: PriceModel
    allowances: tuple[str, ...] = ()  # in the order in which they are taken; of money, after price
    round_units: RoundUnits | None = None
    free_records: int = 0  # the first ones of the month
    free_units: Decimal = ZERO  # the first ones of each record
    above_allowance: AboveAllowance | None = None  # None: a call goes on, tiers from the start
    fee_when_free: bool = False  # the connect fee is due also where everything else is free
    minimum_units: Decimal = ZERO  # that a record is billed as, before increments
    discounts: tuple[Decimal, ...] = ()  # percent off, each of what the one before it left
    discounts_when: tuple[str, ...] = ()  # a condition for each, empty: always; none: all always
    discount_by_usage: DiscountByUsage | None = None
    aggregation: Aggregation = Aggregation.SUM
    unique_by: str = ""  # an attribute of the event
    commitment: Committed | None = None
    least_event: Decimal | None = None
    least_month: Decimal | None = None
    least_by_days: bool = False
    first_fee_without_usage: bool = False
    most_event: Decimal | None = None
    most_day: Decimal | None = None
    most_month: Decimal | None = None
    exchange: str | None = None  # the table by which its amounts become the plan's currency
    rounding: RoundingRule = RoundingRule()
    sampling: Sampling | None = None  # what is priced of the month is a percentile of its samples
    discount_times: DiscountTimes | None = None  # after the other discounts


def restating_discount(version: PriceVersion) -> DiscountByUsage | None:
    """Return the discount by usage that changes earlier charges of its month, where there is one."""
    discount = version.discount_by_usage
    return None if discount is None or discount.from_then else discount


class PlanPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a product costs in a plan, where the destination begins with one of a list and the
    condition holds."""

    code: str
    product: str
    destinations: tuple[str, ...] = ()  # empty: whatever the destination
    when: str | UnsetType = UNSET  # a condition; unset: always, and no key in the JSON
    versions: tuple[PriceVersion, ...]


class RollsOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a month leaves of an allowance to later months."""

    months: int  # that may use it
    upto: Decimal | None = None  # of it, in the allowance's unit; None: all that is left
    order: TakenFirst = TakenFirst.OLDEST_FIRST
    since: str = ""  # the first month that leaves anything, as 2026-10; empty: each does


class PlanAllowance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is free in a period: units, or money where ``unit`` is the plan's currency."""

    code: str
    units: Decimal
    unit: str
    consume: Consume = Consume.EXACT
    step_units: Decimal | None = None  # of `Consume.STEPS`
    period: CounterPeriod = CounterPeriod.MONTH
    shared_by: Sharing = Sharing.SUBSCRIPTION
    money: bool = False
    rolls_over: RollsOver | None = None
    times: str = ""  # "members", or a number of account or subscription; empty: once
    bands: str = ""  # a set, of which `only_in` are those that usage must begin in
    only_in: tuple[str, ...] = ()
    when: str = ""  # a condition; empty: always
    valid_from: dt.date | None = None  # for usage of these days
    valid_to: dt.date | None = None  # exclusive


class AlsoRated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another rating of the same usage: under which plan, for all products or by product."""

    name: str
    plan: str = (
        ""  # of all products; empty: `plans` says it of some, the others have no such rating
    )
    plans: dict[str, str] = {}  # by product, sorted

    def plan_of(self, product: str) -> str:
        """Return the plan for a product; empty where the product has no such rating."""
        return self.plan or self.plans.get(product, "")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription is on. Of its prices for a product, the first that matches wins."""

    code: str
    name: str
    currency: str
    allowances: tuple[PlanAllowance, ...] = ()
    prices: tuple[PlanPrice, ...]
    also_rated: tuple[AlsoRated, ...] | UnsetType = UNSET  # unset: no key in the JSON


class CatalogueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A whole catalogue, checked."""

    products: tuple[Product, ...]
    calendars: tuple[Calendar, ...] = ()
    bands: tuple[BandSet, ...] = ()
    cards: tuple[Card, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    exchange_rates: tuple[ExchangeTable, ...] = ()
    plans: tuple[Plan, ...]
    limits: tuple[ChargeLimit, ...] = ()
