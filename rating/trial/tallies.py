"""The counters that prices ask for, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rating.closing_samples import Sample
from rating.counting import EVER_MS, Count, Counter, CounterKind, CounterPeriod
from rating.days_of_month import days_of_month
from rating.earlier_months import months_before
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

    def samples(self, begin: str, start_ms: int) -> Iterator[Sample]:
        """Yield the counters of the samples of a month whose names begin so."""
        for (name, of_ms), tally in self.found.items():
            if of_ms == start_ms and name.startswith(begin):
                yield name.removeprefix(begin), tally.records, tally.quantity

    def sampled_before(self, start_ms: int) -> list[int]:
        """Return the starts of the months before another one that have samples, rising."""
        begin = f"{CounterKind.SAMPLED.value}:"
        return sorted(
            {of_ms for name, of_ms in self.found if name.startswith(begin) and of_ms < start_ms}
        )

    def before(self, event: UsageEvent, selected: Selected) -> list[Tally]:
        """Return the counters that the event's price asks for, in their order, each in its period."""
        return [
            self.of(name, _start(event, counter))
            for name, counter in zip(selected.counters, selected.counting, strict=True)
        ]

    def add(
        self,
        event: UsageEvent,
        selected: Selected,
        counts: Sequence[Count],
    ) -> None:
        """Add what an event counted, for each of those counters."""
        for name, counter, count in zip(selected.counters, selected.counting, counts, strict=True):
            if count is None:
                continue
            quantity, amount = count
            key = (name, _start(event, counter))
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
    if counter.period is CounterPeriod.ONCE:
        return EVER_MS
    month_ms = month_start_of(event.started_at_ms, zone=event.zone)
    if counter.month_day:
        return days_of_month(month_ms, zone=event.zone)[counter.month_day - 1]
    if counter.period is CounterPeriod.DAY:
        return day_of(event.started_at_ms, zone=event.zone)[0]
    if not counter.months_back:
        return month_ms
    return months_before(month_ms, zone=event.zone, count=counter.months_back)[-1].start_ms
