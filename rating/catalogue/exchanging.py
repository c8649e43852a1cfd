"""A plan in another currency than the one that it rates beside: its prices are exchanged, each by its day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from msgspec import UNSET

from rating.catalogue.document import (
    CatalogueDocument,
    ExchangeTable,
    Plan,
    PlanPrice,
    PriceVersion,
)


def tables_between(
    tables: Iterable[ExchangeTable], from_currency: str, to_currency: str
) -> list[ExchangeTable]:
    """Return the tables that lead from one currency to another."""
    wanted = (from_currency, to_currency)
    return [each for each in tables if (each.from_currency, each.to_currency) == wanted]


def in_currency(plan: Plan, table: ExchangeTable, products: Collection[str]) -> Plan:
    """Return a plan with its prices for some products exchanged by a table, and nothing else of it."""
    return msgspec.structs.replace(
        plan,
        currency=table.to_currency,
        prices=tuple(_exchanged(each, table) for each in plan.prices if each.product in products),
        also_rated=UNSET,
    )


def _exchanged(price: PlanPrice, table: ExchangeTable) -> PlanPrice:
    versions = tuple(
        msgspec.structs.replace(version, exchange=table.code) for version in price.versions
    )
    return msgspec.structs.replace(price, versions=versions)


def not_exchangeable(version: PriceVersion) -> str | None:
    """Return what of a price has a rate of exchange of its own; None where it can be exchanged."""
    if version.exchange is not None:
        return "exchange of its own"
    rounding = version.rounding
    while rounding.times is None and rounding.then is not None:
        rounding = rounding.then
    return None if rounding.times is None else "a rounding with times"


def exchanged_ratings(document: CatalogueDocument) -> Iterator[tuple[str, Plan]]:
    """Yield the plans that rate beside one in another currency, as they do so: each with the code of
    that one."""
    plans = {plan.code: plan for plan in document.plans}
    for plan in document.plans:
        products: dict[str, list[str]] = {}
        for product in dict.fromkeys(price.product for price in plan.prices):
            for rating in plan.also_rated or ():
                code = rating.plan_of(product)
                if code and plans[code].currency != plan.currency:
                    products.setdefault(code, []).append(product)
        for code, rated in products.items():
            yield (
                plan.code,
                in_currency(
                    plans[code], only_table(document.exchange_rates, plans[code], plan), rated
                ),
            )


def only_table(tables: Sequence[ExchangeTable], other: Plan, plan: Plan) -> ExchangeTable:
    """Return the table that leads from the currency of one plan to that of another."""
    (table,) = tables_between(tables, other.currency, plan.currency)
    return table
