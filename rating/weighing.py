"""The amount of an event at a time-weighted price: what a change of a level adds to the month, or
takes from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rating.amount import amount_of
from rating.catalogue.compiled import Rule
from rating.counting import Count, Totals
from rating.growing import Growth, say_adjusting
from rating.month_cost import MonthPrice, month_cost
from rating.price import graduated, package, volume
from rating.price.graduated import GraduatedPrice
from rating.price.package import PackagePrice
from rating.price.time_weighted import Month, of_unit_seconds, seconds_left, unit_seconds
from rating.price.volume import VolumePrice
from rating.rounding import RoundingRule, growth, rounded
from rating.selection import Selected
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_SHOWN = RoundingRule()
"""Of the average, for the eye and for `Priced.billed`; no amount is computed from it."""


def grow_weighted(
    selected: Selected,
    price: MonthPrice,
    change: Decimal,
    before: Sequence[Totals],
    steps: list[ExplanationStep],
) -> Growth:
    """Return what an event adds that changes the level by ``change`` units; ``before`` begins with the
    unit-seconds of its month.

    What a level that rises adds is the amount of the event. Where it falls the event itself is charged
    nothing, and what was charged for the rest of the month is restated.
    """
    rule, month = selected.rule, selected.month
    assert month is not None, "found when the price was selected"
    added = unit_seconds(month, units=change, at_ms=selected.started_at_ms)
    done, charged = before[0].quantity, before[0].amount
    total = EXACT.add(done, added)
    left = to_text(seconds_left(month, selected.started_at_ms))
    steps.append(("held", to_text(change), left, to_text(added)))
    steps += _explain(price, month, total)
    say_adjusting(rule, steps)
    was, now = max(done, ZERO), max(total, ZERO)
    billed = growth(_SHOWN, before=was, after=now, divide_by=month.seconds)
    amount, restated = _amounts(rule, of_unit_seconds(price, month.seconds), was, now, charged)
    comes_to = EXACT.add(EXACT.add(charged, restated), amount)
    steps.append(("came_to", to_text(charged), to_text(comes_to)))
    counts: tuple[Count, ...] = ((added, EXACT.add(amount, restated)),)
    return Growth(billed, amount, restated, counts, (charged, EXACT.add(charged, restated)))


def _amounts(
    rule: Rule, price: MonthPrice, was: Decimal, now: Decimal, charged: Decimal
) -> tuple[Decimal, Decimal]:
    """Return the amount of an event that brings a month from ``was`` unit-seconds to ``now``, and what
    earlier charges change by."""
    after = _month_amount(rule, price, now)
    if now <= was:
        return rule.zero, EXACT.subtract(after, charged)
    if not isinstance(price, VolumePrice):
        return EXACT.subtract(after, _month_amount(rule, price, was)), ZERO
    costs = volume.costs(price, used_before_units=was, used_units=EXACT.subtract(now, was))
    at_tier = amount_of(rule.adjusting, rule.rounding, costs.restated, price.divide_by)
    restated = ZERO if costs.restated == costs.charged else EXACT.subtract(at_tier, charged)
    return EXACT.subtract(after, at_tier), restated


def _month_amount(rule: Rule, price: MonthPrice, held: Decimal) -> Decimal:
    """Return what a month of ``held`` unit-seconds comes to."""
    return amount_of(rule.adjusting, rule.rounding, *month_cost(price, held)) if held else ZERO


def _explain(price: MonthPrice, month: Month, held: Decimal) -> Iterator[ExplanationStep]:
    """Yield the steps that say what the average of the month is with an event, and what it costs."""
    seconds = month.seconds
    average = rounded(_SHOWN, held, divide_by=seconds)
    yield ("average", to_text(held), to_text(seconds), to_text(average))
    if held <= ZERO:
        return
    priced = of_unit_seconds(price, seconds)
    if isinstance(priced, GraduatedPrice):
        assert isinstance(price, GraduatedPrice)
        used = graduated.tiers_used(priced, used_before_units=ZERO, used_units=held)
        for use, stated in zip(used, price.bounds, strict=False):
            where = (stated.from_text, stated.upto_text)
            code = "held_tier_started" if stated.tier.whole else "held_tier"
            per = (stated.amount_text, stated.per_units_text)
            yield (code, *where, to_text(use.units), *per)
            if stated.tier.flat:
                yield ("tier_fee", *where, to_text(stated.tier.flat))
    elif isinstance(priced, VolumePrice):
        assert isinstance(price, VolumePrice)
        place = priced.prices.index(volume.tier_reached(priced, held))
        yield volume.tier_step(price.prices[place], to_text(average))
    elif isinstance(priced, PackagePrice):
        assert isinstance(price, PackagePrice)
        (step,) = package.explain(priced, total_units=held)
        yield (step[0], to_text(average), to_text(price.packages.to_units), *step[3:])
    else:
        assert not isinstance(price, GraduatedPrice | VolumePrice | PackagePrice)
        yield ("held_rate", to_text(price.amount), to_text(price.per_units))
