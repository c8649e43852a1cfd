"""Connections: the schema they see, the role they act as, and how long they may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from sinks.certificates import check_certificates
from sinks.errors import SinkMisconfigured, classified

if TYPE_CHECKING:  # the classes take type arguments in the stubs only
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a statement may wait for the outside; past it, `SinkUnavailable`."""

    connect_s: float = 10.0
    # Somebody else holds the row: a loader that is about to lose it anyway, or a forgotten session.
    lock_ms: int = 5_000
    # We were stopped in the middle: the server ends the transaction, else the row stays locked.
    idle_in_transaction_ms: int = 15_000
    statement_ms: int = 60_000
    # The server does not answer at all (a cut network): longer than the server's own time-outs.
    answer_s: float = 75.0


def quoted(name: str) -> str:
    """Return ``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def runtime_role(installation: str) -> str:
    """Return the role that workers act as; migration 6 makes it."""
    return f"{installation}_runtime"


def _session(installation: str, timeouts: Timeouts) -> dict[str, str]:
    return {
        "application_name": f"ratemill.{installation}",
        "search_path": quoted(installation),
        "timezone": "UTC",
        "lock_timeout": str(timeouts.lock_ms),
        "idle_in_transaction_session_timeout": str(timeouts.idle_in_transaction_ms),
        "statement_timeout": str(timeouts.statement_ms),
        # No JIT: it costs a hundred milliseconds where a statement takes ten.
        "jit": "off",
    }


async def _act_as_runtime(connection: Connection, installation: str) -> None:
    try:
        await connection.execute(f"SET ROLE {quoted(runtime_role(installation))}")
    except asyncpg.InvalidParameterValueError as error:  # no such role
        raise SinkMisconfigured(
            f"There is no installation {installation} in this database ({error}). Operator action: "
            f"run `ratemill topics apply` if {installation} is new; check --installation and "
            "RATEMILL_POSTGRES_DSN if it is not."
        ) from error


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    installation: str,
    max_size: int = 4,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[Pool]:
    """Return a pool whose connections act as the run-time role, in the installation's schema.

    Errors of the driver inside the block stay as they are; functions of this room classify them.
    """
    timeouts = timeouts or Timeouts()

    async def act_as_runtime(connection: Connection) -> None:
        await _act_as_runtime(connection, installation)

    check_certificates(dsn)
    with classified():
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=max_size,
            init=act_as_runtime,
            timeout=timeouts.connect_s,
            command_timeout=timeouts.answer_s,
            server_settings=_session(installation, timeouts),
        )
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeouts.connect_s)
        except TimeoutError:  # close() waits for a connection whose server does not answer
            pool.terminate()


@asynccontextmanager
async def connect_as_runtime(dsn: str, *, installation: str) -> AsyncIterator[Connection]:
    """Return one connection that acts as the run-time role: for commands that do one thing."""
    async with connect_as_owner(dsn, installation=installation) as connection:
        with classified():
            await _act_as_runtime(connection, installation)
        yield connection


@asynccontextmanager
async def connect_as_owner(
    dsn: str, *, installation: str, timeouts: Timeouts | None = None
) -> AsyncIterator[Connection]:
    """Return a connection with the rights of the DSN's own user: migrations, partitions, repair."""
    timeouts = timeouts or Timeouts()
    check_certificates(dsn)
    with classified():
        connection = await asyncpg.connect(
            dsn,
            timeout=timeouts.connect_s,
            command_timeout=timeouts.answer_s,
            server_settings=_session(installation, timeouts),
        )
    try:
        yield connection
    finally:
        await connection.close(timeout=timeouts.connect_s)
