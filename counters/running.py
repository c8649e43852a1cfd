"""The state while a batch runs over it: amounts and quantities as decimals beside their texts.

A rating key may have hundreds of records in a batch; its texts are read once, at the first of them.
Both forms are immutable: a record that is refused after it was counted leaves nothing to undo.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from counters.state import Bucket, Head, bucket_to_state, head_to_state
from schemas.decimals import DecimalText
from schemas.ledger import Unbilled


class RunningHead(msgspec.Struct, frozen=True, gc=False):
    """A head, and the amounts of its unbilled usage in the order of ``unbilled``."""

    sequence: int
    first_open_period_ms: int
    unbilled: tuple[Unbilled, ...]
    amounts: tuple[Decimal, ...]

    def stored(self) -> Head:
        """Return the head as it lies in the state."""
        return Head(self.sequence, self.first_open_period_ms, self.unbilled)

    def value(self) -> bytes:
        """Return the head as a value of the state."""
        return head_to_state(self.stored())


class RunningBucket(msgspec.Struct, frozen=True, gc=False):
    """A bucket, with its quantity and amount as decimals and as the texts of them."""

    records: int
    quantity: Decimal
    amount: Decimal
    quantity_text: DecimalText
    amount_text: DecimalText

    def stored(self) -> Bucket:
        """Return the bucket as it lies in the state."""
        return Bucket(self.records, self.quantity_text, self.amount_text)

    def value(self) -> bytes:
        """Return the bucket as a value of the state."""
        return bucket_to_state(self.stored())


def running_head(head: Head) -> RunningHead:
    """Return a head with its texts read."""
    unbilled = head.unbilled
    amounts = tuple([Decimal(entry.amount) for entry in unbilled])
    return RunningHead(head.sequence, head.first_open_period_ms, unbilled, amounts)


def running_bucket(bucket: Bucket) -> RunningBucket:
    """Return a bucket with its texts read."""
    quantity, amount = bucket.quantity, bucket.amount
    return RunningBucket(bucket.records, Decimal(quantity), Decimal(amount), quantity, amount)
