"""Bringing the tables up to date: the SQL files of `migrations/`, as dbmate would apply them.

The files and the table `schema_migrations` are dbmate's, so `dbmate --url ...?search_path=<name>`
works on the same schema; this runner exists so that nobody has to install it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import NamedTuple

from sinks.connection import Connection, Timeouts, connect_as_owner, quoted
from sinks.errors import SinkMisconfigured, classified

_FILE_NAME = re.compile(r"(?P<version>\d+)_(?P<about>\w+)\.sql")
_UP = "-- migrate:up"
_DOWN = "-- migrate:down"
# Another start may be migrating now; it takes seconds.
_TIMEOUTS = Timeouts(lock_ms=60_000, idle_in_transaction_ms=60_000, statement_ms=600_000)


class Migration(NamedTuple):
    """One SQL file: how to make its tables, and how to undo that."""

    version: str
    about: str
    up: str
    down: str


def parse(file_name: str, text: str) -> Migration:
    """Return the migration in a file; `ValueError` where it is not in dbmate's form.

    Options after the markers (``transaction:false``) are refused: every migration here is one
    transaction.
    """
    name = _FILE_NAME.fullmatch(file_name)
    if name is None:
        raise ValueError(f"{file_name}: a migration is named <version>_<what it makes>.sql")
    markers = [line for line in text.splitlines() if line.startswith("-- migrate:")]
    if markers != [_UP, _DOWN]:
        raise ValueError(f"{file_name}: expected the lines {_UP!r} and {_DOWN!r}, once each")
    up, down = text.split(_UP, 1)[1].split(_DOWN, 1)
    return Migration(name["version"], name["about"], up.strip(), down.strip())


def shipped() -> tuple[Migration, ...]:
    """Return the migrations of this build, in order."""
    folder = resources.files("sinks") / "migrations"
    found = [
        parse(file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda migration: migration.version))


async def migrate(dsn: str, *, installation: str) -> tuple[str, ...]:
    """Return the versions applied now, oldest first; none where the schema is up to date.

    Each migration is one transaction with its line in `schema_migrations`. Several callers wait
    for each other. `SinkMisconfigured` where the schema is newer than this build.
    """
    async with connect_as_owner(dsn, installation=installation, timeouts=_TIMEOUTS) as connection:
        with classified():
            async with _alone(connection):
                return await _apply_missing(connection, installation)


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[None]:
    """Hold the migrations' advisory lock of a database; it ends with the connection too.

    Not one for each installation: their grants change the same row of the database.
    """
    key = "ratemill migrations"
    await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)


async def _apply_missing(connection: Connection, installation: str) -> tuple[str, ...]:
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(installation)}")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)"
    )
    rows = await connection.fetch("SELECT version FROM schema_migrations")
    applied = {row["version"] for row in rows}
    migrations = shipped()
    _refuse_newer(applied, migrations, installation)
    now = []
    for migration in migrations:
        if migration.version not in applied:
            async with connection.transaction():
                await connection.execute(migration.up)
                await connection.execute(
                    "INSERT INTO schema_migrations (version) VALUES ($1)", migration.version
                )
            now.append(migration.version)
    return tuple(now)


def _refuse_newer(applied: set[str], ours: Sequence[Migration], installation: str) -> None:
    unknown = sorted(applied - {migration.version for migration in ours})
    if unknown:
        raise SinkMisconfigured(
            f"The schema {installation} has migrations that this build does not know: "
            f"{', '.join(unknown)}. Operator action: run the newer build that applied them."
        )
