"""Who was there in which month, for allowances that roll over, where no reference data says it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from rating.catalogue.compiled import Rule
from rating.earlier_months import Span, months_before, months_had
from rating.roll_over import EarlierMonths
from schemas.period import month_start_of
from schemas.usage import UsageEvent


class Stay(NamedTuple):
    """A subscription on a plan, in [from, to); None: since its first usage; open."""

    subscription_id: str
    plan: str
    from_ms: int | None = None
    to_ms: int | None = None


class Presence:
    """The subscriptions of a trial. One of which nobody says since when it is there is there from the
    month of its earliest usage so far on."""

    def __init__(self) -> None:
        # By rating key and plan: when the earliest usage of each subscription was.
        self._first_ms: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    def meet(self, event: UsageEvent, plan: str) -> None:
        """Note usage of a subscription."""
        met, at_ms = self._first_ms[event.rating_key, plan], event.started_at_ms
        met[event.subscription_id] = min(at_ms, met.get(event.subscription_id, at_ms))

    def earlier_months(
        self, event: UsageEvent, plan: str, rule: Rule, stays: Collection[Stay]
    ) -> EarlierMonths:
        """Return in which of the months before that of an event that its price looks at its
        subscription was on the plan, and where that matters any of its account. ``stays``: what is
        said of those of the account."""
        month_ms = month_start_of(event.started_at_ms, zone=event.zone)
        months = months_before(month_ms, zone=event.zone, count=rule.months_rolled)
        met = self._first_ms[event.rating_key, plan]
        said = {one.subscription_id: one for one in stays if one.plan == plan}
        own = _spans(said.get(event.subscription_id), met.get(event.subscription_id))
        everyone: list[Span] = []
        for name in met.keys() | said.keys() if rule.shares_rolled else ():
            everyone += _spans(said.get(name), met.get(name))
        return EarlierMonths(months_had(months, own), months_had(months, everyone))


def _spans(said: Stay | None, met_ms: int | None) -> list[Span]:
    from_ms = met_ms if said is None or said.from_ms is None else said.from_ms
    return [] if from_ms is None else [(from_ms, None if said is None else said.to_ms)]
