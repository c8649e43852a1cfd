"""Commands on their way to the raw topic.

Written in the transaction that decides them, published by a relay. Publishing twice is harmless:
the id is deterministic, and normalise lets each through once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.flow import Headers
from schemas.ids import close_period_command_id, correct_month_command_id
from schemas.raw import ClosePeriodCommand, CorrectMonthCommand, command_to_json
from sinks.connection import Connection, Pool
from sinks.errors import classified
from sinks.headers import headers_from_json

_MOST_BYTES = 64 * 1024 * 1024  # what comes back from suspense may be a block of 256 KB


class QueuedCommand(NamedTuple):
    """One command as its raw record will be."""

    position: int  # in the outbox; later commands of a stream have larger ones
    command_id: str
    tenant: str
    stream: str  # the key
    payload: bytes
    headers: Headers | None = None  # of usage that comes back; None: those of a command


async def queue_corrections(pool: Pool, commands: Iterable[CorrectMonthCommand]) -> int:
    """Queue corrections of months, and return how many are new. All of them are queued, or none."""
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            queued = 0
            for command in commands:
                command_id = correct_month_command_id(
                    tenant=command.tenant,
                    account_id=command.account_id,
                    job_id=command.correction.job_id,
                )
                queued += await _queue(connection, command_id, command)
            return queued


async def queue_period_closes(pool: Pool, commands: Iterable[ClosePeriodCommand]) -> int:
    """Queue the close of one period for each account, and return how many are new.

    One transaction: all of them are queued, or none.
    """
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            queued = 0
            for command in commands:
                command_id = close_period_command_id(
                    tenant=command.tenant,
                    account_id=command.account_id,
                    period_start_ms=command.period_start_ms,
                )
                queued += await _queue(connection, command_id, command)
            return queued


async def _queue(
    connection: Connection, command_id: str, command: ClosePeriodCommand | CorrectMonthCommand
) -> bool:
    return bool(
        await connection.fetchval(
            "INSERT INTO command_outbox (command_id, tenant, stream, payload) "
            "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
            command_id,
            command.tenant,
            f"command:{command.tenant}:{command.account_id}",
            command_to_json(command),
        )
    )


async def unpublished(
    pool: Pool, *, most: int = 1_000, most_bytes: int = _MOST_BYTES
) -> list[QueuedCommand]:
    """Return the oldest commands that no relay has marked as published: at most so many, and no more
    once there are so many bytes of them."""
    with classified():
        rows = await pool.fetch(
            "WITH oldest AS (SELECT position, octet_length(payload) AS bytes FROM command_outbox "
            "WHERE published_at IS NULL ORDER BY position LIMIT $1), "
            "added AS (SELECT position, sum(bytes) OVER (ORDER BY position) - bytes AS before "
            "FROM oldest) "
            "SELECT position, command_id, tenant, stream, payload, headers::text AS headers "
            "FROM command_outbox JOIN added USING (position) WHERE before < $2 ORDER BY position",
            most,
            most_bytes,
        )
    return [
        QueuedCommand(
            position=row["position"],
            command_id=row["command_id"],
            tenant=row["tenant"],
            stream=row["stream"],
            payload=row["payload"],
            headers=None if row["headers"] is None else headers_from_json(row["headers"]),
        )
        for row in rows
    ]


async def mark_published(pool: Pool, commands: Sequence[QueuedCommand]) -> None:
    """Mark commands whose records the broker has acknowledged; only then."""
    with classified():
        await pool.execute(
            "UPDATE command_outbox SET published_at = now() "
            "WHERE position = ANY($1) AND published_at IS NULL",
            [command.position for command in commands],
        )
