"""Tables that come up to date once, on the right database, with room for the months ahead."""

import asyncio
import datetime as dt
from urllib.parse import urlsplit

import asyncpg
import pytest

from schemas.period import month_start_ms
from sinks.connection import connect_as_owner, open_pool
from sinks.errors import InstallationMismatch, SinkMisconfigured, SinkUnavailable
from sinks.installation import Identity, Start, check_identity, drop_installation, register
from sinks.migrate import migrate, shipped
from sinks.partitions import ensure_partitions
from sinks.progress import all_progress
from tests.sink_world import NOVEMBER, migrated


async def test_a_second_run_applies_nothing(tables):
    assert await migrate(tables.dsn, installation=tables.installation) == ()


async def test_two_starts_at_once_migrate_once(database, prefix):
    try:
        done = await asyncio.gather(*(migrate(database, installation=prefix) for _ in range(4)))
    finally:
        await drop_installation(database, installation=prefix)
    assert sorted(map(len, done)) == [0, 0, 0, len(shipped())]


async def test_every_migration_can_be_undone_and_done_again(tables):
    async with tables.owner() as owner:
        for migration in reversed(shipped()):
            await owner.execute(migration.down)
        await owner.execute("DELETE FROM schema_migrations")
        left = await owner.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = $1::text::regnamespace "
            "AND relkind IN ('r', 'p')",
            tables.installation,
        )
    assert [row["relname"] for row in left] == ["schema_migrations"]
    assert len(await migrate(tables.dsn, installation=tables.installation)) == len(shipped())


@pytest.fixture
async def ordinary_owner(database, prefix):
    """A DSN whose user is no superuser: CREATE on the database, and CREATEROLE."""
    user = f"{prefix}_owner"
    name = urlsplit(database).path.removeprefix("/")
    async with connect_as_owner(database, installation=prefix) as superuser:
        await superuser.execute(f"CREATE ROLE {user} LOGIN CREATEROLE PASSWORD 'owner'")
        await superuser.execute(f"GRANT CREATE ON DATABASE {name} TO {user}")
    parts = urlsplit(database)
    address = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{user}:owner@{address}").geturl()
    async with connect_as_owner(database, installation=prefix) as superuser:
        await superuser.execute(f"DROP OWNED BY {user}")
        await superuser.execute(f"DROP ROLE {user}")


async def test_an_owner_without_superuser_rights_is_enough(ordinary_owner, prefix):
    async with migrated(ordinary_owner, prefix) as tables:
        tables.ledger.charge()
        assert (await tables.load_written()).charges == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tables.pool.execute("DELETE FROM charges")


async def test_an_owner_who_may_not_make_the_role_is_told_so(ordinary_owner, database, prefix):
    async with connect_as_owner(database, installation=prefix) as superuser:
        await superuser.execute(f"ALTER ROLE {prefix}_owner NOCREATEROLE")
    with pytest.raises(SinkMisconfigured, match=r"create role.*rights that sinks/README.md names"):
        await migrate(ordinary_owner, installation=prefix)


async def test_a_schema_of_a_newer_build_is_left_alone(tables):
    async with tables.owner() as owner:
        await owner.execute("INSERT INTO schema_migrations VALUES ('29990101000000')")
    with pytest.raises(SinkMisconfigured, match=r"29990101000000.*newer build"):
        await migrate(tables.dsn, installation=tables.installation)


async def test_two_installations_share_a_database_and_see_nothing_of_each_other(tables):
    other = f"{tables.installation}b"
    await migrate(tables.dsn, installation=other)
    try:
        async with open_pool(tables.dsn, installation=other) as pool:
            assert await all_progress(pool) == []
            with pytest.raises(InstallationMismatch, match="no genesis registered"):
                await check_identity(pool, tables.ledger.identity)
    finally:
        await drop_installation(tables.dsn, installation=other)


async def test_registering_again_moves_no_progress(tables):
    tables.ledger.charge()
    loaded = await tables.load_written()
    assert await register(tables.pool, tables.ledger.identity, [tables.ledger.start]) == 0
    assert await tables.progress() == loaded.progress
    more = Start("suspense", 0, 0)
    assert await register(tables.pool, tables.ledger.identity, [tables.ledger.start, more]) == 1


@pytest.mark.parametrize("field", Identity._fields)
async def test_another_installation_is_refused_and_nothing_is_registered(tables, field):
    """A wiped broker under a kept database, staging on production."""
    await check_identity(tables.pool, tables.ledger.identity)
    other = tables.ledger.identity._replace(**{field: "other"})
    with pytest.raises(InstallationMismatch, match=r"other.*Operator action"):
        await check_identity(tables.pool, other)
    before = await all_progress(tables.pool)
    with pytest.raises(InstallationMismatch):
        await register(tables.pool, other, [Start("more", 0, 0)])
    assert await all_progress(tables.pool) == before


async def test_a_database_that_is_not_there_is_tried_again_a_wrong_one_is_not(services, prefix):
    nobody = "postgresql://nobody@127.0.0.1:1/postgres"
    with pytest.raises(SinkUnavailable, match="Operator action"):
        await migrate(nobody, installation=prefix)
    wrong = services.postgres_dsn.rsplit("/", 1)[0] + "/no_such_database"
    with pytest.raises(SinkMisconfigured, match="Operator action"):
        await migrate(wrong, installation=prefix)
    with pytest.raises(SinkMisconfigured, match="There is no installation"):
        async with open_pool(services.postgres_dsn, installation=prefix):
            pass


async def _partition_of(tables, charge):
    return await tables.pool.fetchval(
        "SELECT tableoid::regclass::text FROM rated_usage WHERE charge_id = $1", charge.charge_id
    )


@pytest.mark.parametrize(
    "zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns", "Asia/Kathmandu"]
)
async def test_a_month_is_one_partition_in_every_zone(tables, zone):
    charges = {
        month: tables.ledger.charge(bill_period_ms=month_start_ms(zone, 2026, month))
        for month in (10, 11, 12)
    }
    await tables.load_written()
    for month, charge in charges.items():
        assert await _partition_of(tables, charge) == f"rated_usage_2026_{month:02d}"


async def test_a_period_without_a_partition_is_kept_and_moved_when_it_gets_one(tables):
    old = tables.ledger.charge(bill_period_ms=month_start_ms("UTC", 2026, 3))
    new = tables.ledger.charge(bill_period_ms=NOVEMBER)
    await tables.load_written()
    assert await _partition_of(tables, old) == "rated_usage_default"
    march = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    made = await ensure_partitions(
        tables.dsn, installation=tables.installation, at=march, before=0, ahead=0
    )
    assert made == ("rated_usage_2026_03",)
    assert await _partition_of(tables, old) == "rated_usage_2026_03"
    assert await _partition_of(tables, new) == "rated_usage_2026_11"
    async with tables.owner() as owner:
        indexes = await owner.fetchval(
            "SELECT count(*) FROM pg_index WHERE indrelid = 'rated_usage_2026_03'::regclass"
        )
    assert indexes == 3


async def test_partitions_that_are_there_are_not_made_again(tables):
    at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    assert await ensure_partitions(tables.dsn, installation=tables.installation, at=at) == ()
