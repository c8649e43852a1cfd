"""What load relies on of its tables, asked of Postgres and of the tables in memory."""

import asyncio

import msgspec
import pytest

from sinks import load as postgres
from sinks.errors import LedgerMismatch, LostCompareAndSet
from sinks.installation import Identity
from sinks.progress import Progress
from tests.simulation import tables as memory
from tests.simulation.process import Process
from tests.simulation.schedule import Schedule
from tests.sink_world import LedgerWriter, migrated


class _Postgres:
    def __init__(self, tables):
        self._tables = tables
        self.ledger = tables.ledger

    def enter(self):
        """Nothing: its processes are real ones."""

    async def load(self, after, *batches):
        return await postgres.load_ledger(self._tables.pool, after=after, batches=batches)

    async def progress(self):
        return await self._tables.progress()

    async def rows(self):
        """Return the ids of charges and of crossing charges, and how many proofs there are."""
        fetch = self._tables.pool.fetch
        charges = await fetch("SELECT charge_id FROM rated_usage")
        crossing = await fetch("SELECT crossing_charge_id FROM limit_reached")
        return (
            sorted(row[0].hex for row in charges),
            sorted(row[0].hex for row in crossing),
            await self._tables.count("proofs"),
        )


class _Memory:
    def __init__(self):
        self._tables = memory.Tables()
        self.ledger = LedgerWriter(Identity("contract", "cluster", "genesis"))
        start = self.ledger.start
        self._tables.progress[start.topic, 0] = Progress(
            *("contract", start.topic, 0, "genesis", start.next_position, 0, start.chain, 0)
        )

    def enter(self):
        Process("contract", Schedule(1), spared=True).enter()

    async def load(self, after, *batches):
        return await memory.load_ledger(self._tables, after=after, batches=batches)

    async def progress(self):
        return self._tables.read_progress(self.ledger.topic, 0)

    async def rows(self):
        tables = self._tables
        return sorted(tables.rated), sorted(tables.requests.values()), len(tables.proofs)


@pytest.fixture(params=["memory", "postgres"])
async def tables(request, services, prefix):
    if request.param == "memory":
        yield _Memory()
        return
    async with migrated(services.postgres_dsn, prefix) as found:
        yield _Postgres(found)


async def test_a_batch_is_loaded_with_its_charges_limits_and_proof(tables):
    tables.enter()
    first, crossing = tables.ledger.charge(), tables.ledger.charge()
    tables.ledger.limit()
    batch = tables.ledger.batch()
    loaded = await tables.load(await tables.progress(), batch)
    assert (loaded.charges, loaded.repeated, loaded.requests) == (2, 0, 1)
    assert loaded.progress == await tables.progress()
    assert loaded.progress.next_position == batch.proof_offset + 1
    ids = sorted([first.charge_id, crossing.charge_id])
    assert await tables.rows() == (ids, [crossing.charge_id], 1)


async def test_who_is_not_where_the_row_is_writes_nothing(tables):
    tables.enter()
    before = await tables.progress()
    tables.ledger.charge()
    tables.ledger.limit()
    batch = tables.ledger.batch()
    await tables.load(before, batch)
    rows = await tables.rows()
    with pytest.raises(LostCompareAndSet):
        await tables.load(before, batch)
    assert await tables.rows() == rows


async def test_of_several_at_once_one_wins(tables):
    tables.enter()
    before = await tables.progress()
    tables.ledger.charge()
    batch = tables.ledger.batch()
    results = await asyncio.gather(
        *(tables.load(before, batch) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, LostCompareAndSet) for each in results) == 3, results
    charges, _, proofs = await tables.rows()
    assert (len(charges), proofs) == (1, 1)


async def test_a_charge_that_is_there_already_is_not_added_again(tables):
    tables.enter()
    charge = tables.ledger.charge()
    await tables.load(await tables.progress(), tables.ledger.batch())
    tables.ledger.pending.append(charge)
    loaded = await tables.load(await tables.progress(), tables.ledger.batch())
    assert (loaded.charges, loaded.repeated) == (0, 1)
    assert await tables.rows() == ([charge.charge_id], [], 2)


async def test_a_proof_that_does_not_follow_loads_nothing(tables):
    tables.enter()
    before = await tables.progress()
    tables.ledger.charge()
    missed = tables.ledger.batch()
    tables.ledger.charge()
    with pytest.raises(LedgerMismatch):
        await tables.load(before, tables.ledger.batch())
    assert await tables.rows() == ([], [], 0)
    assert await tables.progress() == before
    await tables.load(before, missed)


async def test_a_batch_that_its_proof_does_not_tell_loads_nothing(tables):
    tables.enter()
    tables.ledger.charge()
    batch = tables.ledger.batch()
    told = batch._replace(
        charges=[(o, msgspec.structs.replace(c, amount="9")) for o, c in batch.charges]
    )
    with pytest.raises(LedgerMismatch):
        await tables.load(await tables.progress(), told)
    assert await tables.rows() == ([], [], 0)
