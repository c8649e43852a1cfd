"""Counting one charge: what it does to the head of its rating key and to its usage counters.

`count` and `add` take the state as it is stored; `count_running` and `add_running` are the same for
a batch, which keeps the state as decimals between its records.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from counters.running import RunningBucket, RunningHead, running_bucket, running_head
from counters.state import Bucket, Head
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ledger import Unbilled
from schemas.refusal import STAYS, RefusalReason, Refused

_add = EXACT.add


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
    before = running_head(head)
    bill_period_ms = bill_period(before, usage_period_ms)
    after = count_running(before, product, product_type, amount, currency, bill_period_ms)
    return after if isinstance(after, Refused) else Counted(after.stored(), bill_period_ms)


def bill_period(head: RunningHead, usage_period_ms: int) -> int:
    """Return the period that bills usage: its own, or the first open one where that is later."""
    first_open_ms = head.first_open_period_ms
    return usage_period_ms if usage_period_ms >= first_open_ms else first_open_ms


def count_running(
    head: RunningHead,
    product: str,
    product_type: str,
    amount: Decimal,
    currency: str,
    bill_period_ms: int,
    records: int = 1,
) -> RunningHead | Refused:
    """Return the head after one more charge, or why it is refused; see `count`. ``records`` is 0
    for a charge that is for none."""
    unbilled, amounts = head.unbilled, head.amounts
    if unbilled and unbilled[0].currency != currency:
        return Refused(
            RefusalReason.CURRENCY_MISMATCH,
            f"the account has unbilled usage in {unbilled[0].currency}, and this is in {currency}. "
            f"Operator action: close its open periods; {STAYS}",
        )
    for at, entry in enumerate(unbilled):  # noqa: B007 - it is where the loop ended
        if (
            entry.product == product
            and entry.bill_period_ms == bill_period_ms
            and entry.product_type == product_type  # may change from one catalogue to the next
        ):
            break
    else:
        first = Unbilled(product, product_type, bill_period_ms, currency, records, to_text(amount))
        return RunningHead(
            head.sequence + 1, head.first_open_period_ms, (*unbilled, first), (*amounts, amount)
        )
    total = _add(amounts[at], amount)
    after = Unbilled(
        product, product_type, bill_period_ms, currency, entry.records + records, to_text(total)
    )
    return RunningHead(
        head.sequence + 1,
        head.first_open_period_ms,
        (*unbilled[:at], after, *unbilled[at + 1 :]),
        (*amounts[:at], total, *amounts[at + 1 :]),
    )


def add(bucket: Bucket, *, quantity: Decimal, amount: Decimal | None = None) -> Bucket:
    """Return a usage counter's bucket after one more record; ``amount`` None leaves its amount,
    as for a counter that counts units only."""
    return add_running(running_bucket(bucket), quantity, amount).stored()


def add_running(
    bucket: RunningBucket, quantity: Decimal, amount: Decimal | None = None
) -> RunningBucket:
    """Return a bucket after one more record; see `add`."""
    quantity_after = _add(bucket.quantity, quantity)
    amount_after, amount_text = bucket.amount, bucket.amount_text
    if amount is not None:
        amount_after = _add(amount_after, amount)
        amount_text = to_text(amount_after)
    return RunningBucket(
        bucket.records + 1, quantity_after, amount_after, to_text(quantity_after), amount_text
    )


def adjust_running(
    bucket: RunningBucket, amount: Decimal, *, quantity: Decimal = ZERO
) -> RunningBucket:
    """Return a bucket whose charges changed by ``amount``, without a record of usage."""
    after, quantity_after = _add(bucket.amount, amount), _add(bucket.quantity, quantity)
    return RunningBucket(
        bucket.records, quantity_after, after, to_text(quantity_after), to_text(after)
    )
