"""What became of the first copy of a record, by the identity that all its copies have."""

from __future__ import annotations

from schemas.ids import usage_charge_id
from schemas.refusal import RefusalReason
from schemas.usage import RETAIL
from sinks.connection import Pool
from sinks.errors import classified

_IDS_AT_ONCE = 10_000


async def charge_of_first_copy(pool: Pool, identity: str) -> str | None:
    """Return the id of the charge of usage with this identity (32 hex digits), whosever it is; None
    where it has none.

    An account's charges have ids made of the account: each account is asked for, with an index.
    """
    with classified():
        accounts = await pool.fetch("SELECT DISTINCT account_id FROM accounts ORDER BY account_id")
        for begin in range(0, len(accounts), _IDS_AT_ONCE):
            ids = [
                usage_charge_id(
                    identity=bytes.fromhex(identity), run=RETAIL, rating_key=row["account_id"]
                )
                for row in accounts[begin : begin + _IDS_AT_ONCE]
            ]
            found = await pool.fetchval(
                "SELECT charge_id FROM charges WHERE charge_id = ANY($1::uuid[]) LIMIT 1", ids
            )
            if found is not None:
                return str(found.hex)
    return None


async def first_copy_in_suspense(pool: Pool, identity: str) -> str | None:
    """Return the suspense id of the first copy, where it was refused itself; reads all of `suspense`."""
    with classified():
        found = await pool.fetchval(
            "SELECT suspense_id FROM suspense WHERE identity = $1 AND reason <> $2 "
            "ORDER BY appended_at, source_offset, source_index LIMIT 1",
            *(identity, RefusalReason.CONFLICT.value),
        )
    return None if found is None else str(found.hex)
