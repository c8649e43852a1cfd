"""The command line against a real broker and database: setting up, ingesting, a second run."""

from __future__ import annotations

import asyncio
import json
import os
import time
from urllib.parse import urlsplit

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.program import run
from pipeline.demo.sample import sample_catalogue
from sinks.installation import drop_installation
from sinks.migrate import migrate

ACCOUNTS = (
    '{"id": "acme", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions": '
    '[{"id": "acme-1", "identifier": "49301", "plan": "home-voice", "valid_from": "2026-01-01"}]}\n'
)
LONG_AGO_S = 1_790_000_000


@pytest.fixture
def installation(services, prefix, tmp_path, monkeypatch):
    """An installation on the shared services; its tables and role are gone after the test."""
    monkeypatch.setenv("RATEMILL_KAFKA_BOOTSTRAP", services.kafka_bootstrap)
    monkeypatch.setenv("RATEMILL_POSTGRES_DSN", services.postgres_dsn)
    monkeypatch.setenv("RATEMILL_INSTALLATION", prefix)
    monkeypatch.setenv("RATEMILL_DATA", str(tmp_path / "data"))
    yield prefix
    asyncio.run(drop_installation(services.postgres_dsn, installation=prefix))


@pytest.fixture
def ask(capsys):
    """Run a command and return its exit code, its JSON (if any) and what it told."""

    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in words else said.out, said.err

    return call


def old_file(path, text):
    """Write a file that nobody has touched for long."""
    path.write_text(text)
    os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return path


def test_a_second_apply_finds_nothing_to_do(installation, ask):
    code, first, _ = ask("topics", "apply", "--json")
    assert code == Exit.OK
    assert len(first["created"]) == 7
    assert first["migrations"]
    assert first["registered_partitions"] == 12
    code, second, _ = ask("topics", "apply", "--json")
    assert code == Exit.OK
    assert second["genesis_id"] == first["genesis_id"]
    assert (second["created"], second["migrations"], second["registered_partitions"]) == ([], [], 0)
    _, listed, _ = ask("topics", "list", "--json")
    assert all(topic["found"] == topic["partitions"] for topic in listed)


def test_a_database_of_another_genesis_is_refused(installation, services, ask):
    ask("topics", "apply")

    async def forge():
        connection = await asyncpg.connect(services.postgres_dsn)
        await connection.execute(f"UPDATE {installation}.installation SET genesis_id = 'other'")
        await connection.close()

    asyncio.run(forge())
    code, _, told = ask("topics", "apply")
    assert code == Exit.REFUSED
    assert "belongs to installation" in told


def test_what_changes_running_months_is_published_only_where_it_is_meant(
    installation, tmp_path, ask
):
    ask("topics", "apply")
    plain = (
        "products: {sms: {type: message, usage_kind: message, unit: record}}\n"
        "plans: {p: {currency: EUR, prices: {x: {product: sms, price: {model: flat, amount: 1}}}}}\n"
    )
    folder = tmp_path / "tariffs"
    folder.mkdir()
    old_file(folder / "plans.yaml", plain)
    _, first, _ = ask("catalogue", "publish", folder, "--json")
    least = plain.replace("amount: 1", "amount: 1, least: {month: 10}")
    old_file(folder / "plans.yaml", least)
    code, refused, told = ask("catalogue", "publish", folder, "--json")
    assert (code, refused["within_a_month"][0]["thing"]) == (Exit.REFUSED, "least of the month")
    assert "--within-a-month" in told
    _, meant, _ = ask("catalogue", "publish", folder, "--within-a-month", "--json")
    assert meant["new"]
    assert meant["version"] > first["version"]
    _, again, _ = ask("catalogue", "publish", folder, "--json")
    assert again == {"version": meant["version"], "new": False}


def test_publishing_twice_makes_one_version(installation, tmp_path, ask):
    ask("topics", "apply")
    code, first, _ = ask("catalogue", "publish", sample_catalogue(), "--json")
    assert code == Exit.OK
    assert first["new"]
    _, second, _ = ask("catalogue", "publish", sample_catalogue(), "--json")
    assert second == {"version": first["version"], "new": False}
    _, same, _ = ask("catalogue", "diff", sample_catalogue(), "--json")
    assert same == {"differences": []}

    path = old_file(tmp_path / "accounts.jsonl", ACCOUNTS)
    _, loaded, _ = ask("reference", "load", path, "--json")
    assert loaded["changed"] == 1
    _, again, _ = ask("reference", "load", path, "--json")
    assert again == {"version": loaded["version"], "changed": 0, "unchanged": 1}


def test_an_account_moves_to_another_zone_only_where_that_is_meant(installation, tmp_path, ask):
    ask("topics", "apply")
    path = old_file(tmp_path / "accounts.jsonl", ACCOUNTS)
    ask("reference", "load", path)
    moved = old_file(tmp_path / "moved.jsonl", ACCOUNTS.replace("Europe/Berlin", "Europe/Paris"))
    code, _, err = ask("reference", "load", moved)
    assert code == Exit.REFUSED
    assert "Europe/Berlin to Europe/Paris" in " ".join(err.split())
    code, _, err = ask("reference", "load", moved, "--move-zones")
    assert code == Exit.OK, err
    code, _, err = ask("reference", "load", moved)
    assert code == Exit.OK, err


def test_ingest_tells_of_each_file_and_reads_none_twice(installation, tmp_path, ask):
    ask("topics", "apply")
    folder = tmp_path / "cdr"
    folder.mkdir()
    old_file(folder / "1.csv", "a,b\nc,d\n")
    old_file(folder / "2-empty.csv", "")
    (folder / "3-young.csv").write_text("half a li")
    os.utime(folder / "3-young.csv", (time.time(), time.time()))
    old_file(folder / "4.csv", "e,f\n")
    words = ("ingest", folder, "--source", "pbx", "--format", "asterisk", "--zone", "UTC", "--json")

    code, first, told = ask(*words)
    assert code == Exit.REFUSED
    states = ["ingested", "empty", "refused", "ingested"]
    assert [file["state"] for file in first["files"]] == states
    assert "still being written" in told
    assert "is empty" in told

    os.utime(folder / "3-young.csv", (LONG_AGO_S, LONG_AGO_S))
    code, second, told = ask(*words)
    assert code == Exit.OK
    states = ["already_ingested", "already_ingested", "ingested", "already_ingested"]
    assert [file["state"] for file in second["files"]] == states
    assert "ingested before, as 1.csv" in told

    code, third, _ = ask(*words, "--again")
    assert [file["state"] for file in third["files"]] == [
        "ingested",
        "empty",
        "ingested",
        "ingested",
    ]
    _, status, _ = ask("status", "--json")
    (normalise,) = [one for one in status["stages"] if one["stage"] == "normalise"]
    assert normalise["behind"] == 7 + 7  # a block and an end of each, an end of the empty one
    assert not status["through"]


def test_what_is_not_reachable_is_said_once_with_the_way_out(installation, monkeypatch, ask):
    monkeypatch.setenv("RATEMILL_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    code, _, told = ask("topics", "list")
    assert code == Exit.UNREACHABLE
    assert "No Kafka broker answers at 127.0.0.1:1" in told
    assert "Traceback" not in told


def test_a_database_that_does_not_answer_is_told_apart(installation, services, monkeypatch, ask):
    dead = urlsplit(services.postgres_dsn)._replace(netloc="u:secret@127.0.0.1:1").geturl()
    monkeypatch.setenv("RATEMILL_POSTGRES_DSN", dead)
    code, _, told = ask("topics", "apply")
    assert code == Exit.UNREACHABLE
    assert "RATEMILL_POSTGRES_DSN" in told
    assert "secret" not in told


def test_status_of_an_installation_that_is_not_there_says_what_to_do(installation, ask):
    code, _, told = ask("status")
    assert code == Exit.REFUSED
    assert "ratemill topics apply" in told


def test_several_installations_are_set_up_at_once_in_one_database(installation, services):
    names = [f"{installation}_{letter}" for letter in "abcdef"]

    async def all_at_once():
        try:
            found = await asyncio.gather(
                *(migrate(services.postgres_dsn, installation=name) for name in names)
            )
        finally:
            for name in names:
                await drop_installation(services.postgres_dsn, installation=name)
        return found

    assert all(asyncio.run(all_at_once()))
