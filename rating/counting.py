"""What a price must know of earlier usage: the counters that it asks for, and what they say.

Rating names them and says what an event adds; whoever calls keeps them.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec


class Totals(Protocol):
    """A counter in its period, before the event."""

    @property
    def records(self) -> int:
        """How often it was counted."""

    @property
    def quantity(self) -> Decimal:
        """The units counted."""

    @property
    def amount(self) -> Decimal:
        """The money counted."""


class CounterKind(StrEnum):
    """What a counter counts. The word is the beginning of its name, so it is never renamed."""

    ALLOWANCE = "allowance"  # what was taken of an allowance: units, or money
    ROLLED = "rolled"  # what later months took of it
    TIER = "tier"  # units billed under a price
    HELD = (
        "held"  # unit-seconds under a time-weighted price: changes of a level, times what is left
    )
    RECORDS = "records"  # records under a price that had usage
    CAP = "cap"  # money charged under a price
    CLOSED = "closed"  # money that a close made of a month: the least that it comes to
    PRODUCT = "product"  # what the account used of a product; kept for each of them anyway
    LISTED = "listed"  # money a price came to without a discount, and in quantity what was off
    LEVEL = "level"  # changes of a level on one day
    NEWEST = "newest"  # when the newest record under a price began: milliseconds since 1970
    DISCOUNTED = "discounted"  # records that had a discount which is used up
    SEEN = "seen"  # records of one value of an attribute
    SAMPLED = "sampled"  # records of samples, and in quantity how many of them a close has priced
    SAMPLE = "sample"  # the units of one interval and direction


class CounterPeriod(StrEnum):
    """When a counter begins anew, in the account's zone."""

    MONTH = "month"
    DAY = "day"
    ONCE = "once"  # never: it counts all that there ever was


_RECORD = "record"  # as a product's unit is written

EVER_MS = 0
"""Where the period of a counter begins that never begins anew: one that all usage is in."""


class Counter(msgspec.Struct, frozen=True, gc=False):
    """A counter that a price asks for."""

    kind: CounterKind
    of: str  # "<plan>/<allowance>", "<plan>/<price>", "<plan>/<price>/<band>", "<product>:<unit>"
    period: CounterPeriod = CounterPeriod.MONTH
    shared: bool = False  # by all subscriptions of the account
    currency: str = ""  # of one that counts money alone, whatever the product is measured in
    months_back: int = 0  # it is that of so many months before the event's
    month_day: int = 0  # it is that of so manieth a day of the event's month; 0: of the event's own

    def name(self, *, subscription_id: str, unit: str) -> str:
        """Return the counter's name among those of the account.

        With the unit, for a catalogue that measures the product in another one must not take the
        seconds counted so far for minutes (records that had a discount are records in any unit); and
        with the period where that is no month, for the first day of a month begins with it.
        """
        if self.kind is CounterKind.PRODUCT:
            return f"{self.kind.value}:{self.of}:{self.currency}"
        whose = "" if self.shared else subscription_id
        often = "" if self.period is CounterPeriod.MONTH else f"/{self.period.value}"
        if self.kind is CounterKind.DISCOUNTED:
            unit = _RECORD
        return f"{self.kind.value}:{whose}:{self.of}{often}:{self.currency or unit}"


Counting = tuple[Counter, ...]
"""The counters of a price, in the order in which `charge_after` takes and gives their figures. Those of
several months or days have one name: their place tells them apart."""

NO_COUNTING: Counting = ()

Count = tuple[Decimal, Decimal | None] | None
"""What an event adds to one counter: quantity, and amount if it counts money; None: it is not
counted there."""
