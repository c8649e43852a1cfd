"""Which version of a price the close of a month looks at, and for how many days of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from rating.catalogue.compiled import Entry, Offer, Rule
from rating.conditions.condition import Condition

Days = tuple[int, ...]
"""Local days since 1970, rising."""


class AtClose(NamedTuple):
    """A version of a price at the close of a month."""

    rule: Rule
    days: int  # of the month, on which the price was in force for its holder
    on_days: Days = ()  # those days


def rules_at_close(
    offer: Offer, on_plan: Days, held: Callable[[Condition], Days]
) -> Iterator[AtClose]:
    """Yield what a close looks at of an offer's prices, for a holder who had the plan on these days.
    ``held``: those of them on which a condition of the holder alone held.

    A month asks for what a price lacks where it could have been the holder's: on days on which its
    condition held and none before it, which takes the same usage, did. Of several versions the last
    one that was in force counts. Where there was no such day it asks for nothing new, but what was
    charged within a day may change by usage of another product, and samples of it are priced.
    """
    if not on_plan or not any(_is_looked_at(entry) for entry in offer.entries):
        return
    taken: list[tuple[Entry, Days]] = []
    for entry in offer.entries:
        condition = entry.when
        days = on_plan
        if condition is not None and condition.asks_only_holder:
            days = held(condition)
            taken.append((entry, days))
        if not _is_looked_at(entry):
            continue
        hidden = {day for other, those in taken if _covers(other, entry) for day in those}
        if hidden:
            days = tuple([day for day in days if day not in hidden])
        found = _in_force(entry, days)
        if found is not None and found.rule.asks_at_close:
            yield found
            continue
        found = _in_force(entry, on_plan)
        if found is None:
            continue
        # Samples of a part of a day were charged nothing yet.
        if found.rule.restating_discount is not None or found.rule.sampling is not None:
            yield found._replace(rule=msgspec.structs.replace(found.rule, closing=None))


def _is_looked_at(entry: Entry) -> bool:
    return any(rule.asks_at_close for rule in entry.rules)


def _covers(other: Entry, entry: Entry) -> bool:
    """Return whether a price takes all usage that another one could have."""
    if other is entry:
        return False
    if not other.destinations:
        return True
    return bool(entry.destinations) and all(
        prefix.startswith(other.destinations) for prefix in entry.destinations
    )


def _in_force(entry: Entry, days: Sequence[int]) -> AtClose | None:
    """Return the last version in force on these days, and on how many of them there was one."""
    if not days:
        return None
    only = entry.rules[0]
    if len(entry.rules) == 1 and only.from_day <= days[0] and days[-1] < only.to_day:
        return AtClose(only, len(days), tuple(days))
    rules = [(day, rule) for day in days if (rule := entry.rule_on(day)) is not None]
    return AtClose(rules[-1][1], len(rules), tuple(day for day, _ in rules)) if rules else None
