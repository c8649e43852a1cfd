"""The close of a period: what it gives to the bill run, and why it stays closed."""

from __future__ import annotations

from counters.state import Head
from schemas.ids import period_closed_id
from schemas.ledger import PeriodClosed
from schemas.usage import PeriodClose


def close(
    head: Head, command: PeriodClose, *, source_partition: int, source_offset: int
) -> tuple[Head, PeriodClosed | None]:
    """Return the head after a close, and its record; None where the period was closed already.

    The end of the period becomes the first open instant, so a close includes every earlier
    period, and a repeated or older one finds nothing to do: what changes no state is no record.
    """
    if command.period_end_ms <= head.first_open_period_ms:
        return head, None
    end_ms = command.period_end_ms
    closed = tuple(entry for entry in head.unbilled if entry.bill_period_ms < end_ms)
    left = tuple(entry for entry in head.unbilled if entry.bill_period_ms >= end_ms)
    head = Head(head.sequence + 1, end_ms, left)
    return head, PeriodClosed(
        tenant=command.tenant,
        rating_key=command.rating_key,
        sequence=head.sequence,
        period_closed_id=period_closed_id(rating_key=command.rating_key, period_end_ms=end_ms),
        account_id=command.account_id,
        period_start_ms=command.period_start_ms,
        period_end_ms=end_ms,
        first_open_period_ms=end_ms,
        counters_after=(),
        source_partition=source_partition,
        source_offset=source_offset,
        closed=closed,
        unbilled=left,
    )
