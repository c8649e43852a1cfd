"""Every published version of catalogue and reference data, kept for good.

Workers read the versions' topics; here they are for people, and for an explanation of what an old
version said. The number of a version is the offset of its marker in the topic.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

from schemas.reference import Account, account_from_json, account_to_json
from sinks.connection import Pool, connect_as_runtime
from sinks.errors import SinkMisconfigured, classified


async def record_catalogue(dsn: str, installation: str, *, version: int, document: bytes) -> None:
    """Keep a catalogue. Repeating a version is harmless; another document under it is refused."""
    digest = hashlib.sha256(document).digest()
    async with connect_as_runtime(dsn, installation=installation) as connection:
        with classified():
            await connection.execute(
                "INSERT INTO catalogue_versions (version, sha256, document) VALUES ($1, $2, $3) "
                "ON CONFLICT DO NOTHING",
                version,
                digest,
                document,
            )
            kept = await connection.fetchval(
                "SELECT sha256 FROM catalogue_versions WHERE version = $1", version
            )
    if kept != digest:
        raise SinkMisconfigured(
            f"Version {version} of the catalogue is on record with another content. Operator "
            "action: the catalogue topic was recreated under a kept database; restore the topic, "
            "or start a new installation with another RATEMILL_INSTALLATION."
        )


async def read_catalogue(pool: Pool, *, version: int) -> bytes | None:
    """Return the document of a version, or None where it was never published."""
    with classified():
        document: bytes | None = await pool.fetchval(
            "SELECT document FROM catalogue_versions WHERE version = $1", version
        )
    return document


async def catalogues_published_at(pool: Pool) -> dict[int, dt.datetime]:
    """Return when each version of the catalogue was put on record."""
    with classified():
        rows = await pool.fetch("SELECT version, published_at FROM catalogue_versions")
    return {row["version"]: row["published_at"] for row in rows}


async def record_accounts(
    dsn: str, installation: str, *, version: int, accounts: Sequence[Account]
) -> None:
    """Keep the accounts that a version changed. Repeating it is harmless."""
    async with connect_as_runtime(dsn, installation=installation) as connection:
        with classified():
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO reference_versions (version, accounts) VALUES ($1, $2) "
                    "ON CONFLICT DO NOTHING",
                    version,
                    len(accounts),
                )
                await connection.executemany(
                    "INSERT INTO accounts (account_id, version, tenant, name, document) "
                    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    [
                        (
                            account.account_id,
                            version,
                            account.tenant,
                            account.name,
                            account_to_json(account).decode(),
                        )
                        for account in accounts
                    ],
                )


async def read_account(pool: Pool, account_id: str, *, version: int) -> Account | None:
    """Return an account as a version of the reference data has it."""
    with classified():
        document = await pool.fetchval(
            "SELECT document FROM accounts WHERE account_id = $1 AND version <= $2 "
            "ORDER BY version DESC LIMIT 1",
            account_id,
            version,
        )
    return None if document is None else account_from_json(document)
