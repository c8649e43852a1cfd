"""Which files were read whole, by what is in them."""

from __future__ import annotations

from typing import NamedTuple

from sinks.connection import Pool
from sinks.errors import classified


class IngestedFile(NamedTuple):
    """A file whose end record is in the raw topic."""

    tenant: str
    source: str
    sha256: str  # hex, of the unpacked bytes
    name: str
    size_bytes: int
    items: int


async def find_file(pool: Pool, *, tenant: str, source: str, sha256: str) -> IngestedFile | None:
    """Return the file with this content that was read from the source before, if any."""
    with classified():
        row = await pool.fetchrow(
            "SELECT tenant, source, encode(sha256, 'hex'), name, size_bytes, items "
            "FROM ingested_files WHERE tenant = $1 AND source = $2 AND sha256 = $3",
            tenant,
            source,
            bytes.fromhex(sha256),
        )
    return None if row is None else IngestedFile(*row)


async def find_elsewhere(
    pool: Pool, *, tenant: str, source: str, sha256: str
) -> IngestedFile | None:
    """Return the first file with this content that was read from another source, if any.

    An empty file is the same everywhere and says nothing.
    """
    with classified():
        row = await pool.fetchrow(
            "SELECT tenant, source, encode(sha256, 'hex'), name, size_bytes, items "
            "FROM ingested_files WHERE tenant = $1 AND source <> $2 AND sha256 = $3 "
            "AND size_bytes > 0 ORDER BY ingested_at LIMIT 1",
            tenant,
            source,
            bytes.fromhex(sha256),
        )
    return None if row is None else IngestedFile(*row)


async def record_file(pool: Pool, file: IngestedFile) -> bool:
    """Remember a file and return whether it is new; the first name of a content stays."""
    with classified():
        new = await pool.fetchval(
            "INSERT INTO ingested_files (tenant, source, sha256, name, size_bytes, items) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true",
            file.tenant,
            file.source,
            bytes.fromhex(file.sha256),
            file.name,
            file.size_bytes,
            file.items,
        )
    return bool(new)
