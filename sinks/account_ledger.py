"""Where in an account's ledger its months are, and what its counters were at a place of it."""

from __future__ import annotations

from typing import NamedTuple

from schemas.ledger import CounterAfter
from schemas.period import from_ms, to_ms
from sinks.connection import Pool
from sinks.errors import classified


class MonthInLedger(NamedTuple):
    """Where in an account's ledger the charges of a month are."""

    month_start_ms: int
    first: int  # sequence of the first charge of the record that made the month's first charge
    last: int
    last_corrected: int | None  # the newest charge of a correction; None: there is none


async def months_in_ledger(pool: Pool, account_id: str, *, upto: int) -> list[MonthInLedger]:
    """Return the months of an account that have charges, up to a sequence."""
    with classified():
        rows = await pool.fetch(
            "SELECT usage_period, min(begins), max(sequence), "
            "max(sequence) FILTER (WHERE job_id IS NOT NULL) FROM (SELECT usage_period, sequence, job_id, "
            "min(sequence) OVER (PARTITION BY source_partition, source_offset) AS begins "
            "FROM rated_usage WHERE rating_key = $1 AND sequence <= $2) u "
            "GROUP BY usage_period ORDER BY usage_period",
            account_id,
            upto,
        )
    return [MonthInLedger(to_ms(row[0]), *row[1:]) for row in rows]


async def newest_sequence(pool: Pool, account_id: str) -> int:
    """Return the sequence of the newest record of an account, of whatever kind; 0: there is none."""
    with classified():
        found = await pool.fetchval(
            "SELECT greatest((SELECT max(sequence) FROM rated_usage WHERE rating_key = $1), "
            "(SELECT max(sequence) FROM limit_reached WHERE rating_key = $1), "
            "(SELECT max(sequence) FROM period_closes WHERE rating_key = $1))",
            account_id,
        )
    return found or 0


async def counters_upto(pool: Pool, account_id: str, *, before: int) -> tuple[CounterAfter, ...]:
    """Return the counters of an account as the charges before a sequence left them."""
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT ON (c.each ->> 0, c.each ->> 1) c.each ->> 0, (c.each ->> 1)::bigint, "
            "(c.each ->> 2)::bigint, c.each ->> 3, c.each ->> 4 FROM rated_usage u, "
            "json_array_elements(u.counters_after) WITH ORDINALITY AS c(each, place) "
            "WHERE u.rating_key = $1 AND u.sequence < $2 "
            "ORDER BY c.each ->> 0, c.each ->> 1, u.sequence DESC, c.place DESC",
            account_id,
            before,
        )
    return tuple([CounterAfter(*row) for row in rows])


async def charged_later(
    pool: Pool, account_id: str, *, after_ms: int, until_ms: int
) -> list[tuple[int, str]]:
    """Return by which catalogues and prices usage of later months was charged: of those that begin after
    one instant and before another."""
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT catalogue_version, price_id FROM rated_usage WHERE rating_key = $1 "
            "AND usage_period > $2 AND usage_period < $3",
            account_id,
            from_ms(after_ms),
            from_ms(until_ms),
        )
    return [(row[0], row[1]) for row in rows]
