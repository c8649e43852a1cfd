"""`ratemill peek` on a real broker: the newest, those from a place on, filters, what is not committed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline.cli.exits import Exit
from pipeline.kafka import transactional_producer
from pipeline.topics import topics_of
from schemas.period import from_ms
from tests.integration.live_installation import LiveInstallation

RECORDS = 300


@pytest.fixture(scope="module")
def told(services, tmp_path_factory):
    return asyncio.run(_run(services, tmp_path_factory.mktemp("peek")))


async def _run(services, folder):
    """Return what commands said: an installation without workers, and raw records of two keys."""
    told = {}
    async with LiveInstallation.created(services, folder) as here:
        for n in range(RECORDS):
            key = b"odd" if n % 2 else b"even"
            headers = [("record", b"message"), ("n", b"%d" % n)]
            await here.publish([b"v%d" % n], headers=headers, key=key, partition=n % 2)
        await _abort_one(here)
        await here.publish([b"last"], headers=[("record", b"message")], key=b"late", partition=0)

        async def peek(name, *words):
            told[name] = await here.command("peek", *words)

        await peek("newest", "raw", "--limit", 3, "--json")
        await peek("one key", "raw", "--key", "odd", "--limit", 2, "--json")
        await peek("far back", "raw", "--where", "n=1", "--json")
        await peek("beginning", "raw", "--from", "beginning", "--limit", 4, "--json")
        await peek("all", "raw", "--from", "beginning", "--limit", 1000, "--json")
        newest = json.loads(told["newest"].out.splitlines()[-1])["appended_at_ms"]
        await peek("instant", "raw", "--from", from_ms(newest).isoformat(), "--json")
        await peek("partition", "raw", "--partition", 1, "--limit", 1, "--json")
        await peek("text", "raw", "--limit", 1)
        await peek("nothing", "raw", "--where", "n=1000")
        await peek("empty topic", "suspense")
        await peek("full name", topics_of(here.settings).reference.name, "--json")
        for name, words in {
            "topic": ("unknown",),
            "where": ("raw", "--where", "x"),
            "from": ("raw", "--from", "2026-11-26T08:00"),
            "no partition": ("raw", "--partition", "2"),
        }.items():
            await peek(name, *words)
        told["followed"] = await asyncio.to_thread(_follow, here)
    return told


async def _abort_one(here):
    producer = transactional_producer(
        here.endpoints.kafka_bootstrap, transactional_id="peek", transaction_timeout_ms=5_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topics_of(here.settings).raw.name, b"aborted", partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()


def _follow(here):
    """Return what `--follow` wrote of the last record and of one that came later, and its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pipeline.cli", "peek", "raw", "-f", "--limit", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **here.settings.environment()},
    )
    try:
        lines = [json.loads(process.stdout.readline())]
        asyncio.run(
            here.publish([b"later"], headers=[("record", b"message")], key=b"late", partition=1)
        )
        lines.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        return [line["fields"]["value"] for line in lines], process.wait(timeout=20)
    finally:
        process.kill()
        process.communicate()


def values(said):
    assert said.code == Exit.OK, said
    return [json.loads(line)["fields"]["value"] for line in said.out.splitlines()]


def test_the_newest_come_last_and_what_was_aborted_not_at_all(told):
    assert values(told["newest"]) == ["v298", "v299", "last"]


def test_filters_look_back_as_far_as_needed(told):
    assert values(told["one key"]) == ["v297", "v299"]
    assert values(told["far back"]) == ["v1"]


def test_from_the_beginning_and_from_an_instant(told):
    assert len(values(told["beginning"])) == 4
    assert set(values(told["all"])) == {f"v{n}" for n in range(RECORDS)} | {"last"}
    assert values(told["instant"]) == ["last"]


def test_of_one_partition(told):
    assert values(told["partition"]) == ["v299"]


def test_text_says_where_the_record_lies_and_its_fields(told):
    assert told["text"].out.startswith("message  ")
    assert "UTC  key late\n    value: last" in told["text"].out


def test_nothing_found_is_said(told):
    for name in ("nothing", "empty topic"):
        assert (told[name].code, told[name].out) == (Exit.OK, "")
        assert "no such record" in told[name].err


def test_a_topic_may_be_given_by_its_full_name(told):
    kinds = [json.loads(line)["kind"] for line in told["full name"].out.splitlines()]
    assert kinds == ["record", "record", "record", "mark"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("topic", "raw, normalised"),
        ("where", "account_id=acme"),
        ("from", "with its zone"),
        ("no partition", "0 to 1"),
    ],
)
def test_what_cannot_be_looked_at_is_told(told, name, says):
    assert told[name].code == Exit.USAGE
    assert says in " ".join(told[name].err.replace("│", " ").split())


def test_following_goes_on_until_it_is_stopped(told):
    assert told["followed"] == (["last", "later"], Exit.INTERRUPTED)
