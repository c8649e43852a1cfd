"""Loading the ledger into Postgres, each batch exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sinks.charge_conflicts import Conflicts, raise_on_conflict, record_conflicts
from sinks.charge_rows import insert_charges, stage_charges
from sinks.connection import Pool
from sinks.errors import classified
from sinks.ledger_batch import LedgerBatch, check
from sinks.progress import Progress, move_on
from sinks.proofs import insert_proofs
from sinks.state_rows import insert_state_records


class Loaded(NamedTuple):
    """What a load did."""

    progress: Progress  # the position after it
    charges: int  # rows added to rated_usage
    repeated: int  # charges that were there already; anything but 0 deserves a look
    requests: int  # invoices requested


async def load_ledger(pool: Pool, *, after: Progress, batches: Sequence[LedgerBatch]) -> Loaded:
    """Load the batches of one ledger partition that follow ``after``, all of them or none.

    0. Check each batch against its proof, and its proof against the one before; copy the charges
       to a temporary table, which is nobody else's.
    1. Move the progress on by compare-and-set: whoever loses writes nothing.
    2. Insert the charge ids into `charges`, which decides what is new.
    3. Insert the rows of what it accepted into `rated_usage`.
    4. Insert limits reached with their invoice requests, periods closed, and the proofs.
    5. Commit.

    After a crash in any gap nothing of it is there; after a lost answer to the commit all of it is,
    and the next try loses the compare-and-set.

    Raises `LedgerMismatch` (0), `LostCompareAndSet` or `ProgressMissing` (1), `ChargeConflict` (2),
    `SinkUnavailable` where the database is not there now.
    """
    assert batches
    position = after
    for batch in batches:
        position = check(batch, after=position)
    try:
        with classified():
            return await _load(pool, after, position, batches)
    except Conflicts as conflicts:
        raise await record_conflicts(pool, conflicts, batches) from None


async def _load(
    pool: Pool, after: Progress, position: Progress, batches: Sequence[LedgerBatch]
) -> Loaded:
    async with pool.acquire() as connection, connection.transaction():
        staged = await stage_charges(connection, after.partition, batches)
        await move_on(connection, after, position)
        repeats = await insert_charges(connection, staged=staged)
        await raise_on_conflict(connection, repeats)
        requests = await insert_state_records(connection, after.partition, batches)
        await insert_proofs(connection, [(batch.proof_offset, batch.proof) for batch in batches])
    charges = sum(len(batch.charges) for batch in batches)
    return Loaded(position, charges - len(repeats), len(repeats), requests)
