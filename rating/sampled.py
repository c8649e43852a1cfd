"""Usage of which a month's samples are made: each record is counted in its interval.

It is charged at the close of the month, when all samples are known: a charge that grew with each of
them would have to look at every other one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from rating.catalogue.compiled import Rule
from rating.counting import Count, Counter, CounterKind, Counting, Totals
from rating.price.sampling import BOTH, IN, OUT, Sampling, added_to
from schemas.decimals import ZERO
from schemas.ledger import ExplanationStep
from schemas.period import from_ms, month_start_of, zone_info
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

_MINUTE_MS = 60_000


class SampleAt(NamedTuple):
    """The sample that an event is a record of."""

    counting: Counting  # all records of samples, and the sample
    step: ExplanationStep


def sample_at(rule: Rule, event: UsageEvent) -> SampleAt | Refused:
    """Return the sample of an event: that of the interval in which it began, counted from the start
    of its month in the account's zone. Refused where it does not say its direction."""
    sampling = rule.sampling
    assert sampling is not None
    direction = BOTH
    if sampling.direction_by:
        direction = event.attributes.get(sampling.direction_by, "")
        if direction not in (IN, OUT):
            return Refused(
                RefusalReason.MISSING_ATTRIBUTE,
                f"{rule.price_id} has samples by {sampling.direction_by}, which is {IN} or {OUT}; that "
                "of the event is neither. Operator action: correct the price or the mapping; "
                f"{STAYS}",
            )
    month_ms = month_start_of(event.started_at_ms, zone=event.zone)
    interval_ms = sampling.interval_minutes * _MINUTE_MS
    number = (event.started_at_ms - month_ms) // interval_ms
    start = from_ms(month_ms + number * interval_ms).astimezone(zone_info(event.zone))
    said = f"{start:%Y-%m-%d %H:%M}"
    name = f"{rule.price_id}/{sample_name(sampling, direction, number)}"
    return SampleAt(
        (Counter(CounterKind.SAMPLED, rule.price_id), Counter(CounterKind.SAMPLE, name)),
        ("sample", direction, said, str(sampling.interval_minutes)),
    )


def sample_name(sampling: Sampling, direction: str, number: int | str) -> str:
    """Return the part of a counter's name that tells one sample of a price from the others; with an
    empty number, how those of the direction begin."""
    return f"{sampling.interval_minutes}/{direction}/{number}"


def sample_counts(
    sampling: Sampling, units: Decimal, before: Sequence[Totals]
) -> tuple[Count, ...]:
    """Return what a record of ``units`` adds to the counters of `SampleAt.counting`."""
    sample = before[1]
    added = added_to(
        sampling.within, before=sample.quantity, units=units, is_first=not sample.records
    )
    return (ZERO, None), (added, None)
