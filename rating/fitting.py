"""Which allowances an event has, and of which size, where its price alone does not say so.

An allowance may be for some usage only: of some bands, on some days, where a condition holds. And its
size may be a multiple: of a number that account or subscription states, such as seats, or of how many
subscriptions share it.

All of it is asked at the time of the usage, whenever it is rated: an attribute as it was when the usage
began, and the subscriptions that were on the plan in some part of the allowance's own month or day. What
was taken is counted as ever, so a size that changes takes nothing back and gives nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from rating.catalogue.compiled import Rule
from rating.conditions.condition import without_numbers
from rating.conditions.names import Holder, text_of
from rating.counting import CounterPeriod
from rating.earlier_months import Span
from rating.fitting_names import MEMBERS, name_of
from rating.local_time import local_time
from rating.price.allowance import Allowance, OnlyFor
from rating.selection import Selected
from schemas.decimals import EXACT, to_text
from schemas.ledger import ExplanationStep
from schemas.period import day_of, month_of
from schemas.refusal import STAYS, RefusalReason, Refused
from schemas.usage import UsageEvent

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_SHOWN = 40  # characters of a value that is none

MOST = Decimal("999999999.999999")
"""No allowance is more times than this."""

MembersIn = Callable[[int, int], int]
"""How many subscriptions share the allowances of an account in some part of [start, end)."""


def fitted(
    selected: Selected, event: UsageEvent, *, holder: Holder, members_in: MembersIn
) -> Selected | Refused:
    """Return the selection with the allowances that its event has, of the size that they have for it,
    and the steps that say so; or that a number is missing. ``holder``: whose usage it is at its time."""
    steps: list[ExplanationStep] = []
    fit: dict[str, Allowance] = {}
    rule = selected.rule
    kinds = [(each, "sized") for each in rule.allowances]
    kinds += [(each, "sized_credit") for each in rule.credits]
    for allowance, step in kinds:
        code = allowance.allowance_id
        why_not = _why_not(allowance.only_for, event, selected.used, holder)
        if why_not is not None:
            steps.append(("allowance_not", code, *why_not))
            fit[code] = msgspec.structs.replace(allowance, times="", only_for=None, gives=False)
            continue
        if not allowance.times:
            fit[code] = of_size(allowance, None)
            continue
        factor = _factor(allowance, event, holder, members_in)
        if isinstance(factor, Refused):
            return factor
        steps.append((step, code, to_text(allowance.size), allowance.times, to_text(factor)))
        fit[code] = of_size(allowance, factor)
    explanation = (*selected.explanation, *steps)
    rule = with_allowances(rule, lambda allowance: fit[allowance.allowance_id])
    return msgspec.structs.replace(selected, rule=rule, explanation=explanation)


def of_size(allowance: Allowance, factor: Decimal | None) -> Allowance:
    """Return the allowance as one that needs no more to be known, so many times its units."""
    size = allowance.size if factor is None else EXACT.multiply(allowance.size, factor)
    return msgspec.structs.replace(allowance, size=size, times="", only_for=None)


def with_allowances(rule: Rule, made: Callable[[Allowance], Allowance]) -> Rule:
    """Return the rule with what is made of each of its allowances, in their places."""
    if not rule.is_fitted:
        return rule
    return msgspec.structs.replace(
        rule,
        is_fitted=False,
        allowances=tuple(map(made, rule.allowances)),
        credits=tuple(map(made, rule.credits)),
    )


def members_in(stays: Iterable[tuple[str, Span]], start_ms: int, end_ms: int) -> int:
    """Return how many different subscriptions were there in some part of [start, end). ``stays``: each
    by its id, with when it was there."""
    return len(
        {
            subscription_id
            for subscription_id, (from_ms, to_ms) in stays
            if max(from_ms, start_ms) < (end_ms if to_ms is None else min(to_ms, end_ms))
        }
    )


def _why_not(
    only_for: OnlyFor | None, event: UsageEvent, used: Decimal, holder: Holder
) -> tuple[str, ...] | None:
    """Return why an allowance is not for an event; None where it is."""
    if only_for is None:
        return None
    day, minute = local_time(event.started_at_ms, zone=event.zone)
    if not only_for.from_day <= day < only_for.to_day:
        return ("days",)
    if only_for.bands is not None:
        band = only_for.bands.at(day, minute)
        if band not in only_for.only_in:
            return "band", band
    condition = only_for.when
    if condition is not None and not condition.holds(event, used, holder):
        return "condition", without_numbers(condition.text)
    return None


def _factor(
    allowance: Allowance, event: UsageEvent, holder: Holder, members: MembersIn
) -> Decimal | Refused:
    """Return how many times its units an allowance is."""
    if allowance.times == MEMBERS:
        period = day_of if allowance.period is CounterPeriod.DAY else month_of
        return Decimal(members(*period(event.started_at_ms, zone=event.zone)))
    text = text_of(name_of(allowance.times))(None, holder)
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    shown = without_numbers(text[:_SHOWN])  # it may be a subscriber's by mistake
    found = f"is {shown!r}, which is no number" if text else "is not stated"
    return Refused(
        RefusalReason.MISSING_ATTRIBUTE,
        f"allowance {allowance.allowance_id} is so many times {allowance.times}, which {found} at "
        "the time of the usage. Operator action: load reference data that states it as digits, such "
        f"as 12, or correct the allowance; {STAYS}",
    )
