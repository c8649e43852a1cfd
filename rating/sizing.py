"""Allowances whose size is a multiple: of a number that account or subscription states, such as seats,
or of how many subscriptions share it.

The size is that at the time of the usage, whenever it is rated: an attribute as it was when the usage
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
from rating.price.allowance import Allowance
from rating.selection import Selected
from rating.sizing_names import MEMBERS, name_of
from schemas.decimals import EXACT, to_text
from schemas.ledger import ExplanationStep
from schemas.period import day_of, month_of
from schemas.refusal import STAYS, RefusalReason, Refused

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_SHOWN = 40  # characters of a value that is none

MOST = Decimal("999999999.999999")
"""No allowance is more times than this."""

MembersIn = Callable[[int, int], int]
"""How many subscriptions share the allowances of an account in some part of [start, end)."""


def sized(
    selected: Selected, *, zone: str, holder: Holder, members_in: MembersIn
) -> Selected | Refused:
    """Return the selection with allowances of the size that they have for its event, and the steps
    that say so; or that a number is missing. ``holder``: whose usage it is at its time; ``zone``: of
    the account."""
    factors: dict[str, Decimal] = {}
    steps: list[ExplanationStep] = []
    rule = selected.rule
    kinds = [(each, "sized") for each in rule.allowances]
    kinds += [(each, "sized_credit") for each in rule.credits]
    for allowance, step in kinds:
        if not allowance.times:
            continue
        factor = _factor(allowance, selected.started_at_ms, zone, holder, members_in)
        if isinstance(factor, Refused):
            return factor
        factors[allowance.allowance_id] = factor
        said = (to_text(allowance.size), allowance.times, to_text(factor))
        steps.append((step, allowance.allowance_id, *said))
    return msgspec.structs.replace(
        selected,
        rule=with_sizes(rule, lambda allowance: factors[allowance.allowance_id]),
        explanation=(*selected.explanation, *steps),
    )


def with_sizes(rule: Rule, factor_of: Callable[[Allowance], Decimal]) -> Rule:
    """Return the rule with each allowance that is so many times its units as one of that size."""
    if not rule.is_sized:
        return rule

    def of_size(allowance: Allowance) -> Allowance:
        if not allowance.times:
            return allowance
        size = EXACT.multiply(allowance.size, factor_of(allowance))
        return msgspec.structs.replace(allowance, size=size, times="")

    return msgspec.structs.replace(
        rule,
        is_sized=False,
        allowances=tuple(map(of_size, rule.allowances)),
        credits=tuple(map(of_size, rule.credits)),
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


def _factor(
    allowance: Allowance, at_ms: int, zone: str, holder: Holder, members: MembersIn
) -> Decimal | Refused:
    """Return how many times its units an allowance is."""
    if allowance.times == MEMBERS:
        period = day_of if allowance.period is CounterPeriod.DAY else month_of
        return Decimal(members(*period(at_ms, zone=zone)))
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
