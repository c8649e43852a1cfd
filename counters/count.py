"""Counting one charge: what it does to the head of its rating key and to its usage counters."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from counters.state import Bucket, Head
from schemas.decimals import EXACT, to_text
from schemas.ledger import Unbilled
from schemas.refusal import RefusalReason, Refused


class Counted(msgspec.Struct, frozen=True, gc=False):
    """The head after a charge, and the period that will bill it."""

    head: Head
    bill_period_ms: int


def product_counter(product: str, *, unit: str, currency: str) -> str:
    """Return the name of a product's usage counter: one per unit and currency, for seconds and
    bytes have no sum, and neither have euros and pounds."""
    return f"product:{product}:{unit}:{currency}"


def count(
    head: Head,
    *,
    product: str,
    product_type: str,
    amount: Decimal,
    currency: str,
    usage_period_ms: int,
) -> Counted | Refused:
    """Return the head after one more charge, or why the charge cannot stand beside the unbilled
    ones: an invoice and a limit have one currency.

    The charge is unbilled in its own period, or in the first open one where that is later.
    """
    unbilled = head.unbilled
    if unbilled and unbilled[0].currency != currency:
        return Refused(
            RefusalReason.CURRENCY_MISMATCH,
            f"the account has unbilled usage in {unbilled[0].currency}, and this is in {currency}. "
            "Operator action: close its open periods, then recycle.",
        )
    bill_period_ms = max(usage_period_ms, head.first_open_period_ms)
    at, entry = len(unbilled), None
    for index, each in enumerate(unbilled):
        if (
            each.product == product
            and each.bill_period_ms == bill_period_ms
            and each.product_type == product_type  # may change from one catalogue to the next
        ):
            at, entry = index, each
            break
    records = 1 if entry is None else entry.records + 1
    total = amount if entry is None else EXACT.add(Decimal(entry.amount), amount)
    after = Unbilled(product, product_type, bill_period_ms, currency, records, to_text(total))
    head = Head(
        head.sequence + 1,
        head.first_open_period_ms,
        (*unbilled[:at], after, *unbilled[at + 1 :]),
    )
    return Counted(head, bill_period_ms)


def add(bucket: Bucket, *, quantity: Decimal, amount: Decimal | None = None) -> Bucket:
    """Return a usage counter's bucket after one more record; ``amount`` None leaves its amount,
    as for a counter that counts units only."""
    return Bucket(
        bucket.records + 1,
        to_text(EXACT.add(Decimal(bucket.quantity), quantity)),
        bucket.amount if amount is None else to_text(EXACT.add(Decimal(bucket.amount), amount)),
    )
