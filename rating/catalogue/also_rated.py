"""Reads `also_rated:` of a plan: under which other plans its usage is rated too, and whether it can be.

Another rating has no counters: what usage costs must not depend on what other usage did to counters of
a plan that the subscription is not on. So its prices may ask nothing of the month.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from rating.catalogue.document import (
    AlsoRated,
    ExchangeTable,
    Graduated,
    Package,
    Plan,
    PlanPrice,
    PriceVersion,
    Product,
    Volume,
)
from rating.catalogue.errors import quoted
from rating.catalogue.exchanging import not_exchangeable, tables_between
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import Mapping as Written
from rating.catalogue.yaml_tree import Node, Scalar, under
from rating.margins import CHARGED
from rating.price.aggregate import Aggregation

KEY = "also_rated"


def read_also_rated(
    reader: Reader, node: Node, field: str, products: dict[str, Product]
) -> tuple[AlsoRated, ...]:
    """Return the other ratings in the order of the file; whether their plans can rate so is for
    `check_also_rated`, when all plans are read."""
    found = []
    for key, value in reader.entries(node, field):
        at = f"{field}.{key.text}"
        if key.text == CHARGED:
            expected = "a name for the rating; this one is that of what is charged"
            reader.complain(key, at, expected=expected, found=quoted(key.text))
        if not isinstance(value, Written):
            code = reader.text(value, at, expected="the code of a plan, or one for each product")
            found.append(AlsoRated(name=key.text, plan=code))
            continue
        plans = {}
        for product, plan in reader.entries(value, at):
            code = reader.known(product, at, among=products, what="a product code")
            if code:
                plans[code] = reader.text(plan, f"{at}.{code}", expected="the code of a plan")
        if not value.entries:
            reader.complain(value, at, expected="a plan for at least one product", found="none")
        found.append(AlsoRated(name=key.text, plans={code: plans[code] for code in sorted(plans)}))
    return tuple(found)


def check_also_rated(
    entry: Entry,
    plan: Plan,
    plans: Mapping[str, Plan | None],
    exchange: Iterable[ExchangeTable],
) -> None:
    """Note each other rating of a plan that cannot rate what the plan does. ``plans``: all that are
    declared; None: one that is refused as a whole. ``exchange``: all tables."""
    checked = _Check(entry, plan, plans, tuple(exchange))
    for rating in plan.also_rated or ():
        checked.rating(rating)


class _Check:
    """The other ratings of one plan. Of those that it has of a plan that it extends, only what is said
    of products that the other one has not: the rest is said of that one."""

    def __init__(
        self,
        entry: Entry,
        plan: Plan,
        plans: Mapping[str, Plan | None],
        exchange: tuple[ExchangeTable, ...],
    ) -> None:
        self._entry, self._plan, self._plans = entry, plan, plans
        self._exchange = exchange
        self._products = list(dict.fromkeys(price.product for price in plan.prices))
        written = under(entry.node, KEY)
        self._is_stated = written is not entry.node
        if not self._is_stated:
            extended = under(entry.node, "extends")
            base = plans.get(extended.text) if isinstance(extended, Scalar) else None
            said = {price.product for price in base.prices} if base is not None else set()
            self._products = [product for product in self._products if product not in said]

    def rating(self, rating: AlsoRated) -> None:
        """Note what is wrong with one rating."""
        own = self._plan.code
        if not self._is_stated and own in (rating.plan, *rating.plans.values()):
            expected = "a plan that is no other rating of the one it extends"
            self._complain((rating.name,), expected=expected, found=quoted(own))
        if rating.plan and self._products:
            self._of(rating, rating.plan, self._products)
        if not self._is_stated:
            return
        for product, code in rating.plans.items():
            if product not in self._products:
                self._complain(
                    (rating.name, product),
                    expected=f"a product that {self._plan.code} has a price for: "
                    f"{', '.join(self._products)}",
                    found=quoted(product),
                )
            elif code:
                self._of(rating, code, [product])

    def _of(self, rating: AlsoRated, code: str, products: Collection[str]) -> None:
        """Note what is wrong with a plan that is to rate some products."""
        keys = (rating.name,) if rating.plan else (rating.name, *products)
        own = self._plan.code
        if code not in self._plans or code == own:
            others = (
                ", ".join(other for other in self._plans if other != own) or "(none is declared)"
            )
            self._complain(keys, expected=f"the code of another plan: {others}", found=quoted(code))
            return
        other = self._plans[code]
        if other is None:
            return
        is_exchanged = other.currency != self._plan.currency
        if is_exchanged:
            self._exchange_of(keys, other)
        for product in products:
            self._product(keys, other, product)
            if is_exchanged:
                self._exchanged(keys, other, product)

    def _exchange_of(self, keys: tuple[str, ...], other: Plan) -> None:
        """Note where nothing, or more than one thing, says what the other currency is worth."""
        own, of_plan = self._plan.code, self._plan.currency
        tables = tables_between(self._exchange, other.currency, of_plan)
        if len(tables) == 1 or not (other.currency and of_plan):
            return
        found = f"{other.code} in {other.currency}, and no table"
        if tables:
            found = f"{len(tables)} tables: {', '.join(table.code for table in tables)}"
        self._complain(
            keys,
            expected=f"a plan in {of_plan}, as {own} is; or one table of exchange_rates from "
            f"{other.currency} to {of_plan}",
            found=found,
        )

    def _exchanged(self, keys: tuple[str, ...], other: Plan, product: str) -> None:
        for price in other.prices:
            if price.product != product:
                continue
            own = next(filter(None, map(not_exchangeable, price.versions)), None)
            if own is not None:
                self._complain(
                    keys,
                    expected=f"prices in {other.currency} for {product}: the whole rating is "
                    f"exchanged into {self._plan.currency}",
                    found=f"{other.code}/{price.code} with {own}",
                )

    def _product(self, keys: tuple[str, ...], other: Plan, product: str) -> None:
        prices = [price for price in other.prices if price.product == product]
        if not prices:
            self._complain(
                keys,
                expected=f"a plan with a price for {product}, as {self._plan.code} has; or a plan for "
                "each product that has this rating, as in `{voice: carrier}`",
                found=f"{other.code}, which has none",
            )
        for price, asked in _asking(prices):
            self._complain(
                keys,
                expected=f"prices for {product} that ask nothing of the month or day, since another "
                "rating counts nothing; give it a plan of its own with such prices",
                found=f"{other.code}/{price.code} with {asked}",
            )

    def _complain(self, keys: tuple[str, ...], *, expected: str, found: str) -> None:
        if self._is_stated:
            node, field = under(self._entry.node, KEY, *keys), ".".join((KEY, *keys))
        else:
            node, field = under(self._entry.node, "extends"), "extends"
            found = f"{found} (its {KEY}.{'.'.join(keys)})"
        self._entry.reader.complain(
            node, f"{self._entry.field}.{field}", expected=expected, found=found
        )


def _asking(prices: list[PlanPrice]) -> Iterator[tuple[PlanPrice, str]]:
    """Yield the prices that ask for what the month or day holds, each once, with what it has."""
    for price in prices:
        asked = next((found for each in price.versions if (found := _asks(each))), None)
        if asked is not None:
            yield price, asked


def _asks(version: PriceVersion) -> str | None:
    """Return what of a price asks for more than the event; None: nothing."""
    said = (
        (isinstance(version.model, Graduated | Volume), "tiers"),
        (isinstance(version.model, Package), "packages of the month"),
        (version.aggregation is not Aggregation.SUM, "aggregate"),
        (version.sampling is not None, "aggregate"),
        (version.allowances, "an allowance"),
        (version.free_records, "free_records"),
        (version.commitment, "a commitment"),
        (version.discount_by_usage, "discount_by_usage"),
        (version.discount_times is not None, "a discount with times"),
        (version.least_month is not None, "a least of the month"),
        (version.most_day is not None, "a most of the day"),
        (version.most_month is not None, "a most of the month"),
    )
    return next((what for is_there, what in said if is_there), None)
