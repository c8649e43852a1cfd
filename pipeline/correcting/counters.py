"""The counters of a month, as they must be before a correction and are after it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from pipeline.correcting.history import History
from pipeline.correcting.replay import Replayed
from schemas.correction import CORRECTIONS, CorrectedCounter, CounterFigures
from schemas.ledger import CounterAfter


def counters_of(history: History, before: Replayed, after: Replayed) -> Iterable[CorrectedCounter]:
    """Yield every counter that the month's charges stand on, as it must be and as it will be."""
    for name, start_ms in sorted(before.counters.keys() | after.counters.keys()):
        was, now = before.counters.get((name, start_ms)), after.counters.get((name, start_ms))
        yield CorrectedCounter(name, start_ms, _figures(was), _figures(now))
    done = history.corrections
    yield CorrectedCounter(
        CORRECTIONS, history.month_start_ms, CounterFigures(done), CounterFigures(done + 1)
    )


def is_any(counters: Iterable[CorrectedCounter]) -> bool:
    """Return whether a counter changes, but that of corrections."""
    return any(
        decimals_of(each.before) != decimals_of(each.after)
        for each in counters
        if each.counter != CORRECTIONS
    )


def _figures(counter: CounterAfter | None) -> CounterFigures:
    if counter is None:
        return CounterFigures()
    return CounterFigures(counter.records, counter.quantity, counter.amount)


def decimals_of(figures: CounterFigures) -> tuple[int, Decimal, Decimal]:
    return figures.records, Decimal(figures.quantity), Decimal(figures.amount)
