"""The rows of limits reached and periods closed, and the invoice requests that follow."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.ledger import LimitReached, PeriodClosed
from schemas.period import from_ms
from sinks.connection import Connection
from sinks.ledger_batch import LedgerBatch

_encode = msgspec.json.Encoder().encode


async def insert_state_records(
    connection: Connection, partition: int, batches: Sequence[LedgerBatch]
) -> int:
    """Add what is not a charge, and return how many invoices were requested.

    Also closes the suspense rows of records that came back and were charged.
    """
    limits = [
        (record, offset, batch.proof.batch) for batch in batches for offset, record in batch.limits
    ]
    closes = [
        (record, offset, batch.proof.batch) for batch in batches for offset, record in batch.closes
    ]
    recycled = [
        (charge.recycles, charge.charge_id)
        for batch in batches
        for _, charge in batch.charges
        if charge.recycles is not None
    ]
    if limits:
        await _insert_limits(connection, partition, limits)
        await _request_invoices(connection, [record for record, _, _ in limits])
    if closes:
        await _insert_closes(connection, partition, closes)
    if recycled:
        await connection.executemany(
            "INSERT INTO suspense_outcomes (suspense_id, outcome, charge_id) "
            # The proof of normalise that settles it is loaded by another, before or after this.
            "VALUES ($1, 'recycled', $2) ON CONFLICT (suspense_id) DO UPDATE "
            "SET charge_id = excluded.charge_id",
            sorted(recycled),
        )
    return len(limits)


async def _insert_limits(
    connection: Connection, partition: int, limits: Sequence[tuple[LimitReached, int, int]]
) -> None:
    await connection.executemany(
        "INSERT INTO limit_reached (limit_reached_id, tenant, rating_key, sequence, account_id, "
        "crossing_charge_id, limits, invoice_up_to, invoice_scope, currency, occurred_at, "
        "bill_period, first_open_period, invoiced, ledger_partition, ledger_offset, batch) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "ON CONFLICT DO NOTHING",
        [
            (
                record.limit_reached_id,
                record.tenant,
                record.rating_key,
                record.sequence,
                record.account_id,
                record.crossing_charge_id,
                _encode(record.limits).decode(),
                record.invoice_up_to,
                record.invoice_scope,
                record.currency,
                from_ms(record.occurred_at_ms),
                from_ms(record.bill_period_ms),
                from_ms(record.first_open_period_ms),
                _encode(record.invoiced).decode(),
                partition,
                offset,
                batch,
            )
            for record, offset, batch in limits
        ],
    )


async def _request_invoices(connection: Connection, limits: Sequence[LimitReached]) -> None:
    await connection.executemany(
        "INSERT INTO invoice_requests (request_id, tenant, rating_key, sequence, account_id, "
        "invoice_up_to, invoice_scope) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        [
            (
                record.limit_reached_id,
                record.tenant,
                record.rating_key,
                record.sequence,
                record.account_id,
                record.invoice_up_to,
                record.invoice_scope,
            )
            for record in limits
        ],
    )
    await connection.executemany(
        "INSERT INTO invoiced_up_to (rating_key) VALUES ($1) ON CONFLICT DO NOTHING",
        sorted({(record.rating_key,) for record in limits}),
    )


async def _insert_closes(
    connection: Connection, partition: int, closes: Sequence[tuple[PeriodClosed, int, int]]
) -> None:
    await connection.executemany(
        "INSERT INTO period_closes (period_closed_id, tenant, rating_key, sequence, account_id, "
        "period_start, period_end, first_open_period, closed, ledger_partition, ledger_offset, "
        "batch) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
        [
            (
                record.period_closed_id,
                record.tenant,
                record.rating_key,
                record.sequence,
                record.account_id,
                from_ms(record.period_start_ms),
                from_ms(record.period_end_ms),
                from_ms(record.first_open_period_ms),
                _encode(record.closed).decode(),
                partition,
                offset,
                batch,
            )
            for record, offset, batch in closes
        ],
    )
