"""What differs in plans: their allowances, and their prices by the days on which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from rating.catalogue.differences.dates import Dated, said_span, spans
from rating.catalogue.differences.difference import Difference, Kind
from rating.catalogue.differences.names import called
from rating.catalogue.differences.parts import Part, money, words
from rating.catalogue.differences.prices import version_changes, version_said
from rating.catalogue.differences.things import by_parts, of_change, whole
from rating.catalogue.document import (
    CatalogueDocument,
    Consume,
    Plan,
    PlanAllowance,
    PlanPrice,
    PriceVersion,
    Sharing,
)
from rating.counting import CounterPeriod
from rating.price.allowance import TakenFirst
from rating.units import readable


def plan_differences(old: CatalogueDocument, new: CatalogueDocument) -> Iterator[Difference]:
    """Yield what differs in plans, in the order of their codes."""
    names = called(old.plans, new.plans)
    olds, news = ({plan.code: plan for plan in each.plans} for each in (old, new))
    products = called(old.products, new.products)
    units = {product.code: product.unit for each in (old, new) for product in each.products}
    exchange = [
        {each.code: each.from_currency for each in one.exchange_rates} for one in (old, new)
    ]
    comparing = _Prices(units, products, exchange[0], exchange[1])
    for code in sorted(olds.keys() | news.keys()):
        at, thing = f"plans.{code}", f"plan {names[code]}"
        was, is_now = olds.get(code), news.get(code)
        before, after = ({} if plan is None else {code: plan} for plan in (was, is_now))
        yield from by_parts("plans", before, after, lambda code: f"plan {names[code]}", _plan)
        yield from _allowances(at, thing, was, is_now)
        yield from comparing.differences(at, thing, was, is_now)


def _plan(plan: Plan) -> list[Part]:
    return [
        words("name", plan.name)._replace(default=plan.name == plan.code),
        words("currency", plan.currency),
        *_also_rated(plan),
    ]


def _also_rated(plan: Plan) -> Iterator[Part]:
    """Yield the other ratings; behind the first, what each is paid from belongs to it."""
    before = ""
    for each in plan.also_rated or ():
        by_product = ", ".join(f"{product} under {code}" for product, code in each.plans.items())
        said = f"under {each.plan}" if each.plan else by_product
        after = f", after {before}" if before else ""
        yield words(f"also_rated.{each.name}", said + after, name=f"also rated as {each.name}")
        before = each.name


def _allowances(at: str, thing: str, old: Plan | None, new: Plan | None) -> Iterator[Difference]:
    olds, news = (
        {} if plan is None else {each.code: each for each in plan.allowances} for plan in (old, new)
    )
    yield from by_parts(
        f"{at}.allowances", olds, news, lambda code: f"{thing}, allowance {code}", _allowance
    )


def _allowance(allowance: PlanAllowance) -> list[Part]:
    step = allowance.step_units
    takes = {
        Consume.EXACT: "what was used",
        Consume.INCREMENTS: "what increments make of it",
        Consume.STEPS: "whole steps",
    }
    free = words("units", readable(allowance.units, allowance.unit), name="")
    if allowance.money:
        free = money("units", allowance.units, allowance.unit, name="")
        free = free._replace(said=f"{free.said} of the charge")
    every = _EVERY[allowance.period]
    shared = "by the account" if allowance.shared_by is Sharing.ACCOUNT else ""
    return [
        free,
        words("takes", takes[allowance.consume], default=takes[Consume.EXACT]),
        words("step", "" if step is None else readable(step, allowance.unit)),
        words("begins anew", every, default="every month"),
        words("shared", shared, default="not shared"),
        words("rolls over", _rolls_over(allowance), default="not at all"),
        words("times", allowance.times, default="once"),
        words("only in", _only_in(allowance), default="whatever the hour"),
        words("condition", allowance.when, default="always"),
        words("days", said_span(allowance.valid_from, allowance.valid_to), default="all"),
    ]


_EVERY = {
    CounterPeriod.MONTH: "",
    CounterPeriod.DAY: "every day",
    CounterPeriod.ONCE: "never: it is given once",
}


def _only_in(allowance: PlanAllowance) -> str:
    return f"{', '.join(allowance.only_in)} of {allowance.bands}" if allowance.bands else ""


def _rolls_over(allowance: PlanAllowance) -> str:
    """Return what a month leaves to later ones."""
    roll = allowance.rolls_over
    if roll is None:
        return ""
    said = "into the next month" if roll.months == 1 else f"into the next {roll.months} months"
    if roll.upto is not None:
        upto = readable(roll.upto, allowance.unit)
        if allowance.money:
            upto = money("upto", roll.upto, allowance.unit).said
        said += f", up to {upto}"
    if roll.order is TakenFirst.CURRENT_FIRST:
        said += ", after that of the month itself"
    return f"{said}, from {roll.since} on" if roll.since else said


class _Prices:
    """Compares the prices of two plans."""

    def __init__(
        self,
        units: dict[str, str],
        products: dict[str, str],
        exchange_before: dict[str, str],
        exchange_after: dict[str, str],
    ) -> None:
        """``units``: what products are measured in; ``products``: what they are called; what a
        price is in that is exchanged, by its table before and after."""
        self._units = units
        self._products = products
        self._exchange_before = exchange_before
        self._exchange_after = exchange_after

    def differences(
        self, at: str, thing: str, old: Plan | None, new: Plan | None
    ) -> Iterator[Difference]:
        """Yield what differs; where a plan is new or gone, all of its prices."""
        olds, news = (
            {} if plan is None else {price.code: price for price in plan.prices}
            for plan in (old, new)
        )
        for code in dict.fromkeys([*news, *olds]):
            here, named = f"{at}.prices.{code}", f"{thing}, price {code}"
            was, is_now = olds.get(code), news.get(code)
            if was is None or is_now is None:
                plan, price = (old, was) if is_now is None else (new, is_now)
                assert plan is not None
                assert price is not None
                kind = Kind.REMOVED if is_now is None else Kind.ADDED
                yield from self._whole(kind, here, named, plan, price)
                continue
            assert old is not None
            assert new is not None
            yield from self._heads(here, named, was, is_now)
            yield from self._versions(here, named, was, is_now, old.currency, new.currency)
        yield from _order(at, thing, list(olds), list(news))

    def _whole(
        self, kind: Kind, at: str, thing: str, plan: Plan, price: PlanPrice
    ) -> Iterator[Difference]:
        """Yield a price that is new or gone: a difference for each of its versions."""
        where = f" to {', '.join(price.destinations)}" if price.destinations else ""
        when = f" when {price.when}" if price.when else ""
        of = f"of {self._products.get(price.product, price.product)}{where}{when}"
        before_it = _next_of_product(plan, price)
        if kind is Kind.ADDED and before_it:
            of += f", tried before {before_it}"
        for version in price.versions:
            exchange = self._exchange_before if kind is Kind.REMOVED else self._exchange_after
            currency = _currency(version, plan.currency, exchange)
            said = version_said(version, currency, self._unit(price))
            found = whole(at, thing, None, f"{of}: {said}")
            if kind is Kind.REMOVED:
                found = whole(at, thing, f"{of}: {said}", None)
            yield msgspec.structs.replace(
                found, valid_from=version.valid_from, valid_to=version.valid_to
            )
        if not price.versions:
            yield whole(at, thing, *((of, None) if kind is Kind.REMOVED else (None, of)))

    def _unit(self, price: PlanPrice) -> str:
        return self._units.get(price.product, "")

    def _heads(self, at: str, thing: str, old: PlanPrice, new: PlanPrice) -> Iterator[Difference]:
        if old.product != new.product:
            was, is_now = (self._products.get(each.product, each.product) for each in (old, new))
            yield Difference(
                kind=Kind.CHANGED, at=at, thing=thing, what="product", before=was, after=is_now
            )
        if old.when != new.when:
            was, is_now = (each.when or "always" for each in (old, new))
            yield Difference(
                kind=Kind.CHANGED, at=at, thing=thing, what="condition", before=was, after=is_now
            )
        if old.destinations == new.destinations:
            return
        gone = [each for each in old.destinations if each not in new.destinations]
        come = [each for each in new.destinations if each not in old.destinations]
        what = "destinations"
        if not old.destinations or not new.destinations or not (gone or come):
            was, is_now = (", ".join(each.destinations) or "all" for each in (old, new))
            yield Difference(
                kind=Kind.CHANGED, at=at, thing=thing, what=what, before=was, after=is_now
            )
            return
        if gone:
            said = ", ".join(gone)
            yield Difference(kind=Kind.REMOVED, at=at, thing=thing, what=what, before=said)
        if come:
            said = ", ".join(come)
            yield Difference(kind=Kind.ADDED, at=at, thing=thing, what=what, after=said)

    def _versions(
        self,
        at: str,
        thing: str,
        old: PlanPrice,
        new: PlanPrice,
        old_currency: str,
        currency: str,
    ) -> Iterator[Difference]:
        """Yield what differs, by the days on which it does."""
        before, after = _dated(old.versions), _dated(new.versions)
        is_same = True
        unit = self._unit(new)
        for span in spans(before, after):
            is_same = False
            was_in = _currency(span.before, old_currency, self._exchange_before)
            is_in = _currency(span.after, currency, self._exchange_after)
            if span.before is None or span.after is None:
                was = _said(span.before, was_in, self._unit(old))
                found = [whole(at, thing, was, _said(span.after, is_in, unit))]
            else:
                differing = version_changes(span.before, span.after, (was_in, is_in), unit)
                found = [of_change(at, thing, change) for change in differing]
            for each in found:
                yield msgspec.structs.replace(each, valid_from=span.since, valid_to=span.until)
        if is_same and _days_of(old.versions) != _days_of(new.versions):
            was, is_now = (_said_days(each.versions) for each in (old, new))
            yield Difference(
                kind=Kind.CHANGED,
                at=at,
                thing=thing,
                what="versions of the same price",
                before=was,
                after=is_now,
            )


def _currency(version: PriceVersion | None, of_plan: str, exchange: dict[str, str]) -> str:
    """Return what a price is written in."""
    if version is None or version.exchange is None:
        return of_plan
    return exchange.get(version.exchange, of_plan)


def _said(version: PriceVersion | None, currency: str, unit: str) -> str | None:
    return None if version is None else version_said(version, currency, unit)


def _dated(versions: Sequence[PriceVersion]) -> list[Dated[PriceVersion]]:
    return [
        Dated(
            version.valid_from,
            version.valid_to,
            msgspec.structs.replace(version, valid_from=None, valid_to=None),
        )
        for version in versions
    ]


def _days_of(versions: Sequence[PriceVersion]) -> list[tuple[object, object]]:
    return [(version.valid_from, version.valid_to) for version in versions]


def _said_days(versions: Sequence[PriceVersion]) -> str:
    return "; ".join(said_span(each.valid_from, each.valid_to) or "always" for each in versions)


def _next_of_product(plan: Plan, price: PlanPrice) -> str | None:
    """Return the price of the same product that is tried after this one."""
    index = plan.prices.index(price)
    return next(
        (each.code for each in plan.prices[index + 1 :] if each.product == price.product), None
    )


def _order(at: str, thing: str, olds: list[str], news: list[str]) -> Iterator[Difference]:
    """Yield the order in which prices are tried, where that of those in both is another."""
    was, is_now = ([code for code in olds if code in news], [code for code in news if code in olds])
    if was != is_now:
        yield Difference(
            kind=Kind.CHANGED,
            at=f"{at}.prices",
            thing=thing,
            what="order in which prices are tried",
            before=", ".join(was),
            after=", ".join(is_now),
        )
