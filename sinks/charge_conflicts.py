"""The alarm for a charge id that comes again with other content."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sinks.charge_rows import Repeat
from sinks.connection import Connection, Pool, connect_as_owner
from sinks.errors import ChargeConflict, classified
from sinks.ledger_batch import LedgerBatch


class Conflicts(Exception):
    """Some repeats differ from the first charge of their id, and nobody looked at them yet."""

    def __init__(self, repeats: Sequence[Repeat]) -> None:
        super().__init__()
        self.repeats = repeats


async def raise_on_conflict(connection: Connection, repeats: Sequence[Repeat]) -> None:
    """Raise `Conflicts` where a repeat has other content and was not settled by `keep_first`."""
    conflicts = [repeat for repeat in repeats if not repeat.same_content]
    if not conflicts:
        return
    rows = await connection.fetch(
        "SELECT ledger_partition, ledger_offset FROM charge_conflicts "
        "WHERE kept_first_by IS NOT NULL AND ledger_partition = $1 AND ledger_offset = ANY($2)",
        conflicts[0].ledger_partition,
        [conflict.ledger_offset for conflict in conflicts],
    )
    settled = {(row[0], row[1]) for row in rows}
    left = [
        conflict
        for conflict in conflicts
        if (conflict.ledger_partition, conflict.ledger_offset) not in settled
    ]
    if left:
        raise Conflicts(left)


async def record_conflicts(
    pool: Pool, conflicts: Conflicts, batches: Sequence[LedgerBatch]
) -> ChargeConflict:
    """Return the alarm, after the conflicts are written down: the load itself was rolled back."""
    by_offset = {offset: charge for batch in batches for offset, charge in batch.charges}
    with classified():
        await pool.executemany(
            "INSERT INTO charge_conflicts (charge_id, ledger_partition, ledger_offset, "
            "first_partition, first_offset, refused) VALUES ($1, $2, $3, $4, $5, $6) "
            "ON CONFLICT DO NOTHING",
            [
                (*repeat[:5], msgspec.json.encode(by_offset[repeat.ledger_offset]).decode())
                for repeat in conflicts.repeats
            ],
        )
    first = conflicts.repeats[0]
    return ChargeConflict(
        f"{len(conflicts.repeats)} charge ids came again with other content, the first "
        f"{first.charge_id} at ledger {first.ledger_partition}:{first.ledger_offset}; the charge "
        f"of {first.first_partition}:{first.first_offset} stays. Nothing of the batch was loaded "
        "and the partition waits. Operator action: stop rating, compare both records (table "
        "charge_conflicts, `ratemill explain`) and report the bug; to go on with the first charge, "
        "set kept_first_by of those rows to your name."
    )


async def keep_first(
    dsn: str, *, installation: str, ledger_partition: int, ledger_offset: int, decided_by: str
) -> None:
    """Settle one conflict: the first charge counts, the later record is not loaded."""
    async with connect_as_owner(dsn, installation=installation) as connection:
        with classified():
            await connection.execute(
                "UPDATE charge_conflicts SET kept_first_by = $3 "
                "WHERE ledger_partition = $1 AND ledger_offset = $2",
                ledger_partition,
                ledger_offset,
                decided_by,
            )
