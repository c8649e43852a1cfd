"""Loading the ledger: everything once, or nothing; and what is refused."""

import asyncio

import asyncpg
import msgspec
import pytest

from schemas.ledger import CounterAfter
from schemas.proof import Versions
from sinks.charge_conflicts import keep_first
from sinks.connection import Timeouts, open_pool
from sinks.errors import (
    ChargeConflict,
    LedgerMismatch,
    LostCompareAndSet,
    ProgressMissing,
    SinkMisconfigured,
    SinkUnavailable,
    classified,
)
from sinks.ledger_batch import LedgerBatches
from sinks.load import load_ledger
from sinks.queries import find_charge, suspense_counts

WRITTEN_BY_A_LOAD = ("charges", "rated_usage", "limit_reached", "invoice_requests", "proofs")

WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def _everything(tables):
    """Return what a load writes, to compare before and after."""
    found = {name: await tables.pool.fetch(f"SELECT * FROM {name}") for name in WRITTEN_BY_A_LOAD}
    return {**found, "progress": await tables.progress()}


async def test_a_charge_comes_back_as_it_was(tables):
    """Every field, every place of an amount, and text that a careless COPY would break."""
    charges = [
        tables.ledger.charge("0.1016666667", used="61.000", billed="61", free="0.00"),
        tables.ledger.charge("0.0000000000"),
        tables.ledger.charge("-3"),
        tables.ledger.charge(
            "1",
            record_id='tab\t, line\n, backslash \\N, quote ", brace {}',
            origin="\\N",
            destination="",
            attributes={"apn": 'a\\"b', "é": "\u2028"},
            counters_after=(CounterAfter("product:voice:s:EUR", 1, 2, "3.50", "4.500"),),
            explanation=(("prefix", "4930"), ("round", "half_up", "10")),
            tax_code="T1",
            recycles="ab" * 16,
            corrects="cd" * 16,
            job_id="job-1",
            started_at_ms=1_793_491_200_999,
        ),
        tables.ledger.charge("12345678901234.12345678901234"),
    ]
    assert (await tables.load_written()).charges == len(charges)
    for charge in charges:
        found = await find_charge(tables.pool, charge.charge_id)
        assert found.charge == charge
        assert (found.batch, found.ledger_partition) == (1, 0)


async def test_text_that_postgres_cannot_hold_is_loaded_without_it(tables):
    """A NUL from a hostile source must not stop the partition for ever."""
    charge = tables.ledger.charge(record_id="a\x00b", attributes={"k": "\\u0000 \x00"})
    await tables.load_written()
    found = (await find_charge(tables.pool, charge.charge_id)).charge
    assert found.record_id == "a\ufffdb"
    assert found.attributes == {"k": "\\u0000 \ufffd"}


@pytest.mark.parametrize("at_ms", [0, 1, -1, 999, 1_793_491_200_001, 4_294_967_295_999])
async def test_instants_are_exact_to_the_millisecond(tables, at_ms):
    charge = tables.ledger.charge(started_at_ms=at_ms)
    await tables.load_written()
    assert (await find_charge(tables.pool, charge.charge_id)).charge.started_at_ms == at_ms


async def test_several_batches_are_one_transaction(tables):
    batches = []
    for amount in ("1.00", "2.00", "3.00"):
        tables.ledger.charge(amount)
        batches.append(tables.ledger.batch())
    loaded = await tables.load(*batches)
    assert loaded.progress == await tables.progress()
    assert loaded.progress.next_position == batches[-1].proof_offset + 1
    assert (await tables.count("rated_usage"), await tables.count("proofs")) == (3, 3)


async def test_a_batch_without_a_charge_moves_on(tables):
    tables.ledger.close(start_ms=0, end_ms=1)
    await tables.load_written()
    await tables.load_written()  # nothing but a proof: everything read was filtered or refused
    assert (await tables.progress()).batch == 2


async def test_a_load_whose_answer_was_lost_changes_nothing_when_repeated(tables):
    tables.ledger.charge()
    tables.ledger.limit()
    batch, before = tables.ledger.batch(), await tables.progress()
    await load_ledger(tables.pool, after=before, batches=[batch])
    once = await _everything(tables)
    with pytest.raises(LostCompareAndSet):
        await load_ledger(tables.pool, after=before, batches=[batch])
    assert await _everything(tables) == once


async def test_of_two_loaders_one_wins_and_the_other_writes_nothing(tables):
    tables.ledger.charge()
    batch, before = tables.ledger.batch(), await tables.progress()
    results = await asyncio.gather(
        *(load_ledger(tables.pool, after=before, batches=[batch]) for _ in range(5)),
        return_exceptions=True,
    )
    lost = [result for result in results if isinstance(result, LostCompareAndSet)]
    assert len(lost) == 4, results
    assert await tables.count("rated_usage") == 1


async def test_a_loader_cannot_go_on_from_another_chain(tables):
    """The position alone would fit: a topic that was written anew after a restore."""
    before = await tables.progress()
    tables.ledger.last = msgspec.structs.replace(tables.ledger.last, chain="ff" * 16)
    tables.ledger.charge()
    batch = tables.ledger.batch()
    with pytest.raises(LostCompareAndSet):
        await load_ledger(tables.pool, after=before._replace(chain="ff" * 16), batches=[batch])
    assert await tables.count("charges") == 0


async def test_a_connection_that_dies_in_the_middle_leaves_nothing(tables):
    tables.ledger.charge()
    batch, before = tables.ledger.batch(), await _everything(tables)
    async with tables.owner() as owner, owner.transaction():
        await owner.execute("LOCK TABLE proofs IN ACCESS EXCLUSIVE MODE")
        load = asyncio.create_task(tables.load(batch))
        await _until_blocked(owner)
        await owner.execute(f"SELECT pg_terminate_backend(pid) {WAITING}")
        with pytest.raises(SinkUnavailable, match="Operator action"):
            await load
    assert await _everything(tables) == before
    assert (await tables.load(batch)).charges == 1


async def _until_blocked(owner):
    """Return when some session waits for a lock: it has done all that comes before."""
    while not await owner.fetchval(f"SELECT count(*) {WAITING}"):
        pass


async def test_a_row_that_somebody_holds_is_waited_for_and_then_tried_again(tables):
    tables.ledger.charge()
    batch = tables.ledger.batch()
    async with tables.impatient_pool() as pool, tables.owner() as owner:
        after = await tables.progress()
        async with owner.transaction():
            await owner.execute("SELECT * FROM progress FOR UPDATE")
            with pytest.raises(SinkUnavailable, match="LockNotAvailable"):
                await load_ledger(pool, after=after, batches=[batch])
        assert (await load_ledger(pool, after=after, batches=[batch])).charges == 1


async def test_a_loader_that_was_stopped_in_the_middle_does_not_hold_the_row_for_ever(tables):
    """Nobody ends its transaction but the server; the other loader just waits for that."""
    tables.ledger.charge()
    batch, timeouts = tables.ledger.batch(), Timeouts(idle_in_transaction_ms=200)
    async with (
        open_pool(tables.dsn, installation=tables.installation, timeouts=timeouts) as pool,
        pool.acquire() as stopped,
    ):
        transaction = stopped.transaction()
        await transaction.start()
        await stopped.execute("UPDATE progress SET next_position = 1")
        assert (await tables.load(batch)).charges == 1
        with pytest.raises(SinkUnavailable), classified():
            await transaction.commit()


async def test_a_loader_that_was_stopped_in_its_copy_keeps_nobody_waiting(tables, monkeypatch):
    """No time-out of Postgres ends a COPY whose client stands still, so it must hold no lock."""
    tables.ledger.charge()
    batch, before = tables.ledger.batch(), await tables.progress()
    copying, goes_on = asyncio.Event(), asyncio.Event()
    copy = asyncpg.Connection.copy_records_to_table

    async def stopped_once(connection, *args, **kwargs):
        if not copying.is_set():
            copying.set()
            await goes_on.wait()
        return await copy(connection, *args, **kwargs)

    monkeypatch.setattr(asyncpg.Connection, "copy_records_to_table", stopped_once)
    stopped = asyncio.create_task(load_ledger(tables.pool, after=before, batches=[batch]))
    await copying.wait()
    loaded = await load_ledger(tables.pool, after=before, batches=[batch])
    assert loaded.charges == 1
    goes_on.set()
    with pytest.raises(LostCompareAndSet):
        await stopped
    assert await tables.count("rated_usage") == 1


async def test_a_partition_without_a_genesis_is_an_error(tables):
    tables.ledger.charge()
    batch, before = tables.ledger.batch(), await tables.progress()
    async with tables.owner() as owner:
        await owner.execute("DELETE FROM progress")
    with pytest.raises(ProgressMissing, match="topics apply"):
        await tables.progress()
    with pytest.raises(ProgressMissing):
        await load_ledger(tables.pool, after=before, batches=[batch])
    assert await tables.count("charges") == 0


def _dearer(charge):
    return msgspec.structs.replace(charge, amount="1.01")


LIES = {
    "a record is missing": lambda ledger, charges: ledger.batch(records=charges[:-1]),
    "a record is there twice": lambda ledger, charges: ledger.batch(records=[*charges, charges[0]]),
    "an amount was changed": lambda ledger, charges: ledger.batch(
        records=[_dearer(charges[0]), *charges[1:]]
    ),
    "two amounts were swapped": lambda ledger, charges: ledger.batch(
        records=[
            msgspec.structs.replace(charges[0], amount=charges[1].amount),
            msgspec.structs.replace(charges[1], amount=charges[0].amount),
            *charges[2:],
        ]
    ),
    "a quantity was changed": lambda ledger, charges: ledger.batch(
        records=[msgspec.structs.replace(charges[0], billed="121"), *charges[1:]]
    ),
    "an amount has other places": lambda ledger, charges: ledger.batch(
        records=[msgspec.structs.replace(charges[0], amount="1.000"), *charges[1:]]
    ),
    "a limit reached is missing": lambda ledger, charges: (
        ledger.limit() and ledger.batch(records=charges)
    ),
    "another sum of charges": lambda ledger, charges: ledger.batch(charges={"EUR": "6.01"}),
    "charges in another currency": lambda ledger, charges: ledger.batch(
        charges={"EUR": "6.00", "USD": "1"}
    ),
    "a batch before it is missing": lambda ledger, charges: ledger.batch(batch=2),
    "another chain": lambda ledger, charges: ledger.batch(previous="ee" * 16),
    "source records are missing": lambda ledger, charges: ledger.batch(first=7),
    "a proof that was changed": lambda ledger, charges: ledger.batch(chain="ee" * 16),
    "another installation": lambda ledger, charges: ledger.batch(installation="other"),
    "another genesis": lambda ledger, charges: ledger.batch(genesis_id="other"),
    "another partition": lambda ledger, charges: ledger.batch(source_partition=1),
    "another stage": lambda ledger, charges: ledger.batch(stage="normalise"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_batch_that_is_not_what_its_proof_says_is_refused(tables, lie):
    before = await _everything(tables)
    batch = lie(tables.ledger, [tables.ledger.charge(amount) for amount in ("1.00", "2.00", "3")])
    with pytest.raises(LedgerMismatch, match=r"offsets \[1, \d+\), batch .*Operator action"):
        await tables.load(batch)
    assert await _everything(tables) == before


async def test_zero_sums_and_sums_that_are_not_said_are_the_same(tables):
    tables.ledger.charge("0.00", billed="0")
    await tables.load(tables.ledger.batch(charges={}, quantities={"s": "0", "byte": "0.0"}))
    assert await tables.count("rated_usage") == 1


def test_a_kind_that_this_build_does_not_know_stops_the_load():
    with pytest.raises(LedgerMismatch, match="Operator action: load with the build that rated"):
        LedgerBatches("t[0]").add(5, b'{"kind":"reversal"}')


async def test_a_charge_that_comes_again_is_counted_once_and_said(tables):
    """Only a broken guarantee does this; then the unique key is the last guard."""
    first = tables.ledger.charge()
    await tables.load_written()
    again = tables.ledger.charge(charge_id=first.charge_id, started_at_ms=first.started_at_ms)
    tables.ledger.charge("5.00")
    assert again.sequence != first.sequence
    loaded = await tables.load_written()
    assert (loaded.charges, loaded.repeated) == (1, 1)
    assert await tables.count("rated_usage") == await tables.count("charges") == 2
    found = (await find_charge(tables.pool, first.charge_id)).charge
    assert found.sequence == first.sequence


async def test_a_charge_that_comes_twice_in_one_load_is_counted_once(tables):
    first = tables.ledger.charge()
    tables.ledger.charge(charge_id=first.charge_id, started_at_ms=first.started_at_ms)
    loaded = await tables.load_written()
    assert (loaded.charges, loaded.repeated) == (1, 1)
    assert await tables.count("rated_usage") == 1


async def test_the_same_charge_with_other_content_is_an_alarm(tables):
    """The first stays, nothing of the batch is loaded, and a person decides."""
    first = tables.ledger.charge("1.00")
    await tables.load_written()
    tables.ledger.charge("9.00", charge_id=first.charge_id, started_at_ms=first.started_at_ms)
    tables.ledger.charge("2.00")
    batch, before = tables.ledger.batch(), await _everything(tables)
    for _ in range(2):
        with pytest.raises(ChargeConflict, match=f"{first.charge_id}.*Operator action"):
            await tables.load(batch)
    assert await _everything(tables) == before
    [conflict] = await tables.pool.fetch("SELECT * FROM charge_conflicts")
    assert msgspec.json.decode(conflict["refused"])["amount"] == "9.00"
    await keep_first(
        tables.dsn,
        installation=tables.installation,
        ledger_partition=0,
        ledger_offset=conflict["ledger_offset"],
        decided_by="a person",
    )
    loaded = await tables.load(batch)
    assert (loaded.charges, loaded.repeated) == (1, 1)
    assert (await find_charge(tables.pool, first.charge_id)).charge.amount == "1.00"


@pytest.mark.parametrize("table", ["rated_usage", "charges", "proofs", "invoices", "suspense"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"]
)
async def test_the_runtime_role_may_not_change_or_delete(tables, statement, table):
    column = await tables.pool.fetchval(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 1", table
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tables.pool.execute(statement.format(table, column))


async def test_the_runtime_role_may_not_go_around_by_a_partition(tables):
    for partition in ("rated_usage_2026_11", "rated_usage_default", "charges_0"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tables.pool.execute(f"DELETE FROM {partition}")


async def test_tables_that_are_not_there_are_not_tried_again_for_ever(tables):
    tables.ledger.charge()
    batch, after = tables.ledger.batch(), await tables.progress()
    async with tables.owner() as owner:
        await owner.execute("ALTER TABLE charges RENAME TO charges_of_old")
    with pytest.raises(SinkMisconfigured, match="Operator action"):
        await load_ledger(tables.pool, after=after, batches=[batch])


async def test_versions_and_outcomes_of_a_proof_are_kept(tables):
    tables.ledger.charge()
    await tables.load(tables.ledger.batch(versions=Versions(catalogue=5, reference=6)))
    document = msgspec.json.decode(await tables.pool.fetchval("SELECT document FROM proofs"))
    assert document["versions"] == {"catalogue": 5, "reference": 6, "mappings": {}}
    assert await suspense_counts(tables.pool) == []
