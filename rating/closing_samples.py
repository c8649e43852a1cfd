"""What a month comes to by its samples, which its close looks at one and all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from rating.catalogue.compiled import ByEvent, Rule
from rating.closing import Change, Closed, due_at_close
from rating.closing_days import Days
from rating.counting import Counter, CounterKind, Totals
from rating.growing import whole_month
from rating.local_time import local_time
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.increments import billable_units
from rating.price.percentile import Directions
from rating.price.sampling import BOTH, IN, OUT, Level, Sampling, level_of
from rating.sampled import sample_name
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep
from schemas.period import day_of
from schemas.refusal import RefusalReason, Refused

_MINUTE_MS = 60_000
_ONE_LINE = (Directions.IN, Directions.OUT)


class Month(NamedTuple):
    """A month of a subscription's, as far as the price was in force for it."""

    days: int  # on which it was
    days_of_month: int
    intervals: int  # of those days


Sample = tuple[str, int, Decimal]
"""The counter of one sample: its name behind that of `samples_of`, its records, its units."""

Counted = Mapping[str, Iterable[Sample]]
"""The counters of a month's samples, by direction; each is gone through once."""


def samples_of(rule: Rule, *, subscription_id: str) -> dict[str, str]:
    """Return how the names of the counters of a price's samples begin, by direction."""
    assert rule.sampling is not None
    found = {}
    for direction in _directions(rule.sampling):
        of = f"{rule.price_id}/{sample_name(rule.sampling, direction, '')}"
        name = Counter(CounterKind.SAMPLE, of).name(subscription_id=subscription_id, unit="")
        found[direction] = name.removesuffix(":")
    return found


def is_priced(sampled: Totals) -> bool:
    """Return whether a close has priced every record of a month's samples."""
    return sampled.records == sampled.quantity


def intervals_of(sampling: Sampling, days: Days, *, start_ms: int, end_ms: int, zone: str) -> int:
    """Return how many intervals those local days of a month have: more, or fewer, where the clocks
    change."""
    wanted, length_ms, at_ms = set(days), 0, start_ms
    while at_ms < end_ms:
        _, next_ms = day_of(at_ms, zone=zone)
        if local_time(at_ms, zone=zone)[0] in wanted:
            length_ms += next_ms - at_ms
        at_ms = next_ms
    return -(-length_ms // (sampling.interval_minutes * _MINUTE_MS))


def close_samples(
    rule: Rule,
    unit: str,
    tier: Totals,
    sampled: Totals,
    samples: Counted,
    month: Month,
) -> Closed | Refused | None:
    """Return what a month's samples come to beyond what was charged for them, or None where that is
    nothing. Refused where records were counted in other intervals than the price has now.

    ``tier``: what earlier closes of the month billed and charged; ``sampled``: the records of its
    samples. Both begin at zero.
    """
    assert rule.sampling is not None
    assert 0 < month.days <= month.days_of_month
    steps: list[ExplanationStep] = [rule.price_step]
    found, records = _by_direction(unit, samples)
    if records != sampled.records:
        return Refused(
            RefusalReason.NO_TARIFF_IN_FORCE,
            f"of the {sampled.records} records that {rule.price_id} has in the month, {records} were "
            f"counted in its intervals of {rule.sampling.interval_minutes} min and by its "
            "direction_by. Operator action: publish the catalogue with the aggregate that the month "
            "began with, and close the month again.",
        )
    level = level_of(rule.sampling, found, intervals=month.intervals)
    steps += _explained(rule.sampling, level)
    units, due = level.units, ZERO
    if level.lines:
        units, due = _priced(rule, units, steps)
    if rule.closing is not None:
        due = due_at_close(
            *(rule, rule.closing, due, units, month.days, month.days_of_month, steps)
        )
    amount = EXACT.subtract(due, tier.amount)
    billed = EXACT.subtract(units, tier.quantity)
    late = EXACT.subtract(Decimal(sampled.records), sampled.quantity)
    if not (amount or billed or late):
        return None
    again = 0
    if tier.amount or tier.quantity or sampled.quantity:
        again = sampled.records
        steps.append(("closed_before", to_text(tier.amount), to_text(due)))
    changes = (
        Change(CounterKind.TIER, billed, amount),
        Change(CounterKind.SAMPLED, late, ZERO),
    )
    return Closed(amount, due, (*steps, rule.rounding_step), changes, billed, again)


def _directions(sampling: Sampling) -> tuple[str, ...]:
    return (IN, OUT) if sampling.direction_by else (BOTH,)


def _by_direction(unit: str, samples: Counted) -> tuple[dict[str, dict[int, Decimal]], int]:
    """Return the samples by their number, in its order, and how many records they have."""
    end = f":{unit}"
    found: dict[str, dict[int, Decimal]] = {}
    counted = 0
    for direction, counters in samples.items():
        values: dict[int, Decimal] = {}
        for name, sampled, units in counters:
            # Behind another subscription's id that begins as this one does comes more than a number.
            number = name.removesuffix(end)
            # One whose records were all taken back is none any more.
            if number.isdecimal() and sampled:
                values[int(number)] = units
                counted += sampled
        # Of samples that are alike, such as 5 and 5.0, the same one is billed in whatever order they were
        # read: that depends on where batches end.
        found[direction] = dict(sorted(values.items()))
    return found, counted


def _explained(sampling: Sampling, level: Level) -> list[ExplanationStep]:
    how = (to_text(sampling.percent), sampling.method.value)
    steps: list[ExplanationStep] = [
        (
            *("percentile", *how, line.direction, str(line.samples), str(line.made_up)),
            *(str(line.dropped), sampling.billed.value, to_text(line.units)),
        )
        for line in level.lines
    ]
    if not steps:
        return [("no_samples",)]
    if sampling.directions is not None and sampling.directions not in _ONE_LINE:
        steps.append(("directions", sampling.directions.value, to_text(level.units)))
    return steps


def _priced(rule: Rule, units: Decimal, steps: list[ExplanationStep]) -> tuple[Decimal, Decimal]:
    """Return the units that are billed, and what they come to."""
    price = rule.model
    assert not isinstance(price, ByEvent | FlatPrice | CallPrice)
    if price.increments is not None:
        billed = billable_units(price.increments, used_units=units)
        notation = price.increments.notation
        steps.append(("increments", notation, to_text(units), to_text(billed)))
        units = billed
    return units, whole_month(rule, price, units, steps)
