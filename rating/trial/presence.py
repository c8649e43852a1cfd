"""Who was there in which month, for allowances that ask for it, where no reference data says it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from rating.catalogue.compiled import Rule
from rating.conditions.subscription_month import month_of_subscription
from rating.earlier_months import Span, months_before, months_had
from rating.fitting import MembersIn, members_in
from rating.roll_over import EarlierMonths
from schemas.period import month_start_of
from schemas.usage import UsageEvent

_ALWAYS_MS = -(1 << 62)


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
        # By rating key and subscription, whatever the plan.
        self._began_ms: dict[tuple[str, str], int] = {}

    def meet(self, event: UsageEvent, plan: str) -> None:
        """Note usage of a subscription."""
        met, at_ms = self._first_ms[event.rating_key, plan], event.started_at_ms
        met[event.subscription_id] = min(at_ms, met.get(event.subscription_id, at_ms))
        key = (event.rating_key, event.subscription_id)
        self._began_ms[key] = min(at_ms, self._began_ms.get(key, at_ms))

    def month_of(
        self,
        rating_key: str,
        subscription_id: str,
        at_ms: int,
        *,
        zone: str,
        stays: Collection[Stay],
    ) -> int:
        """Return which month of a subscription an instant lies in: of one of which nobody says since
        when it is there, counted from its earliest usage so far."""
        began_ms = min(at_ms, self._began_ms.get((rating_key, subscription_id), at_ms))
        said = [one for one in stays if one.subscription_id == subscription_id]
        since = [one.from_ms for one in said if one.from_ms is not None]
        if since:
            began_ms = min(since)
        return month_of_subscription(began_ms, at_ms, zone=zone)

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

    def members(self, event: UsageEvent, plan: str, stays: Collection[Stay]) -> MembersIn:
        """Return what counts the subscriptions of an account that were on a plan in some part of a
        period: those of ``stays``, of which one that does not say since when is there always; others
        from their earliest usage so far on; and that of the event."""
        met = self._first_ms[event.rating_key, plan]
        said = {one.subscription_id: one for one in stays if one.plan == plan}
        spans: dict[str, Span] = {name: (at_ms, None) for name, at_ms in met.items()}
        for name, one in said.items():
            spans[name] = (_ALWAYS_MS if one.from_ms is None else one.from_ms, one.to_ms)
        if event.subscription_id not in said:
            spans[event.subscription_id] = (_ALWAYS_MS, None)
        return lambda start_ms, end_ms: members_in(spans.items(), start_ms, end_ms)


def _spans(said: Stay | None, met_ms: int | None) -> list[Span]:
    from_ms = met_ms if said is None or said.from_ms is None else said.from_ms
    return [] if from_ms is None else [(from_ms, None if said is None else said.to_ms)]
