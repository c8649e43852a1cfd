"""Monthly partitions of `rated_usage`, made before they are needed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sinks.connection import Connection, connect_as_owner, quoted
from sinks.errors import classified

# A bill period starts at a local midnight. The first one of a month falls between 14 hours before
# (UTC+14) and 12 hours after (UTC-12) the first midnight in UTC, so a partition that starts 14
# hours early holds the same calendar month of every zone.
_EARLIEST_ZONE = dt.timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, whatever the zone."""

    year: int
    month: int

    def next(self) -> Month:
        """Return the month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def table(self) -> str:
        return f"rated_usage_{self.year:04d}_{self.month:02d}"

    @property
    def starts_at(self) -> dt.datetime:
        """The earliest instant at which the month begins anywhere; the partition's lower bound."""
        return dt.datetime(self.year, self.month, 1, tzinfo=dt.UTC) - _EARLIEST_ZONE


async def ensure_partitions(
    dsn: str, *, installation: str, at: dt.datetime, before: int = 2, ahead: int = 3
) -> tuple[str, ...]:
    """Return the partitions made now: of the month of ``at``, those ``before`` and ``ahead``.

    Usage of other months goes to the DEFAULT partition and loses nothing but speed; its rows move
    when their month is made.
    """
    months = _months_around(at, before=before, ahead=ahead)
    async with connect_as_owner(dsn, installation=installation) as connection:
        with classified():
            # As in `migrate`: two starts at once would both try to make a month.
            async with connection.transaction():
                await connection.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    f"ratemill partitions {installation}",
                )
                return tuple([month.table for month in months if await _make(connection, month)])


def _months_around(at: dt.datetime, *, before: int, ahead: int) -> list[Month]:
    first = at.year * 12 + (at.month - 1) - before
    return [Month(n // 12, n % 12 + 1) for n in range(first, first + before + 1 + ahead)]


async def _make(connection: Connection, month: Month) -> bool:
    """Make one partition; False where it is there."""
    if await connection.fetchval("SELECT to_regclass($1)", quoted(month.table)) is not None:
        return False
    table, start, end = quoted(month.table), month.starts_at, month.next().starts_at
    await connection.execute(
        f"CREATE TABLE {table} (LIKE rated_usage INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
    )
    # Rows that came before their partition. Only the owner may do this, and only here. The lock
    # keeps a load from adding one between the move and the attaching.
    await connection.execute("LOCK TABLE rated_usage_default IN ACCESS EXCLUSIVE MODE")
    await connection.execute(
        f"WITH moved AS (DELETE FROM rated_usage_default WHERE bill_period >= $1 "
        f"AND bill_period < $2 RETURNING *) INSERT INTO {table} SELECT * FROM moved",
        start,
        end,
    )
    await connection.execute(
        f"ALTER TABLE rated_usage ATTACH PARTITION {table} "
        f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    )
    return True
