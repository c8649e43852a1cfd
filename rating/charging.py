"""The second step of rating: what an event costs at the price that was selected.

The order of the steps and the reason for it are in rating/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.amount import Adjusting
from rating.catalogue.compiled import Rule
from rating.counting import Count, Totals
from rating.daily import grow_daily
from rating.event_amount import event_amount, fee_alone
from rating.free import incremented, often, without_free
from rating.growing import grow, month_growth, uncounted_amount
from rating.limited_discount import LimitedDiscount, explained
from rating.month_cost import MonthPrice
from rating.price import call, per_unit
from rating.price.aggregate import OF_CHANGES, READINGS, Aggregation
from rating.price.allowance import take
from rating.price.call import CallPrice
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.increments import billable_units
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice
from rating.price.units import rounded_units
from rating.price.volume import VolumePrice
from rating.roll_over import NO_EARLIER, EarlierMonths, give
from rating.rounding import rounded
from rating.sampled import sample_counts
from rating.selection import Selected
from rating.usage_discount import UsageDiscount, discounted, left, percent_off
from rating.weighing import grow_weighted
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import ExplanationStep

_NO_USAGE = ("no_usage",)
# Made once: a union that is written where it is asked takes longer than the question.
_OF_THE_EVENT = FlatPrice | CallPrice
_OF_THE_MONTH = GraduatedPrice | VolumePrice | PackagePrice


class Priced(msgspec.Struct, frozen=True, gc=False):
    """What the price comes to, in the product's unit and the plan's currency."""

    billed: Decimal  # after allowances and increments
    free: Decimal  # what was used and is not billed
    amount: Decimal  # rounded as the price says
    explanation: tuple[ExplanationStep, ...]
    counts: tuple[Count, ...] = ()  # what the event adds to each counter that was asked for
    restated: Decimal = ZERO  # what earlier charges of the period were too low, or too high
    earlier: tuple[Decimal, Decimal] = (ZERO, ZERO)  # what those came to, and come to now
    causes: tuple[ExplanationStep, ...] = ()  # why


class NoCount(NamedTuple):
    """A counter that was never counted."""

    records: int = 0
    quantity: Decimal = ZERO
    amount: Decimal = ZERO


class RatedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The charge for one event. ``used``, ``billed`` and ``free`` are in the product's unit."""

    used: Decimal  # as measured
    billed: Decimal  # after allowances and increments
    free: Decimal  # what was used and is not billed
    unit: str
    amount: Decimal  # rounded as the price says
    restated: Decimal  # what earlier charges of the period change by
    currency: str
    price_id: str
    product: str
    product_type: str
    tax_code: str | None
    explanation: tuple[ExplanationStep, ...]
    counted: tuple[tuple[str, Decimal, Decimal | None], ...]  # counter, quantity, amount to add


def charge(selected: Selected, before: Mapping[str, Totals]) -> RatedUsage:
    """Return the charge for the event, given its counters in their periods so far.

    A counter that is not in ``before`` was never counted. By their names nobody can tell the counters
    of several months: who knows the earlier months of a selection asks `charge_after`.
    """
    assert selected.earlier is NO_EARLIER
    assert not selected.days, "the counters of several days have one name"
    names = selected.counters
    return rated_usage(
        selected, charge_after(selected, [before.get(name) or NoCount() for name in names])
    )


def rated_usage(selected: Selected, priced: Priced) -> RatedUsage:
    """Return the charge for an event, of what its price came to."""
    offer, names = selected.offer, selected.counters
    return RatedUsage(
        used=selected.used,
        billed=priced.billed,
        free=priced.free,
        unit=offer.unit,
        amount=priced.amount,
        restated=priced.restated,
        currency=offer.currency,
        price_id=selected.rule.price_id,
        product=offer.product,
        product_type=offer.product_type,
        tax_code=offer.tax_code,
        explanation=priced.explanation,
        counted=tuple(
            (name, *count)
            for name, count in zip(names, priced.counts, strict=True)
            if count is not None
        ),
    )


def charge_after(selected: Selected, before: Sequence[Totals]) -> Priced:
    """Return what the price of the event comes to, after what its counters counted ``before``: one
    for each of `Selected.counting`, in that order."""
    rule, units, price = selected.rule, selected.used, selected.price
    if units < ZERO and rule.aggregation not in OF_CHANGES:
        below = _none_read if rule.aggregation in READINGS else mirrored
        return below(selected, before)
    if units and rule.is_ordinary:
        if isinstance(price, PerUnitPrice):
            return _ordinary(selected, price)
        if isinstance(price, CallPrice):
            return _ordinary_call(selected, price)
    if rule.sampling is not None:
        counts_of_it = sample_counts(rule.sampling, units, before)
        return Priced(ZERO, ZERO, rule.zero, selected.explanation, counts_of_it)
    steps = [*selected.explanation]
    # Of a level that is looked at, nothing is a reading like any other.
    is_level = rule.aggregation is Aggregation.LATEST
    if not units and not selected.offer.prices_zero and not is_level:
        return Priced(ZERO, ZERO, rule.zero, (*steps, _NO_USAGE))
    if rule.limited is not None:
        return _with_limited(selected, rule.limited, before)
    if rule.round_units is not None:
        units = rounded_measure(rule, units, steps)
    increments = None if isinstance(price, _OF_THE_EVENT) else price.increments
    counts: list[Count] = []
    is_free = False
    if rule.allowances or rule.free is not None:
        free, billed, is_free = without_free(
            rule, increments, units, before, counts, steps, selected.earlier
        )
    else:
        free, billed = ZERO, incremented(increments, units, steps)
    # An event without usage that is priced all the same has its fee and its flat price.
    if is_free or (not billed and selected.used and not is_level):
        amount = rule.zero
        if rule.fee_when_free and isinstance(price, PerUnitPrice | CallPrice):
            amount = fee_alone(rule, price, steps)
        if rule.grows:
            counts.append((free, None) if rule.free_counts and free else None)
        steps.append(rule.rounding_step)
        amount, restated, earlier = _after_price(
            rule, units, amount, ZERO, _NOTHING, before, counts, steps, selected.earlier
        )
        causes = _causes(steps) if restated else ()
        return Priced(billed, free, amount, tuple(steps), tuple(counts), restated, earlier, causes)
    restated, earlier = ZERO, _NOTHING
    if rule.grows:
        assert not isinstance(price, _OF_THE_EVENT)
        if rule.aggregation is Aggregation.TIME_WEIGHTED:
            growth = grow_weighted(selected, price, units, before[len(counts) :], steps)
        elif rule.aggregation is Aggregation.DAILY:
            growth = grow_daily(selected, price, units, before[len(counts) :], steps)
        else:
            growth = grow(selected, price, billed, free, before[len(counts) :], steps)
        billed, amount = growth.billed, growth.amount
        restated, earlier = growth.restated, growth.earlier
        counts += growth.counts
    else:
        assert not isinstance(price, _OF_THE_MONTH)
        billed, amount = event_amount(rule, price, billed, free, steps)
    steps.append(rule.rounding_step)
    if len(counts) < len(before):
        amount, restated, earlier = _after_price(
            rule, units, amount, restated, earlier, before, counts, steps, selected.earlier
        )
    causes = _causes(steps) if restated else ()
    return Priced(billed, free, amount, tuple(steps), tuple(counts), restated, earlier, causes)


def _with_limited(selected: Selected, limited: LimitedDiscount, before: Sequence[Totals]) -> Priced:
    """Return what an event comes to with a discount that is used up, or without it where it is."""
    rule = selected.rule
    place = len(before) - rule.counted_after_price
    counted, others = before[place], (*before[:place], *before[place + 1 :])
    counts: Count = None
    without = msgspec.structs.replace(rule, limited=None)
    priced = charge_after(msgspec.structs.replace(selected, rule=without), others)
    if limited.is_left(counted):
        adjusting = rule.adjusting or Adjusting()
        discounts = (*adjusting.discounts, limited.percent)
        adjusting = msgspec.structs.replace(adjusting, discounts=discounts)
        given = msgspec.structs.replace(without, adjusting=adjusting)
        cheaper = charge_after(msgspec.structs.replace(selected, rule=given), others)
        if _comes_to(cheaper) != _comes_to(priced):
            steps = explained(limited, counted, cheaper.explanation)
            priced = msgspec.structs.replace(cheaper, explanation=steps)
            counts = selected.used, None
    of_others = priced.counts or (None,) * len(others)
    all_counts = (*of_others[:place], counts, *of_others[place:])
    return msgspec.structs.replace(priced, counts=all_counts)


def _comes_to(priced: Priced) -> tuple[Decimal, Decimal, tuple[Count, ...]]:
    """Return what a discount may change of a charge: also what credits paid of it."""
    return priced.amount, priced.restated, priced.counts


def _ordinary(selected: Selected, price: PerUnitPrice) -> Priced:
    """Return what a record with usage comes to where nothing stands around its price: most of them,
    by this shorter way."""
    rule, billed = selected.rule, selected.used
    increments = price.increments
    if increments is None:
        steps = (*selected.explanation, *price.explanation, rule.rounding_step)
    else:
        billed = billable_units(increments, used_units=billed)
        step = ("increments", increments.notation, to_text(selected.used), to_text(billed))
        steps = (*selected.explanation, step, *price.explanation, rule.rounding_step)
    cost = per_unit.undivided_cost(price, billed)
    return Priced(billed, ZERO, rounded(rule.rounding, cost, divide_by=price.per_units), steps)


def _ordinary_call(selected: Selected, price: CallPrice) -> Priced:
    """Return the same of a call."""
    rule = selected.rule
    billed, cost, found = call.charged(price, used_units=selected.used)
    steps = (*selected.explanation, *found, rule.rounding_step)
    return Priced(billed, ZERO, rounded(rule.rounding, cost, divide_by=price.divide_by), steps)


def rounded_measure(rule: Rule, units: Decimal, steps: list[ExplanationStep]) -> Decimal:
    """Return the units of a record as its price measures them."""
    rounding = rule.round_units
    if rounding is None:
        return units
    found = rounded_units(rounding, used_units=units)
    how = (rounding.rule.value, to_text(rounding.to_units))
    steps.append(("units", to_text(units), to_text(found), *how))
    return found


def mirrored(selected: Selected, before: Sequence[Totals]) -> Priced:
    """Return what an event below zero gives back: what the same usage would have cost; of a price
    of the month, what the month costs less without it."""
    rule, price = selected.rule, selected.price
    if rule.grows:
        assert not isinstance(price, _OF_THE_EVENT)
        return _unwound(selected, price, before)
    opposite = msgspec.structs.replace(selected, used=selected.used.copy_negate())
    priced = charge_after(opposite, before)
    return Priced(
        priced.billed.copy_negate() if priced.billed else ZERO,
        ZERO,
        priced.amount.copy_negate() if priced.amount else priced.amount,
        (*priced.explanation, ("mirrored",)),
        (None,) * len(before),
    )


def _none_read(selected: Selected, before: Sequence[Totals]) -> Priced:
    """Return what a reading of a level below zero comes to: what one of nothing does."""
    step = ("none_read", to_text(selected.used))
    steps = (*selected.explanation, step)
    priced = charge_after(msgspec.structs.replace(selected, used=ZERO, explanation=steps), before)
    counts = priced.counts or (None,) * len(before)
    return msgspec.structs.replace(priced, counts=counts)


def _unwound(selected: Selected, price: MonthPrice, before: Sequence[Totals]) -> Priced:
    rule, done = selected.rule, before[0].quantity
    steps = [*selected.explanation]
    units = rounded_measure(rule, selected.used.copy_abs(), steps)
    if rule.free is None:
        billed = incremented(price.increments, units, steps)
    else:
        _, billed, _ = without_free(rule, price.increments, units, (), [], steps, NO_EARLIER)
    steps += (("month_before", to_text(done)), ("mirrored",), rule.rounding_step)
    amount = month_growth(rule, price, done, EXACT.subtract(done, billed))
    billed = billed.copy_negate() if billed else ZERO
    charged = EXACT.add(amount, uncounted_amount(rule, price, before[0]))
    counts: list[Count] = [(billed, charged)]
    amount, _, _ = _after_price(
        rule, units, amount, ZERO, _NOTHING, before, counts, steps, selected.earlier
    )
    return Priced(billed, ZERO, amount, tuple(steps), tuple(counts))


_Earlier = tuple[Decimal, Decimal]
"""What earlier charges came to, and come to now."""

_NOTHING: _Earlier = (ZERO, ZERO)


def _after_price(
    rule: Rule,
    units: Decimal,
    amount: Decimal,
    restated: Decimal,
    earlier: _Earlier,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
    earlier_months: EarlierMonths,
) -> tuple[Decimal, Decimal, _Earlier]:
    """Return what is left of the amount after a discount by usage, below the caps, and after what a
    close and credits pay of it; and of what earlier charges change by."""
    counts += [None] * (len(before) - len(counts) - rule.counted_after_price)
    if rule.usage_discount is not None and rule.usage_discount.from_then:
        amount = _by_usage_from_then(rule.usage_discount, amount, before, counts, steps)
    elif rule.usage_discount is not None:
        amount, restated, earlier = _by_usage(
            rule.usage_discount, amount, restated, before, counts, steps
        )
    charged = ZERO
    for cap in rule.caps:  # that of the month is the last
        charged = before[len(counts)].amount
        if cap.most is not None:
            left = max(EXACT.subtract(cap.most, charged), ZERO)
            if amount > left:
                steps.append(("cap", cap.period.value, to_text(cap.most), to_text(charged)))
                amount = left
        counts.append((ZERO, EXACT.add(amount, restated)))
    if rule.counts_closed:
        least = before[len(counts)].amount
        counts.append(None)
        if least:
            amount, restated = _above_close(least, charged, amount, restated, steps)
    for credit in rule.credits:
        if not credit.gives:
            counts += [None] * credit.counted
            continue
        if credit.rolls_over is not None:
            own, codes = before[len(counts) :], ("credit", "rolled_credit")
            found = give(credit, earlier_months, own, amount, codes)
            counts += found.counts
            steps += found.steps
            amount = EXACT.subtract(amount, found.free)
            continue
        given = take(credit, taken_before=before[len(counts)].quantity, wanted=amount)
        step = ("credit", credit.allowance_id, to_text(credit.size))
        taken_before = to_text(before[len(counts)].quantity)
        steps.append((*step, taken_before, to_text(given.free), *often(credit)))
        counts.append((given.taken, None) if given.taken else None)
        amount = EXACT.subtract(amount, given.free)
    if rule.counts_records:
        counts.append((units, None))
    return amount, restated, earlier


_CAUSES = ("volume", "volume_started", "aggregated", "held", "average", "day_change", "days")


def _causes(steps: Sequence[ExplanationStep]) -> tuple[ExplanationStep, ...]:
    """Return those of an event's steps that say why earlier charges of its month change."""
    found: list[ExplanationStep] = []
    for step in steps:
        if step[0] == "usage_discount":
            found.append(("usage_reached", *step[1:-1]))
        elif step[0] in _CAUSES:
            found.append(step)
    return tuple(found)


def restated_steps(
    earlier: tuple[Decimal, Decimal], restated: Decimal, causes: Sequence[ExplanationStep]
) -> list[ExplanationStep]:
    """Return the steps that explain ``restated``: why, and what earlier charges came to, and come
    to now."""
    was, now = earlier
    steps: list[ExplanationStep] = [*causes, ("restated", to_text(was), to_text(now))]
    rest = EXACT.subtract(EXACT.subtract(now, was), restated)
    if rest:
        steps.append(("restated_below_close", to_text(rest)))
    return steps


def _by_usage(
    discount: UsageDiscount,
    amount: Decimal,
    restated: Decimal,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal, _Earlier]:
    used, listed = before[len(counts)], before[len(counts) + 1]
    found = discounted(
        discount,
        used_units=used.quantity,
        listed=listed.amount,
        percent_before=listed.quantity,
        amount=amount,
        restated=restated,
    )
    change = EXACT.subtract(found.percent, listed.quantity)
    counts += (None, (change, EXACT.add(amount, restated)))
    if found.percent:
        reached = (discount.product, to_text(used.quantity), discount.unit)
        steps.append(("usage_discount", to_text(found.percent), *reached, to_text(amount)))
    return found.amount, found.restated, found.earlier


def _by_usage_from_then(
    discount: UsageDiscount,
    amount: Decimal,
    before: Sequence[Totals],
    counts: list[Count],
    steps: list[ExplanationStep],
) -> Decimal:
    used = before[len(counts)].quantity
    counts.append(None)
    percent = percent_off(discount, used)
    if percent:
        reached = (discount.product, to_text(used), discount.unit)
        steps.append(("usage_discount", to_text(percent), *reached, to_text(amount)))
    return left(discount, amount, percent)


def _above_close(
    least: Decimal,
    charged: Decimal,
    amount: Decimal,
    restated: Decimal,
    steps: list[ExplanationStep],
) -> tuple[Decimal, Decimal]:
    """Return amount and restatement of an event whose month was closed at ``least``, while its usage
    had come to ``charged``: what the close asked for was for what comes late too."""
    now = EXACT.add(charged, restated)
    after = EXACT.add(now, amount)
    due = EXACT.subtract(max(after, least), max(now, least))
    if due != amount:
        paid = EXACT.subtract(amount, due)
        steps.append(("closed", to_text(least), to_text(charged), to_text(paid)))
    return due, EXACT.subtract(max(now, least), max(charged, least))
