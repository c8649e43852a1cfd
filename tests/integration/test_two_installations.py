"""Two installations on one broker, one database, one data folder; and as whom workers write."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from pipeline.kafka import admin_client
from pipeline.topics import topics_of
from sinks.connection import connect_as_runtime, runtime_role
from tests.integration.live_installation import CATALOGUE, LiveInstallation, event_json, eventually

AT = "2026-01-10T12:00:00Z"
SIZES = {"one": (1, 2, 3), "two": (10, 20)}  # of usage that has the same ids in both
DEARER = CATALOGUE | {"plans.yaml": CATALOGUE["plans.yaml"].replace("0.01", "0.05")}

AUDIT = """
CREATE TABLE acted (who text, what text, which text);
GRANT INSERT ON acted TO PUBLIC;
CREATE FUNCTION note_who() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO acted VALUES (current_user, TG_OP, TG_TABLE_NAME);
    RETURN NULL;
END $$;
DO $$
DECLARE
    item regclass;
BEGIN
    FOR item IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
          AND NOT relispartition AND relname <> 'acted'
    LOOP
        EXECUTE format('CREATE TRIGGER note_who AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION note_who()', item);
    END LOOP;
END $$;
"""


@dataclass
class Seen:
    """What one of the two came to."""

    name: str
    rated: list[tuple[str, Decimal]] = field(default_factory=list)
    duplicates: int = 0
    closed: int = 0
    topics: list[str] = field(default_factory=list)
    records: int = 0  # raw ones
    acted: set[tuple[str, str, str]] = field(default_factory=set)
    rated_after: int = 0  # rows, once the other one is gone
    refused: dict[str, str] = field(default_factory=dict)  # errors, by statement


@pytest.fixture(scope="module")
def seen(services, tmp_path_factory) -> dict[str, Seen]:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("two")))


async def _run(services, folder: Path) -> dict[str, Seen]:
    async with AsyncExitStack() as both:
        two = await both.enter_async_context(LiveInstallation.created(services, folder))
        async with LiveInstallation.created(services, folder, catalogue=DEARER) as one:
            here = {"one": one, "two": two}
            seen = {name: Seen(each.settings.installation) for name, each in here.items()}
            for each in here.values():
                await each.execute(AUDIT)
            async with one.working(), two.working():
                for name, each in here.items():
                    await _use(each, SIZES[name])
                closed = await one.command(
                    "period", "close", "--month", "2026-01", "--account", "fleet"
                )
                assert closed.code == Exit.OK, closed

                async def closed_there() -> bool:
                    return bool(await one.count("period_closes"))

                await eventually(closed_there, what="the period is closed")
                await two.through()
            for name, each in here.items():
                await _look(each, seen[name])
            for statement in STATEMENTS:
                seen["one"].refused[statement] = await _refusal(one, statement)
        seen["two"].rated_after = await two.count("rated_usage")
    return seen


async def _use(here: LiveInstallation, sizes: tuple[int, ...]) -> None:
    lines = [event_json(f"e-{number}", at=AT, size=size) for number, size in enumerate(sizes)]
    # A copy and a stranger, so that every table of the load has something to take.
    lines += [lines[0], event_json("e-9", at=AT, subject="nobody")]
    said = await here.ingest(
        here.file("usage.jsonl", b"\n".join(lines) + b"\n"),
        source="meters",
        format_name="cloudevents-iot",
    )
    assert said.code == Exit.OK, said
    await here.through()


async def _look(here: LiveInstallation, seen: Seen) -> None:
    rated = await here.rows("SELECT record_id, amount FROM rated_usage ORDER BY sequence")
    seen.rated = [(row["record_id"], row["amount"]) for row in rated]
    seen.duplicates = await here.count("duplicates")
    seen.closed = await here.count("period_closes")
    seen.records = len(await here.read(topics_of(here.settings).raw))
    async with admin_client(here.endpoints.kafka_bootstrap) as admin:
        topics = await admin.list_topics()
    seen.topics = [topic for topic in topics if topic.startswith(f"{seen.name}.")]
    seen.acted = {tuple(row) for row in await here.rows("SELECT DISTINCT * FROM acted")}


async def _refusal(here: LiveInstallation, statement: str) -> str:
    """Return what Postgres says when a worker's own connection tries that; empty: it did it."""
    try:
        async with connect_as_runtime(
            here.endpoints.postgres_dsn, installation=here.settings.installation
        ) as connection:
            await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        return str(error)
    return ""


STATEMENTS = (
    "UPDATE rated_usage SET amount = 0",
    "DELETE FROM rated_usage",
    "TRUNCATE rated_usage",
    "DELETE FROM charges",
    "UPDATE suspense SET reason = ''",
    "UPDATE invoices SET number = ''",
    "DROP TABLE rated_usage",
)


def test_the_same_ids_in_both_are_different_records(seen):
    """Neither takes the other's for copies, prices by its catalogue or counts on its tiers."""
    assert [amount for _, amount in seen["one"].rated] == [
        Decimal(text) for text in ("0.05", "0.10", "0.15")
    ]
    assert [amount for _, amount in seen["two"].rated] == [Decimal("0.10"), Decimal("0.20")]
    assert [one.duplicates for one in seen.values()] == [1, 1]


def test_a_close_in_one_closes_nothing_in_the_other(seen):
    assert (seen["one"].closed, seen["two"].closed) == (1, 0)
    assert (seen["one"].records, seen["two"].records) == (3, 2)  # a block, an end, a command


def test_each_has_topics_of_its_own(seen):
    assert [len(one.topics) for one in seen.values()] == [7, 7]


def test_one_that_is_removed_leaves_the_other_as_it_was(seen):
    assert seen["two"].rated_after == len(seen["two"].rated)


def test_workers_and_commands_write_as_the_run_time_role(seen):
    for each in seen.values():
        assert {who for who, _, _ in each.acted} == {runtime_role(each.name)}
        touched = {table for _, what, table in each.acted if what == "INSERT"}
        assert touched >= {"rated_usage", "charges", "suspense", "duplicates", "proofs"}


def test_workers_change_in_place_how_far_they_are_and_nothing_else(seen):
    changes = {
        (what, table) for each in seen.values() for _, what, table in each.acted if what != "INSERT"
    }
    assert changes == {("UPDATE", "progress"), ("UPDATE", "command_outbox")}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_run_time_role_may_not(seen, statement):
    assert seen["one"].refused[statement]
