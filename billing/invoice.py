"""An invoice from charges: one line per product and unit, each rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from billing.currency import currency_places
from schemas.decimals import EXACT, ZERO
from schemas.money import round_amount


class Billable(NamedTuple):
    """Charges of one product in one unit and currency under one tax code, and what they come to."""

    product: str
    product_type: str
    unit: str
    tax_code: str | None
    currency: str
    records: int  # a charge that restates the price of others is 0, one that takes one back is -1
    quantity: Decimal  # billed
    amount: Decimal  # the exact sum
    usage_from_ms: int  # of the first usage
    usage_to_ms: int  # of the last one, inclusive
    # Sequence and id of each, in order; at least one. What an id is, is whoever's who asks.
    charges: tuple[tuple[int, object], ...]


class InvoiceLine(NamedTuple):
    """The charges of one product in one unit under one tax code."""

    product: str
    product_type: str
    unit: str
    tax_code: str | None
    records: int
    quantity: Decimal  # billed
    charges: Decimal  # the exact sum of the charges
    amount: Decimal  # that sum, rounded once to the places of the currency
    charge_ids: tuple[object, ...]  # in order of sequence


class TaxTotal(NamedTuple):
    """What the lines under one tax code come to."""

    tax_code: str | None
    amount: Decimal


class InvoiceBody(NamedTuple):
    """An invoice but for its number: what follows from the charges alone."""

    currency: str
    lines: tuple[InvoiceLine, ...]
    tax_totals: tuple[TaxTotal, ...]
    total: Decimal  # the sum of the lines as shown, so that a reader can add them up
    usage_from_ms: int  # of the first usage
    usage_to_ms: int  # of the last one, inclusive


_LineKey = tuple[str, str, str, str | None]


def build_invoice(billables: Sequence[Billable]) -> InvoiceBody:
    """Return the invoice of charges in one currency, each given once; at least one.

    The lines are in order of product, unit and tax code. What a line holds may come in parts.
    """
    assert billables, "an invoice has charges"
    currency = billables[0].currency
    assert all(one.currency == currency for one in billables), "one currency per invoice"
    groups: dict[_LineKey, list[Billable]] = {}
    for one in billables:
        groups.setdefault(_line_key(one), []).append(one)
    lines = tuple(_line(key, groups[key], currency) for key in sorted(groups, key=_line_order))
    charge_ids = [charge_id for line in lines for charge_id in line.charge_ids]
    assert len(set(charge_ids)) == len(charge_ids), "each charge once"
    return InvoiceBody(
        currency=currency,
        lines=lines,
        tax_totals=_tax_totals(lines),
        total=_sum(line.amount for line in lines),
        usage_from_ms=min(one.usage_from_ms for one in billables),
        usage_to_ms=max(one.usage_to_ms for one in billables),
    )


def _line_key(one: Billable) -> _LineKey:
    return one.product, one.product_type, one.unit, one.tax_code


def _line_order(key: _LineKey) -> tuple[str, str, str, str]:
    product, product_type, unit, tax_code = key
    return product, product_type, unit, tax_code or ""


def _line(key: _LineKey, parts: Sequence[Billable], currency: str) -> InvoiceLine:
    exact = _sum(part.amount for part in parts)
    charges = sorted(chain.from_iterable(part.charges for part in parts), key=itemgetter(0))
    return InvoiceLine(
        *key,
        records=sum(part.records for part in parts),
        quantity=_sum(part.quantity for part in parts),
        charges=exact,
        amount=round_amount(exact, decimal_places=currency_places(currency)),
        charge_ids=tuple(charge_id for _, charge_id in charges),
    )


def _tax_totals(lines: Iterable[InvoiceLine]) -> tuple[TaxTotal, ...]:
    totals: dict[str | None, Decimal] = {}
    for line in lines:
        totals[line.tax_code] = EXACT.add(totals.get(line.tax_code, ZERO), line.amount)
    return tuple(TaxTotal(code, totals[code]) for code in sorted(totals, key=lambda c: c or ""))


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = EXACT.add(total, value)
    return total
