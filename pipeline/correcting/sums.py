"""What charges of a month come to under each price, and what a correction changes of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from pipeline.correcting.history import History
from pipeline.correcting.others import NO_OTHERS, Others, added, negated, others_of
from pipeline.correcting.replay import Replayed
from schemas.correction import CorrectedCharge
from schemas.decimals import EXACT, ZERO
from schemas.ledger import Charge
from sinks.charge_history import HistoryRow


class Price(NamedTuple):
    """Charges that can be told apart by nothing but their usage."""

    subscription_id: str
    product: str
    product_type: str
    unit: str
    currency: str
    price_id: str
    tax_code: str | None


class Sum(NamedTuple):
    amount: Decimal = ZERO
    billed: Decimal = ZERO
    free: Decimal = ZERO
    others: Others = NO_OTHERS

    def plus(self, charge: Charge | HistoryRow | CorrectedCharge) -> Sum:
        add = EXACT.add
        ratings = charge.other_ratings
        return Sum(
            add(self.amount, Decimal(charge.amount)),
            add(self.billed, Decimal(charge.billed)),
            add(self.free, Decimal(charge.free)),
            added(self.others, others_of(ratings)) if ratings else self.others,
        )

    def plus_sum(self, other: Sum) -> Sum:
        """Return both as one; the names of plans and prices are those of ``other``."""
        add = EXACT.add
        return Sum(
            add(self.amount, other.amount),
            add(self.billed, other.billed),
            add(self.free, other.free),
            added(self.others, other.others),
        )

    def minus(self, other: Sum) -> Sum:
        subtract = EXACT.subtract
        return Sum(
            subtract(self.amount, other.amount),
            subtract(self.billed, other.billed),
            subtract(self.free, other.free),
            # The names of plans and prices are those that there are now.
            added(negated(other.others), self.others),
        )


def price_of(charge: Charge | HistoryRow | CorrectedCharge) -> Price:
    return Price(
        charge.subscription_id,
        charge.product,
        charge.product_type,
        charge.unit,
        charge.currency,
        charge.price_id,
        charge.tax_code,
    )


def sums_of(charges: Iterable[Charge | HistoryRow]) -> dict[Price, Sum]:
    found: dict[Price, Sum] = {}
    for charge in charges:
        price = price_of(charge)
        found[price] = found.get(price, Sum()).plus(charge)
    return found


def of_month(history: History, found: Replayed) -> list[Charge]:
    return [one for one in found.charges if one.usage_period_ms == history.month_start_ms]


def whole_month(history: History, found: Replayed) -> list[Charge | HistoryRow]:
    """Return what a month comes to, with what was charged before the replay begins."""
    return [*history.staying, *of_month(history, found)]


class PriceLine(NamedTuple):
    """What a month came to under one price of a subscription, and comes to."""

    subscription_id: str
    product: str
    price_id: str
    currency: str
    was: Decimal
    now: Decimal
    rating: str = ""  # the name of another rating that it is of; empty: of what is charged


def lines_of(
    before: Iterable[Charge | HistoryRow], after: Iterable[Charge | HistoryRow]
) -> Iterable[PriceLine]:
    was, now = sums_of(before), sums_of(after)
    for price in sorted(was.keys() | now.keys(), key=str):
        amounts = was.get(price, Sum()).amount, now.get(price, Sum()).amount
        if amounts[0] != amounts[1]:
            yield PriceLine(
                price.subscription_id, price.product, price.price_id, price.currency, *amounts
            )
        yield from _other_lines(price, was.get(price, Sum()), now.get(price, Sum()))


def _other_lines(price: Price, was: Sum, now: Sum) -> Iterable[PriceLine]:
    differing = now.minus(was).others
    for chain, ratings in differing.items():
        before = was.others.get(chain) or (None,) * len(chain)
        for name, each, old in zip(chain, ratings, before, strict=True):
            came = ZERO if old is None else old.amount
            if each.amount:
                yield PriceLine(
                    *(price.subscription_id, price.product, price.price_id, price.currency),
                    *(came, EXACT.add(came, each.amount), name),
                )
