"""The catalogue as rating uses it: immutable, with everything parsed and looked up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from rating.amount import Adjusting
from rating.conditions.condition import Condition
from rating.counting import NO_COUNTING, CounterKind, CounterPeriod, Counting
from rating.dimensions import Reading, reading_of
from rating.limited_discount import LimitedDiscount
from rating.price.aggregate import LEVELS, Aggregation
from rating.price.allowance import Allowance
from rating.price.bands import BandChoice, BandedPrice, Bands
from rating.price.call import CallPrice, Stretch, price_in_band
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.matrix import Matrix
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import FIRST_DAY, LAST_DAY, CardChoice, RateCard
from rating.price.sampling import Sampling
from rating.price.units import RoundUnits
from rating.price.volume import VolumePrice
from rating.rounding import RoundingRule
from rating.usage_discount import UsageDiscount
from schemas.decimals import ZERO
from schemas.ledger import ExplanationStep
from schemas.limit import ChargeLimit


class CardPrice:
    """A rate card, the bands that its rows name, and which of them prices a record."""

    __slots__ = ("bands", "card", "choice")

    def __init__(
        self, card: RateCard, bands: Bands | None, choice: BandChoice = BandChoice.START
    ) -> None:
        self.card = card
        self.bands = bands
        self.choice = choice


class CardsPrice:
    """Several rate cards, and which of those that have a destination prices it."""

    __slots__ = ("cards", "choose", "codes")

    def __init__(self, cards: tuple[CardPrice, ...], choose: CardChoice) -> None:
        """``cards``: in the order in which they are asked; all choose their bands alike."""
        assert len(cards) > 1, "one card is a `CardPrice`"
        assert len({each.choice for each in cards}) == 1
        self.cards = cards
        self.choose = choose
        self.codes = tuple(each.card.code for each in cards)


class MatrixPrice:
    """A matrix, what it looks at, the bands that its rows name, and which of them prices a record."""

    __slots__ = ("bands", "choice", "dimensions", "matrix", "readings")

    def __init__(
        self,
        matrix: Matrix,
        dimensions: tuple[str, ...],
        bands: Bands | None,
        choice: BandChoice = BandChoice.START,
    ) -> None:
        self.matrix = matrix
        self.dimensions = dimensions
        self.readings: tuple[Reading, ...] = tuple(map(reading_of, dimensions))
        self.bands = bands
        self.choice = choice


class BandedCall:
    """The rates of a call in each band, and which of the bands it meets price it."""

    __slots__ = ("bands", "by_one_band", "choice", "connect_fees", "in_one_band", "rates")

    def __init__(
        self,
        bands: Bands,
        choice: BandChoice,
        rates: dict[str, tuple[Stretch, ...]],
        connect_fees: dict[str, Decimal],
    ) -> None:
        """``connect_fees``: by the band that the call begins in, or that prices it."""
        self.bands = bands
        self.choice = choice
        self.rates = rates
        self.connect_fees = connect_fees
        self.in_one_band = {
            band: price_in_band(found, band, connect_fees[band]) for band, found in rates.items()
        }
        # By the band that a call begins in and the one that prices all of it.
        self.by_one_band = {
            (begins, band): CallPrice(found, connect_fees[begins])
            for begins in connect_fees
            for band, found in rates.items()
        }


Price = PerUnitPrice | FlatPrice | GraduatedPrice | VolumePrice | PackagePrice | CallPrice
"""What one event is priced by, once its band and destination are known."""

ByEvent = BandedPrice | BandedCall | CardPrice | CardsPrice | MatrixPrice
"""What has its price only once the event says when and what it was."""

Model = Price | ByEvent


class Free(msgspec.Struct, frozen=True, gc=False):
    """What is free of records before allowances, and the least that the rest is billed as."""

    records: int = 0  # the first ones of the month: free whole, or as far as allowances reach
    units: Decimal = ZERO  # the first ones of each record
    minimum_units: Decimal = ZERO  # a record of which anything is left is billed as so much


class Cap(msgspec.Struct, frozen=True, gc=False):
    """The most that the records of a period come to under a price whose records each have their
    own."""

    period: CounterPeriod
    most: Decimal | None  # None: what is charged is only counted, for the close


class Closing(msgspec.Struct, frozen=True, gc=False):
    """What a price asks for when its month is closed, whatever was used."""

    least: Decimal | None = None  # the month comes to at least so much
    by_days: bool = False  # for a part of a month, so many days' share of that
    first_fee: bool = False  # the fee of the first tier is due also where nothing was used


class ConditionalDiscounts(msgspec.Struct, frozen=True, gc=False):
    """The discounts of a price, of which some need a condition."""

    percents: tuple[Decimal, ...]
    conditions: tuple[Condition | None, ...]  # one for each; None: always
    of_limited: Condition | None = None  # of the one that is used up


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one price of a plan, and the steps around it."""

    price_id: str  # "<plan>/<price>": part of a counter's name, so never renamed
    price_step: ExplanationStep
    model: Model
    is_ordinary: bool = False  # nothing stands around the price of a record with usage
    rounding: RoundingRule
    rounding_step: ExplanationStep
    zero: Decimal  # with the places of the price
    grows: bool = False  # it is a price of the month: what was billed before counts
    counting: Counting = NO_COUNTING  # of a price without bands
    counting_of_band: dict[str, Counting] = {}  # of one with bands
    counting_of_days: dict[int, Counting] = {}  # by the days of the month, of one by the day
    round_units: RoundUnits | None = None
    free: Free | None = None
    allowances: tuple[Allowance, ...] = ()
    free_counts: bool = False  # what is free takes its place in the rates, or in the tiers
    fee_when_free: bool = False  # the connect fee is due also where allowances take everything
    aggregation: Aggregation = Aggregation.SUM
    unique_by: str = ""  # the attribute, where it is `Aggregation.UNIQUE`
    sampling: Sampling | None = None  # the month is priced at its close, by its samples
    adjusting: Adjusting | None = None
    closing: Closing | None = None
    counts_closed: bool = False  # what its month was closed at is counted, if the close says so
    usage_discount: UsageDiscount | None = None
    caps: tuple[Cap, ...] = ()
    credits: tuple[Allowance, ...] = ()  # allowances in money: they pay the charge
    months_rolled: int = 0  # before that of an event, of which allowances may still give something
    shares_rolled: bool = False  # some of those allowances are of the account
    is_fitted: bool = False  # which of its allowances usage has, or how much, depends on the usage
    discounts_when: ConditionalDiscounts | None = None
    limited: LimitedDiscount | None = None  # off the first events, after all other discounts
    from_day: int = FIRST_DAY  # local days since 1 January 1970
    to_day: int = LAST_DAY  # exclusive

    @property
    def tier_place(self) -> int:
        """Return where among the counters that of the units billed, or held, is, where the price
        grows."""
        assert self.grows
        return sum([allowance.counted for allowance in self.allowances])

    @property
    def counted_after_price(self) -> int:
        """Return how many of the counters are of what follows the price."""
        discount = 0 if self.usage_discount is None else 2 - self.usage_discount.from_then
        credits = sum([credit.counted for credit in self.credits]) if self.credits else 0
        others = self.counts_closed + credits + self.counts_records + (self.limited is not None)
        return discount + len(self.caps) + others

    @property
    def restating_discount(self) -> UsageDiscount | None:
        """Return the discount by usage that changes earlier charges of its month, if it has one."""
        discount = self.usage_discount
        return None if discount is None or discount.from_then else discount

    @property
    def asks_at_close(self) -> bool:
        """Return whether the close of a month may change what the price came to in it."""
        return (
            self.closing is not None
            or self.restating_discount is not None
            or self.sampling is not None
        )

    @property
    def restates(self) -> bool:
        """Return whether usage may change what earlier usage of its month came to."""
        by_level = self.aggregation in LEVELS
        by_usage = self.restating_discount is not None
        return isinstance(self.model, VolumePrice) or by_level or by_usage

    @property
    def keeps_closed(self) -> bool:
        """Return whether a close has to say what the month came to also where it asks for nothing:
        late usage may restate what came before it, and must not take the month below that."""
        has_least = self.closing is not None and self.closing.least is not None
        return self.restates and (has_least or self.restating_discount is not None)

    def restating_place(self, counting: Counting) -> int:
        """Return where among the counters that by which earlier charges are restated is."""
        if self.restating_discount is not None:
            return [counter.kind for counter in counting].index(CounterKind.LISTED)
        return self.tier_place

    @property
    def counts_records(self) -> bool:
        """Return whether the records of the month are counted, as the last of the counters."""
        return self.free is not None and self.free.records > 0


def conditions_of(entry: Entry) -> Iterator[Condition]:
    """Yield all conditions that a price has: its own, of its discounts and of its allowances."""
    if entry.when is not None:
        yield entry.when
    for rule in entry.rules:
        asked = rule.discounts_when
        discounts = () if asked is None else (*asked.conditions, asked.of_limited)
        only_for = [each.only_for for each in (*rule.allowances, *rule.credits)]
        of_allowances = [None if each is None else each.when for each in only_for]
        yield from (each for each in (*discounts, *of_allowances) if each is not None)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A price of a plan for a product, in all its versions."""

    price_id: str
    destinations: tuple[str, ...]  # empty: whatever the destination
    when: Condition | None = None  # None: always
    rules: tuple[Rule, ...]  # rising, not overlapping
    from_days: tuple[int, ...]  # of the rules
    always: Rule | None = None  # the one that holds at every time, whose price has no time in it

    def rule_on(self, day: int) -> Rule | None:
        """Return the rule in force on a local day."""
        place = bisect_right(self.from_days, day) - 1
        if place < 0:
            return None
        rule = self.rules[place]
        return rule if day < rule.to_day else None


class OtherOffer(msgspec.Struct, frozen=True):
    """What another plan has for the same product: usage is rated under it too."""

    name: str  # of the rating, such as "wholesale"
    plan: str
    offer: Offer  # its prices ask for no counters


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan has for a product: the first entry that matches wins."""

    product: str
    product_type: str
    currency: str
    unit: str
    counts_records: bool  # each event is 1 of the unit, whatever was measured
    filters_zero: bool
    prices_zero: bool = False  # an event without usage has its fees and its flat price
    mirrors: bool = False  # an event below zero gives back what it would cost
    tax_code: str | None
    has_conditions: bool = False  # some of its prices or discounts ask for attributes
    is_fitted: bool = False  # some of its allowances may, too
    entries: tuple[Entry, ...]
    asks_month: bool = False  # some condition asks for the month of the subscription
    others: tuple[OtherOffer, ...] = ()  # of a plan that is `also_rated`, in its order

    @property
    def asks_for_holder(self) -> bool:
        """Return whether its own prices, or those of another rating, ask for attributes."""
        own = self.has_conditions or self.is_fitted
        return own or any(other.offer.has_conditions for other in self.others)

    @property
    def asks_for_month(self) -> bool:
        """Return whether its own prices, or those of another rating, ask for the month of the
        subscription."""
        return self.asks_month or any(other.offer.asks_month for other in self.others)


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
