"""An invoice from charges: one line per product and unit, each rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.currency import currency_places
from schemas.decimals import EXACT, ZERO
from schemas.money import round_amount


class BillableCharge(NamedTuple):
    """What an invoice needs of a charge."""

    charge_id: str
    product: str
    product_type: str
    unit: str
    tax_code: str | None
    billed: Decimal
    amount: Decimal
    currency: str
    started_at_ms: int
    records: int = 1  # 0: it restates the price of others; -1: it takes one back


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
    charge_ids: tuple[str, ...]


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


def build_invoice(charges: Sequence[BillableCharge]) -> InvoiceBody:
    """Return the invoice of charges in one currency, each given once; at least one.

    The lines are in order of product, unit and tax code; the charges of a line keep their order.
    """
    assert charges, "an invoice has charges"
    currency = charges[0].currency
    assert all(charge.currency == currency for charge in charges), "one currency per invoice"
    assert len({charge.charge_id for charge in charges}) == len(charges), "each charge once"
    groups: dict[_LineKey, list[BillableCharge]] = {}
    for charge in charges:
        groups.setdefault(_line_key(charge), []).append(charge)
    lines = tuple(_line(key, groups[key], currency) for key in sorted(groups, key=_line_order))
    return InvoiceBody(
        currency=currency,
        lines=lines,
        tax_totals=_tax_totals(lines),
        total=_sum(line.amount for line in lines),
        usage_from_ms=min(charge.started_at_ms for charge in charges),
        usage_to_ms=max(charge.started_at_ms for charge in charges),
    )


def _line_key(charge: BillableCharge) -> _LineKey:
    return charge.product, charge.product_type, charge.unit, charge.tax_code


def _line_order(key: _LineKey) -> tuple[str, str, str, str]:
    product, product_type, unit, tax_code = key
    return product, product_type, unit, tax_code or ""


def _line(key: _LineKey, charges: Sequence[BillableCharge], currency: str) -> InvoiceLine:
    exact = _sum(charge.amount for charge in charges)
    return InvoiceLine(
        *key,
        records=sum(charge.records for charge in charges),
        quantity=_sum(charge.billed for charge in charges),
        charges=exact,
        amount=round_amount(exact, decimal_places=currency_places(currency)),
        charge_ids=tuple(charge.charge_id for charge in charges),
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
