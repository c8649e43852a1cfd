"""Which installation a database belongs to: registered once, with the genesis of its topics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sinks.connection import Connection, Pool, connect_as_owner, quoted, runtime_role
from sinks.errors import InstallationMismatch, classified
from sinks.progress import Progress

_ACTION = (
    "Operator action: point RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN at the same "
    "installation; if the broker was wiped, restore it, or start anew with another "
    "RATEMILL_INSTALLATION."
)


class Identity(NamedTuple):
    """What must be the same on the broker, in the workers' state and here."""

    installation: str
    cluster_id: str
    genesis_id: str


class Start(NamedTuple):
    """Where the load of one topic partition starts."""

    topic: str
    partition: int
    next_position: int  # after the genesis proof, where the topic has one
    chain: str = ""  # of the genesis proof
    source_next: int = 0  # `next` of the genesis proof


async def register(pool: Pool, identity: Identity, starts: Sequence[Start]) -> int:
    """Return how many progress rows were inserted: all of them once, none on a repeat.

    `InstallationMismatch` where the database belongs to another genesis. Rows that are there stay
    as they are, however far the load has come.
    """
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO installation (installation, cluster_id, genesis_id) "
                "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                *identity,
            )
            await _check(connection, identity)
            inserted = 0
            for start in starts:
                row = Progress(
                    *(identity.installation, start.topic, start.partition, identity.genesis_id),
                    next_position=start.next_position,
                    batch=0,
                    chain=start.chain,
                    source_next=start.source_next,
                )
                inserted += await _insert(connection, row)
            return inserted


async def _insert(connection: Connection, row: Progress) -> bool:
    return bool(
        await connection.fetchval(
            f"INSERT INTO progress ({', '.join(Progress._fields)}) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true",
            *row,
        )
    )


async def check_cluster(dsn: str, *, installation: str, cluster_id: str) -> None:
    """Return where the database was loaded from this cluster, or never; else
    `InstallationMismatch`.

    To be asked before topics are made: on a wiped broker they would be those of a new
    installation, and its workers would start.
    """
    async with connect_as_owner(dsn, installation=installation) as connection:
        with classified():
            if await connection.fetchval("SELECT to_regclass('installation')") is None:
                return
            found = await connection.fetchval("SELECT cluster_id FROM installation")
    if found is not None and found != cluster_id:
        raise InstallationMismatch(
            f"The database of {installation} was loaded from the Kafka cluster {found}, the broker "
            f"is of cluster {cluster_id}. Nothing was changed. {_ACTION}"
        )


async def check_identity(pool: Pool, identity: Identity) -> None:
    """Return where the database is that of ``identity``; else `InstallationMismatch`."""
    with classified():
        async with pool.acquire() as connection:
            await _check(connection, identity)


async def _check(connection: Connection, identity: Identity) -> None:
    row = await connection.fetchrow("SELECT installation, cluster_id, genesis_id FROM installation")
    if row is None:
        raise InstallationMismatch(
            f"The schema {identity.installation} has no genesis registered. Operator action: run "
            "`ratemill topics apply`; if this database was loaded before, it is the wrong one."
        )
    found = Identity(*row)
    if found != identity:
        raise InstallationMismatch(
            f"The database belongs to {_words(found)}, the broker to {_words(identity)}. Nothing "
            f"was changed. {_ACTION}"
        )


def _words(identity: Identity) -> str:
    name, cluster, genesis = identity
    return f"installation {name} (cluster {cluster}, genesis {genesis})"


async def drop_installation(dsn: str, *, installation: str) -> None:
    """Remove the schema with all its tables, and the run-time role: for tests and demos."""
    async with connect_as_owner(dsn, installation=installation) as connection:
        with classified():
            await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(installation)} CASCADE")
            role = runtime_role(installation)
            known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
            if known:
                await connection.execute(f"DROP OWNED BY {quoted(role)}")
                await connection.execute(f"DROP ROLE {quoted(role)}")
