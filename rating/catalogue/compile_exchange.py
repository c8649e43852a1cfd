"""Compiles exchange: a price in another currency is a version of its own under each rate."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec

from rating.catalogue.compiled import Rule
from rating.catalogue.document import ExchangeTable
from rating.local_time import day_number
from rating.price.rate_card import LAST_DAY
from rating.rounding import RoundingRule
from schemas.decimals import to_text


def exchanged(rule: Rule, table: ExchangeTable | None) -> Iterator[Rule]:
    """Yield the rule as it is under each rate of its table, or the rule itself where it has none.

    Before the first rate there is none, and so no price.
    """
    if table is None:
        yield rule
        return
    days = [day_number(each.valid_from) for each in table.rates]
    for rate, (first, after) in zip(table.rates, pairwise([*days, LAST_DAY]), strict=True):
        from_day, to_day = max(first, rule.from_day), min(after, rule.to_day)
        if from_day >= to_day:
            continue
        step = (
            *("exchange", table.from_currency, to_text(rate.rate), table.code),
            *(rate.valid_from.isoformat(), *rule.rounding_step[1:]),
        )
        yield msgspec.structs.replace(
            rule,
            rounding=_times(rule.rounding, rate.rate),
            rounding_step=step,
            from_day=from_day,
            to_day=to_day,
        )


def _times(rounding: RoundingRule, rate: Decimal) -> RoundingRule:
    return msgspec.structs.replace(rounding, times=rate)
