"""Which accounts there are, asked of the tables."""

from __future__ import annotations

from collections.abc import Sequence

from rating.meant import meant_name
from sinks.connection import Pool
from sinks.errors import classified


async def unknown_accounts(pool: Pool, account_ids: Sequence[str]) -> list[str]:
    """Return which of the accounts are in no version of the reference data, in the order given."""
    if not account_ids:
        return []
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT account_id FROM accounts WHERE account_id = ANY($1::text[])",
            list(account_ids),
        )
    known = {row[0] for row in rows}
    return [each for each in account_ids if each not in known]


_MOST_COMPARED = 500


async def meant_account(pool: Pool, account_id: str) -> str:
    """Return `` Did you mean acme?`` where an account is named almost so; empty where none is, and
    where there are too many to compare."""
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT account_id FROM accounts LIMIT $1", _MOST_COMPARED + 1
        )
    return meant_name(account_id, [row[0] for row in rows])
