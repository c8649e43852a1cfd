"""Reads `limits:`: how much may be unbilled before it is invoiced at once."""

from __future__ import annotations

from decimal import Decimal

from rating.catalogue.document import Product
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import Node
from schemas.limit import SCOPE_ACCOUNT, ChargeLimit

_MOST_RECORDS = 1_000_000


def read_limits(entries: list[Entry], products: dict[str, Product]) -> dict[str, ChargeLimit]:
    """Return the limits by code."""
    scopes = [SCOPE_ACCOUNT, *(f"product:{code}" for code in sorted(products))]
    types = {product.product_type for product in products.values()}
    scopes += [f"product_type:{name}" for name in sorted(types)]
    limits = {}
    for reader, code, node, field in entries:
        values = reader.record(
            node,
            field,
            required=("scope",),
            optional=("amount", "currency", "records", "invoice_scope"),
        )
        if values is None:
            continue
        limit = _read_limit(reader, code, node, values, field, scopes)
        if limit is not None:
            limits[code] = limit
    return limits


def _read_limit(
    reader: Reader, code: str, node: Node, values: dict[str, Node], field: str, scopes: list[str]
) -> ChargeLimit | None:
    what = "account, product:<code> or product_type:<type>"
    scope = reader.known(values.get("scope"), f"{field}.scope", among=scopes, what=what)
    invoice_scope = SCOPE_ACCOUNT
    if "invoice_scope" in values:
        at = f"{field}.invoice_scope"
        invoice_scope = reader.known(values["invoice_scope"], at, among=scopes, what=what)
    amount: Decimal | None = None
    if "amount" in values:
        amount = reader.amount(values["amount"], f"{field}.amount")
        if not amount:
            reader.complain(
                values["amount"], f"{field}.amount", expected="more than zero", found="0"
            )
    currency = None
    if "currency" in values:
        currency = reader.currency(values["currency"], f"{field}.currency")
    records = None
    if "records" in values:
        records = reader.whole(values["records"], f"{field}.records", least=1, most=_MOST_RECORDS)
    if (amount is None) != (currency is None):
        found = "one without the other"
        reader.complain(node, field, expected="amount and currency together", found=found)
        return None
    if amount is None and records is None:
        reader.complain(node, field, expected="amount, records or both", found="neither")
        return None
    if invoice_scope not in (SCOPE_ACCOUNT, scope):
        reader.complain(
            values["invoice_scope"],
            f"{field}.invoice_scope",
            expected=f"account, or the limit's own scope {quoted(scope)}",
            found=quoted(invoice_scope),
        )
        return None
    return ChargeLimit(
        limit_id=code,
        scope=scope,
        amount=amount,
        currency=currency,
        records=records,
        invoice_scope=invoice_scope,
    )
