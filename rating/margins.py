"""What is left between a charge and what its usage costs, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from schemas.decimals import EXACT, ZERO
from schemas.ledger import OtherRating

TOTAL = "Total"
CHARGED = "charge"
"""What the first other rating is paid from, where its margin says so; no rating is called so."""


class Margin(NamedTuple):
    """What is left of an amount where a rating is paid from it; in the charge's currency."""

    paid_from: str  # `CHARGED`, or the rating before
    rating: str
    before: Decimal
    amount: Decimal  # of the rating

    @property
    def left(self) -> Decimal:
        """Return the margin; below zero where the rating is more than what it is paid from."""
        return EXACT.subtract(self.before, self.amount)


def margins(charged: Decimal, ratings: Iterable[OtherRating]) -> tuple[Margin, ...]:
    """Return the margin over each other rating of a charge, in the order of its plan: the first is paid
    from what is ``charged``, each further one from the one before it. So they add up to what is
    charged, less the last rating.

    Adjustments and closings have no other rating: they change what is charged, and no cost.
    """
    found = []
    paid_from, before = CHARGED, charged
    for rating in ratings:
        found.append(Margin(paid_from, rating.name, before, Decimal(rating.amount)))
        paid_from, before = rating.name, found[-1].amount
    return tuple(found)


class MarginSum(NamedTuple):
    """Charges of one thing that have a certain rating, paid from the same."""

    of: str  # a product, an account, a price, or the name of a destination; empty: of none
    paid_from: str  # `CHARGED`, or the rating before
    rating: str
    currency: str
    records: int = 0
    before: Decimal = ZERO  # of what it is paid from
    amount: Decimal = ZERO  # of the rating

    @property
    def margin(self) -> Decimal:
        """Return what is left; below zero where the rating is more than what it is paid from."""
        return EXACT.subtract(self.before, self.amount)

    def plus(self, records: int, before: Decimal, amount: Decimal) -> MarginSum:
        """Return it with more records."""
        return self._replace(
            records=self.records + records,
            before=EXACT.add(self.before, before),
            amount=EXACT.add(self.amount, amount),
        )


def totals(sums: Iterable[MarginSum]) -> list[MarginSum]:
    """Return the sums over all things, of each currency and rating by what that is paid from."""
    found: dict[tuple[str, str, str], MarginSum] = {}
    for each in sums:
        key = (each.currency, each.paid_from, each.rating)
        total = found.get(key) or each._replace(of=TOTAL, records=0, before=ZERO, amount=ZERO)
        found[key] = total.plus(each.records, each.before, each.amount)
    return list(found.values())
