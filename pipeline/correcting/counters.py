"""The counters of a month, as they must be before a correction and are after it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from counters.count import product_counter
from pipeline.correcting.history import History
from pipeline.correcting.replay import Replayed
from rating.counting import CounterKind
from schemas.correction import CORRECTIONS, CorrectedCharge, CorrectedCounter, CounterFigures
from schemas.ledger import CounterAfter

_SAMPLE = f"{CounterKind.SAMPLE.value}:"


def counters_of(before: Replayed, after: Replayed) -> Iterable[CorrectedCounter]:
    """Yield every counter that the charges stand on, as it must be and as it will be."""
    for name, start_ms in sorted(before.counters.keys() | after.counters.keys()):
        was, now = before.counters.get((name, start_ms)), after.counters.get((name, start_ms))
        yield CorrectedCounter(name, start_ms, _figures(was), _figures(now))


def number_of(history: History) -> CorrectedCounter:
    """Return the counter of a month's corrections, after one more."""
    done = history.corrections
    return CorrectedCounter(
        CORRECTIONS, history.month_start_ms, CounterFigures(done), CounterFigures(done + 1)
    )


def told_of(
    counters: Iterable[CorrectedCounter], charges: Iterable[CorrectedCharge], month_start_ms: int
) -> Iterable[CorrectedCounter]:
    """Yield those that the correction of months that hang together has to say: what changes, and the
    products that are charged. Whether the others are as they were is known from the ledger's place."""
    charged = {
        (
            product_counter(each.product, unit=each.unit, currency=each.currency),
            month_start_ms if each.usage_period_ms is None else each.usage_period_ms,
        )
        for each in charges
    }
    for each in counters:
        if (each.counter, each.period_start_ms) in charged or changes(each):
            yield each


def is_told(counter: CorrectedCounter) -> bool:
    """Return whether the correction of a month says a counter: all but the samples that stay. Their records
    are counted together as well, and that counter is said."""
    return not counter.counter.startswith(_SAMPLE) or changes(counter)


def changes(counter: CorrectedCounter) -> bool:
    """Return whether a counter comes to other figures."""
    return decimals_of(counter.before) != decimals_of(counter.after)


def is_any(counters: Iterable[CorrectedCounter]) -> bool:
    """Return whether a counter changes."""
    return any(changes(each) for each in counters)


def _figures(counter: CounterAfter | None) -> CounterFigures:
    if counter is None:
        return CounterFigures()
    return CounterFigures(counter.records, counter.quantity, counter.amount)


def decimals_of(figures: CounterFigures) -> tuple[int, Decimal, Decimal]:
    return figures.records, Decimal(figures.quantity), Decimal(figures.amount)
