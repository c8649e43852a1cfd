"""What the charges of a trial come to together."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rating.margins import MarginSum, margins
from schemas.decimals import EXACT, ZERO
from schemas.ledger import WITHOUT_USAGE, Charge


class Sum(NamedTuple):
    """Charges of one currency."""

    records: int = 0  # without adjustments and what a close asks for
    amount: Decimal = ZERO

    def and_charge(self, charge: Charge) -> Sum:
        """Return it with a charge."""
        is_record = charge.usage_kind not in WITHOUT_USAGE
        return Sum(self.records + is_record, EXACT.add(self.amount, Decimal(charge.amount)))


class Sums:
    """Exact sums, by price and by currency: we never convert."""

    def __init__(self) -> None:
        self.by_price: dict[tuple[str, str], Sum] = {}  # by price id and currency
        self.by_currency: dict[str, Sum] = {}
        # By price id and currency, the rating and what it is paid from.
        self.margins: dict[tuple[str, str, str, str], MarginSum] = {}

    def add(self, charge: Charge) -> None:
        """Add a charge."""
        key = (charge.price_id, charge.currency)
        self.by_price[key] = self.by_price.get(key, Sum()).and_charge(charge)
        of_currency = self.by_currency.get(charge.currency, Sum())
        self.by_currency[charge.currency] = of_currency.and_charge(charge)
        for one in margins(Decimal(charge.amount), charge.other_ratings or ()):
            place = (charge.price_id, one.paid_from, one.rating, charge.currency)
            so_far = self.margins.get(place) or MarginSum(*place)
            self.margins[place] = so_far.plus(1, one.before, one.amount)
