"""Loading the suspense topic: refused records to `suspense`, copies to `duplicates`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from schemas import raw
from schemas.period import from_ms
from schemas.suspense import Suspended, SuspenseClass
from sinks.connection import Connection, Pool
from sinks.errors import classified
from sinks.headers import headers_to_json
from sinks.progress import Progress, move_on

_SUSPENSE_ID = re.compile(rb"[0-9a-f]{32}")


async def load_suspense(
    pool: Pool, *, after: Progress, records: Sequence[Suspended], next_position: int
) -> Progress:
    """Load the records in [after.next_position, next_position) and return the position then.

    One transaction, begun by the compare-and-set. A suspense id that is there already is the same
    record and changes nothing.
    """
    position = after._replace(next_position=next_position)
    refused = [r for r in records if r.suspense_class is SuspenseClass.SUSPENDED]
    copies = [r for r in records if r.suspense_class is SuspenseClass.DUPLICATE]
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            await move_on(connection, after, position)
            await _insert_refused(connection, refused)
            await _insert_copies(connection, copies)
    return position


async def _insert_refused(connection: Connection, records: Sequence[Suspended]) -> None:
    await connection.executemany(
        "INSERT INTO suspense (suspense_id, stage, tenant, source, format, reason, detail, raw, "
        "raw_headers, source_topic, source_partition, source_offset, source_index, appended_at, "
        "identity, attempts, recycles) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) "
        "ON CONFLICT DO NOTHING",
        [
            (
                record.suspense_id,
                record.stage,
                _storable(record.tenant),
                _storable(record.source),
                _storable(record.format),
                record.reason,
                _storable(record.detail),
                record.raw,
                headers_to_json(record.raw_headers),
                record.topic,
                record.partition,
                record.offset,
                record.index,
                from_ms(record.appended_at_ms),
                record.identity,
                record.attempts,
                _recycles(record),
            )
            for record in records
        ],
    )


async def _insert_copies(connection: Connection, records: Sequence[Suspended]) -> None:
    await connection.executemany(
        "INSERT INTO duplicates (suspense_id, stage, tenant, source, source_topic, "
        "source_partition, source_offset, source_index, appended_at, identity, first_offset, "
        "first_index) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
        "ON CONFLICT DO NOTHING",
        [
            (
                record.suspense_id,
                record.stage,
                _storable(record.tenant),
                _storable(record.source),
                record.topic,
                record.partition,
                record.offset,
                record.index,
                from_ms(record.appended_at_ms),
                record.identity,
                *(record.first_copy or (None, None)),
            )
            for record in records
        ],
    )


def _recycles(record: Suspended) -> str | None:
    """Return the suspense id of what a record was before it came back."""
    if record.attempts == 1:
        return None  # whatever its source calls its headers
    stated = dict(record.raw_headers).get(raw.RECYCLES, b"")
    # Of headers that were too large it may be another one of that name that was kept.
    return stated.decode() if _SUSPENSE_ID.fullmatch(stated) else None


def _storable(text: str) -> str:
    """Return the text without NUL, which no text in Postgres may hold; the raw bytes have it."""
    return text.replace("\x00", "\ufffd")
