"""What of an event is free, and what increments make of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rating.catalogue.compiled import Rule
from rating.counting import Count, CounterPeriod, Totals
from rating.price.allowance import Allowance, take
from rating.price.increments import Increments, billable_units
from rating.roll_over import EarlierMonths, give
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep


def incremented(
    increments: Increments | None, units: Decimal, steps: list[ExplanationStep]
) -> Decimal:
    """Return the units in whole increments."""
    if increments is None:
        return units
    billable = billable_units(increments, used_units=units)
    steps.append(("increments", increments.notation, to_text(units), to_text(billable)))
    return billable


def without_free(
    rule: Rule,
    increments: Increments | None,
    units: Decimal,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
    earlier: EarlierMonths,
) -> tuple[Decimal, Decimal, bool]:
    """Return what of ``units`` is free, what is billed, and whether the record itself is free,
    whatever it measures.

    What each allowance gave is added to ``counts``, which is empty, and what was done to ``steps``.
    ``earlier``: the months that may have left something.
    """
    rest, free = units, ZERO
    in_phase = True
    if rule.free is not None:
        if rule.free.records:
            done = before[-1].records if rule.counts_records else 0
            in_phase = done < rule.free.records
            if in_phase and not rule.allowances:
                steps.append(("free_records", str(rule.free.records), str(done)))
                return units, ZERO, True
        if rule.free.units:
            free = min(rest, rule.free.units)
            rest = EXACT.subtract(rest, free)
            steps.append(("free_units", to_text(rule.free.units), to_text(free)))
    as_increments = bool(rule.allowances) and rule.allowances[0].takes_increments
    if as_increments:
        rest = incremented(increments, rest, steps)
    for allowance in rule.allowances:
        if not in_phase or not rest or not allowance.gives:
            counts += [None] * allowance.counted
            continue
        if allowance.rolls_over is not None:
            own = before[len(counts) :]
            found = give(allowance, earlier, own, rest, ("allowance", "rolled"))
            counts += found.counts
            steps += found.steps
            free, rest = EXACT.add(free, found.free), EXACT.subtract(rest, found.free)
            continue
        taken_before = before[len(counts)].quantity
        given = take(allowance, taken_before=taken_before, wanted=rest)
        step = ("allowance", allowance.allowance_id, to_text(allowance.size))
        steps.append((*step, to_text(taken_before), to_text(given.free), *often(allowance)))
        counts.append((given.taken, None) if given.taken else None)
        free = EXACT.add(free, given.free)
        rest = EXACT.subtract(rest, given.free)
    # An event without usage that is priced all the same is billed the minimum too.
    if rule.free is not None and (rest or not units) and rest < rule.free.minimum_units:
        steps.append(("minimum_units", to_text(rest), to_text(rule.free.minimum_units)))
        rest = rule.free.minimum_units
    if as_increments:
        return free, rest, False
    return free, incremented(increments, rest, steps) if rest else ZERO, False


def often(allowance: Allowance) -> tuple[str, ...]:
    """Return how often it is given, where that is not once a month."""
    month = allowance.period is CounterPeriod.MONTH
    return () if month else (allowance.period.value,)
