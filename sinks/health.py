"""Settings of the database that committed rows depend on, and its clock."""

from __future__ import annotations

from typing import NamedTuple

from sinks.connection import Pool
from sinks.errors import classified


class Health(NamedTuple):
    """What the server says of itself."""

    fsync: str
    synchronous_commit: str
    now_s: float  # its clock, seconds since 1970


async def read_health(pool: Pool) -> Health:
    """Return the settings in force for our own connections, and the server's clock."""
    with classified():
        row = await pool.fetchrow(
            "SELECT current_setting('fsync') AS fsync, "
            "current_setting('synchronous_commit') AS synchronous_commit, "
            "extract(epoch FROM clock_timestamp())::float8 AS now_s"
        )
    assert row is not None
    return Health(row["fsync"], row["synchronous_commit"], row["now_s"])
