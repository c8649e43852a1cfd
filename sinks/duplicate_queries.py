"""What people ask of the table `duplicates`: which records came more than once."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from sinks.connection import Pool
from sinks.errors import classified


class DuplicateCount(NamedTuple):
    """Copies that one source delivered, and the records that they are copies of."""

    source: str
    copies: int
    records: int


class DuplicateRow(NamedTuple):
    """One copy, and the first copy of the same record in the same partition."""

    suspense_id: str
    source: str
    topic: str
    partition: int
    offset: int
    item: int  # in the record at that offset, from 0
    appended_at: dt.datetime
    identity: str | None
    first_offset: int | None
    first_item: int | None


async def duplicate_counts(pool: Pool, *, source: str | None = None) -> list[DuplicateCount]:
    """Return copies by source, of one source or of all."""
    with classified():
        rows = await pool.fetch(
            "SELECT source, count(*), count(DISTINCT identity) FROM duplicates "
            "WHERE $1::text IS NULL OR source = $1 GROUP BY source ORDER BY source",
            source,
        )
    return [DuplicateCount(*row) for row in rows]


async def newest_duplicates(
    pool: Pool, *, source: str | None = None, most: int = 20
) -> list[DuplicateRow]:
    """Return the newest copies by the broker's append time, of one source or of all."""
    with classified():
        rows = await pool.fetch(
            "SELECT suspense_id, source, source_topic, source_partition, source_offset, source_index, "
            "appended_at, identity, first_offset, first_index FROM duplicates "
            "WHERE $1::text IS NULL OR source = $1 "
            "ORDER BY appended_at DESC, source_topic, source_partition, source_offset DESC, "
            "source_index DESC LIMIT $2",
            source,
            most,
        )
    return [
        DuplicateRow(
            row["suspense_id"].hex,
            row["source"],
            row["source_topic"],
            row["source_partition"],
            row["source_offset"],
            row["source_index"],
            row["appended_at"],
            None if row["identity"] is None else row["identity"].hex,
            row["first_offset"],
            row["first_index"],
        )
        for row in rows
    ]
