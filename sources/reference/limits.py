"""The charge limits of one account."""

from __future__ import annotations

from schemas.limit import SCOPE_ACCOUNT, ChargeLimit
from sources.reference.fields import amount_of, count_of, currency_of, name_of, scope_of
from sources.reference.problem import quoted
from sources.reference.tree import Reader, Value


def read_limits(
    reader: Reader, value: Value | None, field: str, *, currency: str
) -> tuple[ChargeLimit, ...]:
    """Return the limits of an account that is charged in ``currency``."""
    limits: dict[str, ChargeLimit] = {}
    for item in reader.items(value, field):
        limit = _limit(reader, item, field, currency)
        if limit is None:
            continue
        if limit.limit_id in limits:
            found = f"{quoted(limit.limit_id)} again"
            reader.complain(item.line, f"{field}.id", "each limit once", found)
        limits[limit.limit_id] = limit
    return tuple(limits.values())


def _limit(reader: Reader, value: Value, field: str, currency: str) -> ChargeLimit | None:
    fields = reader.table(
        value,
        field,
        required=("id", "scope"),
        optional=("amount", "currency", "records", "invoice_scope"),
    )
    if fields is None:
        return None
    limit_id = name_of(reader, fields.get("id"), f"{field}.id")
    scope = scope_of(reader, fields.get("scope"), f"{field}.scope")
    invoice_scope = scope_of(reader, fields.get("invoice_scope"), f"{field}.invoice_scope")
    if scope and invoice_scope not in (None, SCOPE_ACCOUNT, scope):
        stated = fields["invoice_scope"]
        expected = f"account, or {scope} as the scope is"
        reader.complain(stated.line, f"{field}.invoice_scope", expected, stated.shown())
        return None
    amount = amount_of(reader, fields.get("amount"), f"{field}.amount")
    records = count_of(reader, fields.get("records"), f"{field}.records")
    if "amount" not in fields and "records" not in fields:
        reader.complain(value.line, field, "an amount, a number of records, or both", "neither")
    in_currency = currency_of(reader, fields.get("currency"), f"{field}.currency")
    if in_currency not in (None, currency):
        # A limit in a currency that the account is not charged in would never be reached.
        expected, found = f"{currency}, as the account is charged in", fields["currency"]
        reader.complain(found.line, f"{field}.currency", expected, found.shown())
    if limit_id is None or scope is None or (amount is None and records is None):
        return None
    return ChargeLimit(
        limit_id=limit_id,
        scope=scope,
        amount=amount,
        currency=None if amount is None else currency,
        records=records,
        invoice_scope=invoice_scope or SCOPE_ACCOUNT,
    )
