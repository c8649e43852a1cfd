"""The counters that prices ask for, kept in memory."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from rating.counting import Counter, CounterKind, CounterPeriod
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO
from schemas.period import day_of, month_start_of
from schemas.usage import UsageEvent


class Tally(NamedTuple):
    """A counter in one period."""

    records: int = 0
    quantity: Decimal = ZERO
    amount: Decimal = ZERO


class Tallies:
    """The counters of one account: by name and start of the period."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], Tally] = {}

    def of(self, name: str, start_ms: int) -> Tally:
        """Return a counter; zero where nothing was counted."""
        return self.found.get((name, start_ms), Tally())

    def before(self, event: UsageEvent, selected: Selected) -> dict[str, Tally]:
        """Return the counters that the event's price asks for, each in the event's own period."""
        return {
            name: self.of(name, _start(event, counter))
            for name, counter in zip(selected.counters, selected.counting, strict=True)
        }

    def add(
        self,
        event: UsageEvent,
        selected: Selected,
        counted: Iterable[tuple[str, Decimal, Decimal | None]],
    ) -> None:
        """Add what an event counted: (counter, quantity, amount if it counts money)."""
        counters = dict(zip(selected.counters, selected.counting, strict=True))
        for name, quantity, amount in counted:
            key = (name, _start(event, counters[name]))
            was = self.of(*key)
            self.found[key] = Tally(
                was.records + 1,
                EXACT.add(was.quantity, quantity),
                was.amount if amount is None else EXACT.add(was.amount, amount),
            )

    def add_product(self, event: UsageEvent, selected: Selected) -> None:
        """Add what was used of the product, which is counted whatever its price asks for."""
        offer = selected.offer
        of = f"{offer.product}:{offer.unit}"
        counter = Counter(CounterKind.PRODUCT, of, currency=offer.currency)
        name = counter.name(subscription_id="", unit=offer.unit)
        key = (name, _start(event, counter))
        was = self.of(*key)
        quantity = EXACT.add(was.quantity, selected.used)
        self.found[key] = was._replace(records=was.records + 1, quantity=quantity)

    def change(self, key: tuple[str, int], quantity: Decimal, amount: Decimal) -> None:
        """Change a counter without a record."""
        was = self.of(*key)
        self.found[key] = was._replace(
            quantity=EXACT.add(was.quantity, quantity), amount=EXACT.add(was.amount, amount)
        )


def _start(event: UsageEvent, counter: Counter) -> int:
    if counter.period is CounterPeriod.DAY:
        return day_of(event.started_at_ms, zone=event.zone)[0]
    return month_start_of(event.started_at_ms, zone=event.zone)
