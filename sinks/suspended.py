"""Records in suspense: looked up, counted, and what was decided about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from mediation.recycling import Back, Waiting
from schemas.ids import recycle_command_id, write_off_command_id
from schemas.outcome import Settled
from schemas.period import to_ms
from schemas.raw import WriteOffCommand, command_to_json
from sinks.connection import Connection, Pool
from sinks.errors import classified
from sinks.headers import headers_from_json, headers_to_json
from sinks.queries import SuspendedRow

_CHUNK_ROWS = 500


class Wanted(NamedTuple):
    """Which records are meant: all that wait, or those for which everything that is said here holds."""

    reason: str | None = None
    source: str | None = None
    since: dt.datetime | None = None  # when the broker took it, inclusive
    until: dt.datetime | None = None  # exclusive


class SuspendedRecord(NamedTuple):
    """All that is known of a record in suspense."""

    waiting: Waiting
    format: str
    detail: str
    topic: str
    recycles: str | None  # suspense id of what it was before it came back
    outcome: str | None  # None: it waits
    charge_id: str | None  # of what came back and was charged
    again: str | None  # suspense id of what came back and was refused again
    decision: str | None
    decided_by: str | None
    because: str | None
    decided_at: dt.datetime | None


_RECORD = """
    SELECT s.*, s.raw_headers::text AS headers, o.outcome, o.charge_id, d.decision, d.decided_by,
           d.because, d.decided_at,
           (SELECT a.suspense_id FROM suspense a WHERE a.recycles = s.suspense_id LIMIT 1) AS again
    FROM suspense s LEFT JOIN suspense_outcomes o USING (suspense_id)
    LEFT JOIN suspense_decisions d USING (suspense_id)
"""
_OPEN = "o.suspense_id IS NULL AND d.suspense_id IS NULL"


async def find_suspended(pool: Pool, suspense_ids: Sequence[str]) -> list[SuspendedRecord]:
    """Return the records with these ids, in the order of their positions; those that are none are left out."""
    with classified():
        rows = await pool.fetch(
            f"{_RECORD} WHERE s.suspense_id = ANY($1::uuid[]) ORDER BY s.source_topic, "
            "s.source_partition, s.source_offset, s.source_index",
            list(suspense_ids),
        )
    return [_record(row) for row in rows]


async def undecided(
    pool: Pool, wanted: Wanted, *, or_decided: bool = False
) -> AsyncIterator[list[SuspendedRecord]]:
    """Yield the records that wait and about which nothing was decided, in the order of their positions;
    with ``or_decided`` also those that are on their way."""
    is_open = "o.suspense_id IS NULL" if or_decided else _OPEN
    after: tuple[str, int, int, int] = ("", -1, -1, -1)
    while True:
        with classified():
            rows = await pool.fetch(
                f"{_RECORD} WHERE {is_open} AND ($1::text IS NULL OR s.reason = $1) "
                "AND ($2::text IS NULL OR s.source = $2) "
                "AND ($3::timestamptz IS NULL OR s.appended_at >= $3) "
                "AND ($4::timestamptz IS NULL OR s.appended_at < $4) "
                "AND (s.source_topic, s.source_partition, s.source_offset, s.source_index) > "
                "($5, $6, $7, $8) ORDER BY s.source_topic, s.source_partition, s.source_offset, "
                f"s.source_index LIMIT {_CHUNK_ROWS}",
                *(*wanted, *after),
            )
        if not rows:
            return
        found = [_record(row) for row in rows]
        last = found[-1]
        after = (last.topic, last.waiting.partition, last.waiting.offset, last.waiting.item)
        yield found


async def send_back(
    pool: Pool, records: Sequence[tuple[Waiting, Back]], *, decided_by: str, because: str
) -> int:
    """Queue records on their way back, all of them or none; return how many are new. About one record
    there is one decision, ever."""
    sent = 0
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            for waiting, back in records:
                command_id = recycle_command_id(suspense_id=waiting.suspense_id)
                decision = (Settled.RECYCLED, decided_by, because, command_id)
                if await _decide(connection, waiting.suspense_id, *decision):
                    await connection.execute(
                        "INSERT INTO command_outbox (command_id, tenant, stream, payload, headers) "
                        "VALUES ($1, $2, $3, $4, $5)",
                        *(command_id, waiting.tenant, back.key, back.value),
                        headers_to_json(back.headers),
                    )
                    sent += 1
    return sent


async def give_up(
    pool: Pool, records: Sequence[tuple[Waiting, str]], *, decided_by: str, because: str
) -> int:
    """Queue that records are written off, each with the key of its command; all of them or none. Return
    how many are new."""
    sent = 0
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            for waiting, key in records:
                command_id = write_off_command_id(suspense_id=waiting.suspense_id)
                decision = (Settled.WRITTEN_OFF, decided_by, because, command_id)
                if await _decide(connection, waiting.suspense_id, *decision):
                    command = WriteOffCommand(waiting.tenant, waiting.suspense_id, waiting.identity)
                    await connection.execute(
                        "INSERT INTO command_outbox (command_id, tenant, stream, payload) "
                        "VALUES ($1, $2, $3, $4)",
                        *(command_id, waiting.tenant, key, command_to_json(command)),
                    )
                    sent += 1
    return sent


async def _decide(
    connection: Connection,
    suspense_id: str,
    decision: Settled,
    decided_by: str,
    because: str,
    command_id: str,
) -> bool:
    """Return whether this is the first decision about a record."""
    return bool(
        await connection.fetchval(
            "INSERT INTO suspense_decisions (suspense_id, decision, decided_by, because, command_id) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING true",
            *(suspense_id, decision.value, decided_by, because, command_id),
        )
    )


def row_of(record: SuspendedRecord) -> SuspendedRow:
    """Return a record as a list of open ones has it."""
    waiting = record.waiting
    return SuspendedRow(
        suspense_id=waiting.suspense_id,
        stage=waiting.stage,
        reason=waiting.reason,
        detail=record.detail,
        source=waiting.source,
        format=record.format,
        topic=record.topic,
        partition=waiting.partition,
        offset=waiting.offset,
        item=waiting.item,
        raw=waiting.raw,
        raw_headers=waiting.raw_headers,
    )


class SuspenseAge(NamedTuple):
    """The records of one reason and source that wait, and how long."""

    reason: str
    source: str
    records: int
    on_their_way: int  # of those, decided about
    attempts: int  # the most of one of them
    oldest: dt.datetime
    newest: dt.datetime


async def suspense_ages(pool: Pool) -> list[SuspenseAge]:
    """Return what waits by reason and source, the most frequent first."""
    with classified():
        rows = await pool.fetch(
            "SELECT s.reason, s.source, count(*), count(d.suspense_id), max(s.attempts), "
            "min(s.appended_at), max(s.appended_at) FROM suspense s "
            "LEFT JOIN suspense_outcomes o USING (suspense_id) "
            "LEFT JOIN suspense_decisions d USING (suspense_id) WHERE o.suspense_id IS NULL "
            "GROUP BY s.reason, s.source ORDER BY count(*) DESC, s.reason, s.source"
        )
    return [SuspenseAge(*row) for row in rows]


async def settled_counts(pool: Pool) -> dict[str, int]:
    """Return how many records were ever refused, and how many of them were settled by what."""
    with classified():
        rows = await pool.fetch(
            "SELECT outcome, count(*) FROM suspense_outcomes GROUP BY outcome ORDER BY outcome"
        )
        refused = await pool.fetchval("SELECT count(*) FROM suspense")
    settled = {outcome.value: 0 for outcome in Settled} | dict(map(tuple, rows))
    return {"refused": refused, **settled}


def _record(row: Record) -> SuspendedRecord:
    waiting = Waiting(
        suspense_id=row["suspense_id"].hex,
        stage=row["stage"],
        tenant=row["tenant"],
        source=row["source"],
        reason=row["reason"],
        raw=row["raw"],
        raw_headers=headers_from_json(row["headers"]),
        partition=row["source_partition"],
        offset=row["source_offset"],
        item=row["source_index"],
        appended_at_ms=to_ms(row["appended_at"]),
        identity=_hex(row["identity"]),
        attempts=row["attempts"],
    )
    return SuspendedRecord(
        waiting,
        row["format"],
        row["detail"],
        row["source_topic"],
        _hex(row["recycles"]),
        row["outcome"],
        _hex(row["charge_id"]),
        _hex(row["again"]),
        row["decision"],
        row["decided_by"],
        row["because"],
        row["decided_at"],
    )


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex
