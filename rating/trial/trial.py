"""Events one after the other, and the close of months, with everything kept in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from rating.catalogue.compiled import Catalogue, Offer
from rating.charging import charge_after
from rating.closing import close_month, looked_at
from rating.closing_days import AtClose, Days, rules_at_close
from rating.closing_samples import Month, close_samples, intervals_of, is_priced, samples_of
from rating.conditions.condition import Condition
from rating.conditions.names import Holder
from rating.counting import CounterKind
from rating.fitting import fitted
from rating.local_time import local_time
from rating.other_ratings import other_ratings
from rating.selection import Filtered, select
from rating.trial.hints import with_hint
from rating.trial.presence import Presence, Stay
from rating.trial.records import adjustment_charge, closing_charge, usage_charge
from rating.trial.tallies import Tallies
from schemas.ledger import Charge
from schemas.period import day_of, month_of, month_start_of
from schemas.refusal import Refused
from schemas.usage import UsageEvent

NOT_PUBLISHED = -1
"""The version of a catalogue that was never published: it has none."""


class Member(NamedTuple):
    """A subscription of an account, in [from, to); None: open."""

    subscription_id: str
    plan: str
    from_ms: int | None = None
    to_ms: int | None = None
    attributes: Mapping[str, str] | None = None  # that conditions ask for

    @property
    def stay(self) -> Stay:
        """Return when it is on its plan."""
        return Stay(self.subscription_id, self.plan, self.from_ms, self.to_ms)


class Trial:
    """One version of a catalogue, and what was charged and counted under it so far.

    It decides nothing about money: prices are selected and applied by `rating.rate`, months are
    closed by `rating.closing`, as in production; here they are only counted in memory.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._tallies: defaultdict[str, Tallies] = defaultdict(Tallies)  # by rating key
        self._presence = Presence()
        self._sequences: dict[str, int] = {}
        self._first_open_ms: dict[str, int] = {}

    def rate(
        self,
        event: UsageEvent,
        *,
        plan: str,
        currency: str,
        holder: Holder | None = None,
        members: Collection[Member] = (),
    ) -> tuple[Charge, ...] | Filtered | Refused:
        """Return the charge for an event, and before it what the event changes of earlier charges;
        or why there is none. ``currency``: that of the account; ``holder``: as for `select`;
        ``members``: its subscriptions as far as they are known, for allowances that roll over or
        that are so many times what each of them has."""
        stays = [member.stay for member in members]
        if holder is not None:
            month = self._presence.month_of(
                *(event.rating_key, event.subscription_id, event.started_at_ms),
                zone=event.zone,
                stays=stays,
            )
            holder = msgspec.structs.replace(holder, month=month)
        selected = select(self._catalogue, event, plan, currency, holder)
        if isinstance(selected, Refused):
            return with_hint(selected, self._catalogue, event, plan)
        if isinstance(selected, Filtered):
            return selected
        others = other_ratings(selected.offer, event, holder)
        if isinstance(others, Refused):
            return others
        tallies = self._tallies[event.rating_key]
        self._presence.meet(event, plan)
        if selected.rule.months_rolled:
            earlier = self._presence.earlier_months(event, plan, selected.rule, stays)
            selected = msgspec.structs.replace(selected, earlier=earlier)
        if selected.rule.is_fitted and selected.counting:
            found = fitted(
                selected,
                event,
                holder=holder or Holder(event.account_id, event.subscription_id),
                members_in=self._presence.members(event, plan, stays),
            )
            if isinstance(found, Refused):
                return found
            selected = found
        before = tallies.before(event, selected)
        priced = charge_after(selected, before)
        tallies.add(event, selected, priced.counts)
        tallies.add_product(event, selected)
        made: tuple[Charge, ...] = ()
        month_ms = month_start_of(event.started_at_ms, zone=event.zone)
        if priced.restated:
            made = (
                adjustment_charge(
                    *(event, selected, priced),
                    period_ms=month_ms,
                    catalogue_version=self._catalogue.version,
                    sequence=self._next(event.rating_key),
                ),
            )
        return (
            *made,
            usage_charge(
                *(event, selected, priced, others),
                period_ms=month_ms,
                catalogue_version=self._catalogue.version,
                sequence=self._next(event.rating_key),
            ),
        )

    def close(
        self,
        account_id: str,
        at_ms: int,
        *,
        members: Sequence[Member],
        currency: str,
        zone: str,
        attributes: Mapping[str, str] | None = None,
    ) -> tuple[Charge, ...]:
        """Return what prices still ask for at the close of the account's month that ``at_ms`` lies
        in, and of the months since the one that was closed last. A closed month asks for no more.
        ``attributes``: those of the account; here they do not change within a month."""
        start_ms, end_ms = month_of(at_ms, zone=zone)
        start_ms = self._first_open_ms.get(account_id, start_ms)
        made: list[Charge] = []
        of_closed = self._tallies[account_id].sampled_before(start_ms) if start_ms < end_ms else ()
        months = [(each, True) for each in of_closed]
        stays = [member.stay for member in members]
        while start_ms < end_ms:
            months.append((start_ms, False))
            start_ms = month_of(start_ms, zone=zone)[1]
        for month_ms, is_late in months:
            month_end_ms = month_of(month_ms, zone=zone)[1]
            for member in members:
                holder = Holder(
                    account_id, member.subscription_id, attributes or {}, member.attributes or {}
                )
                made += self._closed(
                    *(holder, member, month_ms, month_end_ms, currency, zone),
                    stays=stays,
                    is_late=is_late,
                )
        self._first_open_ms[account_id] = start_ms
        return tuple(made)

    def _closed(
        self,
        holder: Holder,
        member: Member,
        start_ms: int,
        end_ms: int,
        currency: str,
        zone: str,
        *,
        stays: Collection[Stay],
        is_late: bool = False,
    ) -> Iterator[Charge]:
        account_id = holder.account_id
        tallies = self._tallies[account_id]
        on_plan, of_month = _days(member, start_ms, end_ms, zone)
        of_stay = self._presence.month_of(
            *(account_id, member.subscription_id, end_ms - 1), zone=zone, stays=stays
        )
        holder = msgspec.structs.replace(holder, month=of_stay)
        for offer, (rule, days, on_days) in self._closing_rules(
            member.plan, currency, holder, on_plan
        ):
            keys = {
                counter.kind: (
                    counter.name(subscription_id=member.subscription_id, unit=offer.unit),
                    start_ms,
                )
                for counter in looked_at(rule)
            }
            counted = {kind: tallies.of(*key) for kind, key in keys.items()}
            if rule.sampling is not None:
                if is_late and is_priced(counted[CounterKind.SAMPLED]):
                    continue
                month = Month(
                    *(days, of_month),
                    intervals_of(
                        rule.sampling, on_days, start_ms=start_ms, end_ms=end_ms, zone=zone
                    ),
                )
                begins = samples_of(rule, subscription_id=member.subscription_id)
                samples = {each: tallies.samples(name, start_ms) for each, name in begins.items()}
                closed = close_samples(
                    *(rule, offer.unit, counted[CounterKind.TIER], counted[CounterKind.SAMPLED]),
                    *(samples, month),
                )
                assert not isinstance(closed, Refused), "one catalogue counts them all alike"
            elif is_late:
                continue
            else:
                closed = close_month(rule, counted, days=days, days_of_month=of_month)
            if closed is None:
                continue
            for each in closed.changes:
                tallies.change(keys[each.kind], each.quantity, each.amount)
            yield closing_charge(
                *(offer, rule, closed),
                account_id=account_id,
                subscription_id=member.subscription_id,
                month_start_ms=start_ms,
                month_end_ms=end_ms,
                catalogue_version=self._catalogue.version,
                sequence=self._next(account_id),
            )

    def _closing_rules(
        self, plan_code: str, currency: str, holder: Holder, on_plan: Days
    ) -> Iterator[tuple[Offer, AtClose]]:
        plan = self._catalogue.plans.get(plan_code)
        if plan is None or plan.currency != currency:
            return

        def held(condition: Condition) -> Days:
            return on_plan if condition.holds_of(holder) else ()

        for offer in plan.offers.values():
            for found in rules_at_close(offer, on_plan, held):
                yield offer, found

    def _next(self, rating_key: str) -> int:
        self._sequences[rating_key] = self._sequences.get(rating_key, 0) + 1
        return self._sequences[rating_key]


def _days(member: Member, start_ms: int, end_ms: int, zone: str) -> tuple[Days, int]:
    """Return the local days of a month on which a subscription was there, and how many it has."""
    days: list[int] = []
    of_month = 0
    at_ms = start_ms
    while at_ms < end_ms:
        _, next_ms = day_of(at_ms, zone=zone)
        of_month += 1
        begun = member.from_ms is None or member.from_ms < next_ms
        if begun and (member.to_ms is None or member.to_ms > at_ms):
            days.append(local_time(at_ms, zone=zone)[0])
        at_ms = next_ms
    return tuple(days), of_month
