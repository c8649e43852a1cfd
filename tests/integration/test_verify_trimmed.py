"""`verify` of trimmed topics: what is gone from them is checked as Postgres keeps it, and said."""

import asyncio
import secrets
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import TopicPartition

from pipeline.verify import Check, verify
from schemas.ledger import KIND_HEADER, KIND_PERIOD_CLOSED, KIND_PROOF
from schemas.proof import proof_from_msgpack
from tests.mediation_world import NOON
from tests.verify_world import VerifyWorld

MONTH_MS = 31 * 86_400_000


async def gone_through(services, name, dsn):
    """An installation with limits, closes, suspense and duplicates, loaded."""
    world = await VerifyWorld.create(name, bootstrap=services.kafka_bootstrap, dsn=dsn)
    await world.publish_usage()
    await world.close_periods(end_ms=NOON + MONTH_MS)
    await world.run()
    await world.publish_usage(first=500)
    await world.run()
    return world


async def ends_of_batches(world, topic, partition):
    """The offsets of the proofs of a partition, by batch."""
    records = await world.read(TopicPartition(topic.name, partition))
    if topic is world.topics.ledger:
        records = [each for each in records if dict(each.headers)[KIND_HEADER] == KIND_PROOF]
    return [record.offset for record in records]


async def trim_all(world, *, batch):
    """Trim partition 0 of every topic up to the proofs of a batch, as far as both stages got."""
    topics = world.topics
    ledger = (await ends_of_batches(world, topics.ledger, 0))[batch]
    kinds = [dict(r.headers)[KIND_HEADER] for r in await world.read(_ledger(world))]
    assert KIND_PERIOD_CLOSED in kinds[:ledger], "a close is trimmed too"
    await world.trim(topics.ledger, partition=0, before=ledger)
    proofs = (await ends_of_batches(world, topics.proofs, 0))[batch]
    await world.trim(topics.proofs, partition=0, before=proofs)
    await world.trim(topics.raw, partition=0, before=75)
    await world.trim(topics.normalised, partition=0, before=40)
    suspense = await world.read(TopicPartition(topics.suspense.name, 0))
    assert len(suspense) > 14
    await world.trim(topics.suspense, partition=0, before=suspense[12].offset)


def _ledger(world):
    return TopicPartition(world.topics.ledger.name, 0)


@pytest.fixture(scope="module")
def trimmed(services):
    """An installation whose topics are trimmed, the report from before, and its database."""
    name = f"t{secrets.token_hex(6)}"

    async def build():
        await _execute(services.postgres_dsn, f"CREATE DATABASE {name}")
        dsn = urlsplit(services.postgres_dsn)._replace(path=f"/{name}").geturl()
        world = await gone_through(services, name, dsn)
        before = await world.verify()
        assert before.findings == ()
        await trim_all(world, batch=9)
        return world, before

    yield asyncio.run(build())
    asyncio.run(_execute(services.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(dsn, statement, *, schema="public"):
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        return await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_trimmed_installation_reconciles_with_the_totals_it_had(trimmed):
    world, before = trimmed
    report = await world.verify()
    assert report.findings == ()
    assert report.complete
    assert report.totals == before.totals
    assert report.checked == before.checked


async def test_what_could_not_be_computed_again_is_named(trimmed):
    world, _ = trimmed
    said = "\n".join((await world.verify()).not_checked)
    topics = world.topics
    for topic in (topics.raw, topics.normalised, topics.ledger, topics.suspense, topics.proofs):
        assert f"{topic.name}/0 below " in said
        assert f"{topic.name}/1 below " not in said
    assert "what the records said of unbilled totals is gone" in said


async def test_without_a_database_a_trimmed_installation_does_not_reconcile(trimmed):
    world, _ = trimmed
    report = await verify(world.settings, world.bootstrap, None)
    found = {finding.check for finding in report.findings}
    assert {Check.NORMALISE_CHAIN, Check.RATE_CHAIN} <= found


@pytest.fixture
async def broken(services, trimmed):
    """Return a function that runs SQL in a copy of the tables and gives the findings by check."""
    world, _ = trimmed
    copy, name = f"t{secrets.token_hex(6)}", world.settings.installation
    await _execute(services.postgres_dsn, f"CREATE DATABASE {copy} TEMPLATE {name}")
    dsn = urlsplit(services.postgres_dsn)._replace(path=f"/{copy}").geturl()

    async def after(statement):
        changed = await _execute(dsn, statement, schema=name)
        assert changed.split()[-1] != "0", "the statement found nothing to break"
        report = await VerifyWorld(world.settings, world.bootstrap, dsn).verify()
        return {finding.check: finding for finding in reversed(report.findings)}

    yield after
    await _execute(services.postgres_dsn, f"DROP DATABASE {copy} WITH (FORCE)")


# In the trimmed part of partition 0.
_ONE = "(SELECT charge_id FROM rated_usage WHERE (ledger_partition, batch) = (0, 3) LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "check", "batches"),
    [
        pytest.param(
            f"DELETE FROM rated_usage WHERE charge_id = {_ONE}",
            Check.LEDGER_BATCH,
            (3, 3),
            id="a charge deleted",
        ),
        pytest.param(
            f"UPDATE rated_usage SET amount = amount + 0.0000000001 WHERE charge_id = {_ONE}",
            Check.LEDGER_BATCH,
            (3, 3),
            id="the last digit of an amount changed",
        ),
        pytest.param(
            f"UPDATE rated_usage SET billed = billed + 1 WHERE charge_id = {_ONE}",
            Check.LEDGER_BATCH,
            (3, 3),
            id="a quantity changed",
        ),
        pytest.param(
            f"UPDATE rated_usage SET sequence = sequence + 1 WHERE charge_id = {_ONE}",
            Check.LEDGER_SEQUENCE,
            (3, 3),
            id="a sequence with a gap",
        ),
        pytest.param(
            f"UPDATE rated_usage SET counters_after = '[]' WHERE charge_id = {_ONE}",
            Check.LEDGER_COUNTERS,
            None,
            id="counters forgotten",
        ),
        pytest.param(
            "UPDATE limit_reached SET invoiced = '[]' WHERE limit_reached_id = (SELECT limit_reached_id FROM "
            "limit_reached WHERE ledger_partition = 0 ORDER BY ledger_offset LIMIT 1)",
            Check.LEDGER_UNBILLED,
            None,
            id="what a limit invoiced is changed",
        ),
        pytest.param(
            "UPDATE period_closes SET closed = '[]' WHERE ledger_partition = 0 "
            "AND closed::text <> '[]'",
            Check.LEDGER_UNBILLED,
            None,
            id="what a close closed is changed",
        ),
        pytest.param(
            "DELETE FROM proofs WHERE (stage, source_partition, batch) = ('rate', 0, 3)",
            Check.RATE_CHAIN,
            (3, 3),
            id="a proof of rate deleted",
        ),
        pytest.param(
            "DELETE FROM proofs WHERE (stage, source_partition, batch) = ('normalise', 0, 1)",
            Check.NORMALISE_CHAIN,
            None,
            id="the first proof of normalise deleted",
        ),
        pytest.param(
            "UPDATE proofs SET document = replace(document::text, '\"records\":10', "
            "'\"records\":11')::json WHERE (stage, source_partition, batch) = ('rate', 0, 3)",
            Check.RATE_CHAIN,
            (3, 3),
            id="a proof of rate changed",
        ),
        pytest.param(
            'UPDATE proofs SET document = replace(document::text, \'"previous":"\', '
            '\'"previous":"0\')::json WHERE (stage, source_partition, batch) = '
            "('normalise', 0, 3)",
            Check.NORMALISE_CHAIN,
            (3, 3),
            id="a proof of normalise that does not follow",
        ),
        pytest.param(
            "UPDATE proofs SET document = regexp_replace(document::text, "
            '\'"handed_on":\\{"(\\d)":\\[\\d+\', \'"handed_on":{"\\1":[999\')::json '
            "WHERE (stage, source_partition, batch) = ('normalise', 0, 3)",
            Check.RATE_READ,
            None,
            id="what normalise handed on is changed",
        ),
        pytest.param(
            "DELETE FROM suspense WHERE suspense_id = (SELECT suspense_id FROM suspense "
            "WHERE (stage, source_partition) = ('normalise', 0) ORDER BY source_offset LIMIT 1)",
            Check.POSTGRES_SUSPENSE,
            (1, 1),
            id="a suspended record deleted",
        ),
        pytest.param(
            "DELETE FROM duplicates WHERE source_partition = 0 AND source_offset BETWEEN 0 AND 9",
            Check.POSTGRES_SUSPENSE,
            (1, 1),
            id="the notice of a duplicate deleted",
        ),
        pytest.param(
            "UPDATE progress SET next_position = 3 WHERE topic LIKE '%rated%' AND partition = 0",
            Check.POSTGRES_PROGRESS,
            None,
            id="load behind what was trimmed",
        ),
        pytest.param(
            "UPDATE progress SET next_position = 3 WHERE topic LIKE '%suspense%' AND partition = 0",
            Check.POSTGRES_PROGRESS,
            None,
            id="load of suspense behind what was trimmed",
        ),
    ],
)
async def test_what_is_wrong_in_the_kept_part_is_named(broken, statement, check, batches):
    found = (await broken(statement))[check]
    if batches is not None:
        assert (found.partition, found.batches) == (0, batches)


async def test_where_only_the_genesis_is_trimmed_the_chain_begins_with_it(
    services, prefix, database
):
    world = await gone_through(services, prefix, database)
    for topic in (world.topics.ledger, world.topics.proofs):
        for partition in (0, 1):
            first = (await ends_of_batches(world, topic, partition))[1]
            await world.trim(topic, partition=partition, before=first)
    report = await world.verify()
    assert report.findings == ()
    assert report.complete


async def test_raw_records_that_were_deleted_before_they_were_read_are_missed(
    services, prefix, database
):
    world = await gone_through(services, prefix, database)
    await world.publish_usage(first=900)
    raw = TopicPartition(world.topics.raw.name, 0)
    end = (await world.read(raw))[-1].offset + 1
    proofs = await world.read(TopicPartition(world.topics.proofs.name, 0))
    proved = proof_from_msgpack(proofs[-1].value).next
    await world.trim(world.topics.raw, partition=0, before=proved)
    assert (await world.verify()).findings == ()
    await world.trim(world.topics.raw, partition=0, before=end - 1)
    (found,) = (await world.verify()).findings
    assert (found.check, found.partition) == (Check.RAW_RECORDS, 0)
    assert found.offsets == (proved, end - 1)


async def test_a_trim_in_the_middle_of_a_batch_reconciles_too(services, prefix, database):
    world = await gone_through(services, prefix, database)
    ends = await ends_of_batches(world, world.topics.ledger, 0)
    await world.trim(world.topics.ledger, partition=0, before=ends[4] - 3)
    suspense = await world.read(TopicPartition(world.topics.suspense.name, 0))
    await world.trim(world.topics.suspense, partition=0, before=suspense[-1].offset + 1)
    report = await world.verify()
    assert report.findings == ()
    await world.publish_usage(first=900)
    await world.normalise()
    report = await world.verify()
    assert report.findings == (), "what is not loaded yet is lag"
    assert report.lag.suspense_records > 0
