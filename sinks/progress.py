"""How far each topic partition is loaded, and the compare-and-set that moves it on."""

from __future__ import annotations

from typing import NamedTuple

from sinks.connection import Connection, Pool
from sinks.errors import LostCompareAndSet, ProgressMissing, classified


class Progress(NamedTuple):
    """The position of one partition: what is loaded, and what must come next."""

    installation: str
    topic: str
    partition: int
    genesis_id: str
    next_position: int  # offset of the next record to load
    batch: int  # number of the last proof loaded
    chain: str  # of that proof; empty for a topic without proofs
    source_next: int  # `next` of that proof

    @property
    def name(self) -> str:
        return f"{self.topic}[{self.partition}]"


_COLUMNS = ", ".join(Progress._fields)


async def read_progress(pool: Pool, *, installation: str, topic: str, partition: int) -> Progress:
    """Return the position of a partition; `ProgressMissing` where it has no row."""
    with classified():
        row = await pool.fetchrow(
            f"SELECT {_COLUMNS} FROM progress "
            "WHERE installation = $1 AND topic = $2 AND partition = $3",
            installation,
            topic,
            partition,
        )
    if row is None:
        raise _missing(installation, topic, partition)
    return Progress(*row)


async def all_progress(pool: Pool) -> list[Progress]:
    """Return the position of every partition, by topic and number."""
    with classified():
        rows = await pool.fetch(f"SELECT {_COLUMNS} FROM progress ORDER BY topic, partition")
    return [Progress(*row) for row in rows]


async def move_on(connection: Connection, before: Progress, after: Progress) -> None:
    """Move a partition from ``before`` to ``after``: the first of a load that locks.

    Waits for a load that is under way. `LostCompareAndSet` where the row is not ``before`` any
    more; the transaction must then end without a trace.
    """
    assert before[:4] == after[:4], "one partition of one genesis"
    assert after.next_position > before.next_position, "a load moves on"
    done = await connection.fetchval(
        "UPDATE progress SET next_position = $6, batch = $7, chain = $8, source_next = $9, "
        "moved_at = now() WHERE installation = $1 AND topic = $2 AND partition = $3 "
        "AND next_position = $4 AND chain = $5 RETURNING true",
        before.installation,
        before.topic,
        before.partition,
        before.next_position,
        before.chain,
        after.next_position,
        after.batch,
        after.chain,
        after.source_next,
    )
    if done:
        return
    found = await connection.fetchval(
        "SELECT next_position FROM progress "
        "WHERE installation = $1 AND topic = $2 AND partition = $3",
        *before[:3],
    )
    if found is None:
        raise _missing(*before[:3])
    raise LostCompareAndSet(
        f"{before.name} was to move on from {before.next_position}, it stands at {found}: another "
        "loader, or a commit of ours whose answer was lost. Read the progress again and prove "
        "ownership before going on; one who holds the row now gives `SinkUnavailable` instead."
    )


def _missing(installation: str, topic: str, partition: int) -> ProgressMissing:
    return ProgressMissing(
        f"{topic}[{partition}] of {installation} has no progress row; loading from 0 could charge "
        "twice. Operator action: run `ratemill topics apply`, which registers the genesis of every "
        "partition; if it was there before, restore the database from its backup."
    )
