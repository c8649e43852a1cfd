"""`verify` of Postgres: one row is broken at a time in a copy of the database, and it is named."""

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from pipeline.verify import Check, Lag, to_json, to_text
from tests.verify_world import VerifyWorld


@pytest.fixture
async def world(services, prefix, database):
    """An installation that has received usage."""
    world = await VerifyWorld.create(prefix, bootstrap=services.kafka_bootstrap, dsn=database)
    await world.publish_usage()
    return world


async def test_what_went_through_untouched_reconciles(world):
    await world.run()
    report = await world.verify()
    assert report.findings == ()
    assert report.complete
    totals = report.totals
    assert totals.items == totals.raw_records == 120 == sum(totals.item_outcomes.values())
    assert (
        totals.events == totals.item_outcomes["normalised"] == sum(totals.event_outcomes.values())
    )
    assert totals.event_outcomes["rated"] == totals.rated_rows > 90
    assert totals.limits_reached == totals.invoices > 3
    assert min(totals.item_outcomes["duplicate"], totals.event_outcomes["suspended"]) > 3
    assert set(totals.refusals) == {"mediation.unknown_subscriber", "rating.unknown_product"}
    document = msgspec.json.decode(to_json(report))
    assert (document["reconciled"], document["findings"]) == (True, [])
    assert to_text(report).endswith("Reconciled: no record lost, doubled or changed.")


async def test_what_is_on_its_way_is_lag_and_no_fault(world):
    nothing_yet = await world.verify()
    assert nothing_yet.consistent
    assert nothing_yet.lag == Lag(raw_records=120)
    await world.normalise()
    await world.publish_usage(first=500)
    normalised = await world.verify()
    assert normalised.consistent
    assert normalised.lag.raw_records == 120
    assert normalised.lag.events == normalised.totals.item_outcomes["normalised"]
    assert normalised.lag.proofs == 12
    await world.rate()
    rated = await world.verify()
    assert rated.consistent
    assert rated.lag.events == 0
    assert rated.lag.ledger_records > rated.totals.event_outcomes["rated"]
    assert rated.lag.suspense_records > 0
    await world.run()
    done = await world.verify()
    assert (done.consistent, done.complete, done.totals.items) == (True, True, 240)


@pytest.fixture(scope="module")
def loaded(services):
    """An installation whose usage is rated, loaded and invoiced; its database is a template."""
    name = f"t{secrets.token_hex(6)}"

    async def build():
        await _execute(services.postgres_dsn, f"CREATE DATABASE {name}")
        dsn = urlsplit(services.postgres_dsn)._replace(path=f"/{name}").geturl()
        world = await VerifyWorld.create(name, bootstrap=services.kafka_bootstrap, dsn=dsn)
        await world.publish_usage()
        await world.run()
        return world

    yield asyncio.run(build())
    asyncio.run(_execute(services.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def broken(services, loaded):
    """Return a function that runs SQL in a copy of the tables and gives the findings by check."""
    copy = f"t{secrets.token_hex(6)}"
    name = loaded.settings.installation
    await _execute(services.postgres_dsn, f"CREATE DATABASE {copy} TEMPLATE {name}")
    dsn = urlsplit(services.postgres_dsn)._replace(path=f"/{copy}").geturl()

    async def after(statement):
        changed = await _execute(dsn, statement, schema=name)
        assert changed.split()[-1] != "0", "the statement found nothing to break"
        world = VerifyWorld(loaded.settings, loaded.bootstrap, dsn)
        report = await world.verify()
        return {finding.check: finding for finding in reversed(report.findings)}

    yield after
    await _execute(services.postgres_dsn, f"DROP DATABASE {copy} WITH (FORCE)")


async def _execute(dsn, statement, *, schema="public"):
    """Run statements as the owner and return the status of the last one."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        return await connection.execute(statement)
    finally:
        await connection.close()


# In partition 0, in the third batch of the ledger.
_ONE = "(SELECT charge_id FROM rated_usage WHERE (ledger_partition, batch) = (0, 3) LIMIT 1)"
_INVOICED = "(SELECT min(number) FROM invoices)"


@pytest.mark.parametrize(
    ("statement", "check", "batches"),
    [
        pytest.param(
            f"DELETE FROM rated_usage WHERE charge_id = {_ONE}",
            Check.POSTGRES_RATED,
            (3, 3),
            id="a rated row deleted",
        ),
        pytest.param(
            f"UPDATE rated_usage SET amount = amount + 0.0000000001 WHERE charge_id = {_ONE}",
            Check.POSTGRES_RATED,
            (3, 3),
            id="the last digit of an amount changed",
        ),
        pytest.param(
            f"UPDATE rated_usage SET currency = 'USD' WHERE charge_id = {_ONE}",
            Check.POSTGRES_RATED,
            (3, 3),
            id="a currency changed",
        ),
        pytest.param(
            f"INSERT INTO rated_usage SELECT * FROM rated_usage WHERE charge_id = {_ONE}",
            Check.POSTGRES_RATED,
            (3, 3),
            id="a rated row doubled",
        ),
        pytest.param(
            f"UPDATE rated_usage SET batch = 4 WHERE charge_id = {_ONE}",
            Check.POSTGRES_RATED,
            (3, 3),
            id="a rated row in another batch",
        ),
        pytest.param(
            "DELETE FROM charges WHERE charge_id = (SELECT charge_id FROM charges "
            "WHERE charge_id NOT IN (SELECT charge_id FROM invoice_charges) LIMIT 1)",
            Check.POSTGRES_GUARD,
            None,
            id="a guard deleted",
        ),
        pytest.param(
            f"DELETE FROM rated_usage WHERE charge_id = {_ONE}",
            Check.POSTGRES_GUARD,
            None,
            id="a guard without its row",
        ),
        pytest.param(
            "DELETE FROM proofs WHERE (stage, source_partition, batch) = ('rate', 0, 3)",
            Check.POSTGRES_PROOFS,
            (3, 3),
            id="a proof of rate deleted",
        ),
        pytest.param(
            "UPDATE proofs SET chain = previous "
            "WHERE (stage, source_partition, batch) = ('normalise', 0, 3)",
            Check.POSTGRES_PROOFS,
            (3, 3),
            id="a proof of normalise changed",
        ),
        pytest.param(
            "UPDATE progress SET batch = batch + 1 WHERE topic LIKE '%rated%' AND partition = 0",
            Check.POSTGRES_PROGRESS,
            None,
            id="progress at another batch",
        ),
        pytest.param(
            "DELETE FROM progress WHERE topic LIKE '%rated%' AND partition = 0",
            Check.POSTGRES_PROGRESS,
            None,
            id="progress lost",
        ),
        pytest.param(
            "DELETE FROM suspense WHERE (stage, source_partition) = ('normalise', 0) "
            "AND source_offset BETWEEN 30 AND 39",
            Check.POSTGRES_SUSPENSE,
            (4, 4),
            id="a suspended record deleted",
        ),
        pytest.param(
            "DELETE FROM duplicates WHERE source_partition = 0 AND source_offset BETWEEN 0 AND 9",
            Check.POSTGRES_SUSPENSE,
            (1, 1),
            id="the notice of a duplicate deleted",
        ),
        pytest.param(
            "UPDATE installation SET cluster_id = 'another'",
            Check.POSTGRES_INSTALLATION,
            None,
            id="the database of another broker",
        ),
        pytest.param(
            "UPDATE invoices SET total = total + 0.01 WHERE number = " + _INVOICED,
            Check.POSTGRES_INVOICES,
            None,
            id="the total of an invoice changed",
        ),
        pytest.param(
            "UPDATE invoice_lines SET charges = charges + 0.0000000001 WHERE line = 1",
            Check.POSTGRES_INVOICES,
            None,
            id="the sum of a line changed",
        ),
        pytest.param(
            "DELETE FROM invoice_charges WHERE position = 1",
            Check.POSTGRES_INVOICES,
            None,
            id="a charge taken off an invoice",
        ),
        pytest.param(
            "UPDATE rated_usage SET amount = amount + 1 "
            "WHERE charge_id = (SELECT charge_id FROM invoice_charges LIMIT 1)",
            Check.POSTGRES_INVOICES,
            None,
            id="a charge changed after it was invoiced",
        ),
        pytest.param(
            """
            TRUNCATE invoice_charges, invoice_lines, invoices;
            DELETE FROM invoice_requests
            """,
            Check.POSTGRES_LIMITS,
            None,
            id="invoice requests lost",
        ),
        pytest.param(
            "TRUNCATE invoice_charges, invoice_lines, invoices",
            Check.POSTGRES_INVOICES,
            None,
            id="invoices lost",
        ),
        pytest.param(
            "INSERT INTO invoice_charges "
            "SELECT gen_random_uuid(), invoice_id, line, 999 FROM invoice_lines LIMIT 1",
            Check.POSTGRES_INVOICES,
            None,
            id="an invoice has a charge that nobody made",
        ),
        pytest.param(
            "INSERT INTO invoice_charges SELECT charge_id, invoice_id, 999, 1 "
            "FROM rated_usage, invoices WHERE charge_id NOT IN "
            "(SELECT charge_id FROM invoice_charges) LIMIT 1",
            Check.POSTGRES_INVOICES,
            None,
            id="a charge is on a line that is not there",
        ),
    ],
)
async def test_a_broken_row_is_named(broken, loaded, statement, check, batches):
    found = (await broken(statement))[check]
    if batches is not None:
        assert (found.partition, found.batches) == (0, batches)


async def test_a_changed_amount_is_named_with_its_charge_and_both_amounts(broken):
    found = (await broken(f"UPDATE rated_usage SET amount = 7 WHERE charge_id = {_ONE}"))[
        Check.POSTGRES_RATED
    ]
    assert found.found.endswith(" at 7 EUR")
    charge = found.found.removesuffix(" at 7 EUR").split()[-1]
    assert f"{charge} at 0.0" in found.expected


async def test_a_table_that_is_right_gives_no_finding(broken):
    assert await broken("UPDATE progress SET moved_at = now()") == {}
