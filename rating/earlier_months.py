"""The months before that of an event, and in which of them somebody was there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from schemas.period import month_name, month_of

Span = tuple[int, int | None]
"""[from, to) in UTC milliseconds; None: open."""


class EarlierMonth(NamedTuple):
    """A calendar month of an account's zone."""

    start_ms: int
    end_ms: int
    name: str  # 2026-09


@lru_cache(maxsize=4096)
def months_before(start_ms: int, *, zone: str, count: int) -> tuple[EarlierMonth, ...]:
    """Return the months before the one that begins at an instant, the last one first."""
    found: list[EarlierMonth] = []
    while len(found) < count:
        end_ms = start_ms
        start_ms, _ = month_of(end_ms - 1, zone=zone)
        found.append(EarlierMonth(start_ms, end_ms, month_name(start_ms, zone=zone)))
    return tuple(found)


def months_had(months: Sequence[EarlierMonth], spans: Sequence[Span]) -> tuple[str, ...]:
    """Return the name of each month of which some part lies in one of the spans; empty of the
    others."""
    return tuple(
        [
            month.name if any(_meets(month, from_ms, to_ms) for from_ms, to_ms in spans) else ""
            for month in months
        ]
    )


def _meets(month: EarlierMonth, from_ms: int, to_ms: int | None) -> bool:
    end_ms = month.end_ms if to_ms is None else min(month.end_ms, to_ms)
    return max(month.start_ms, from_ms) < end_ms
