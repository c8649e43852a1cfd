"""No subscriber's number in clear where many can read: logs, metrics, headers, keys of records.

Records of every fate are sent with numbers that nothing else holds. They are found where they belong,
in what is stored, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.app import run_folder
from pipeline.cli.stack import log_folder
from pipeline.topics import topics_of
from schemas import raw
from schemas.refusal import RefusalReason as Why
from tests.integration.live_installation import (
    CATALOGUE,
    LiveInstallation,
    event_json,
    eventually,
)
from tests.integration.test_bad_input import call
from tests.integration.test_worker_monitor import all_ready, page, ports

CALLER, DEVICE, IMSI = "4917612345678", "49151777000123", "262011234567890"
CALLED, NOWHERE, STRANGER = "49305550123456", "882130001122334", "4915799887766"
GARBLED = "4917233445566"
CANARIES = (CALLER, DEVICE, IMSI, CALLED, NOWHERE, STRANGER, GARBLED)
ACCOUNTS = f"""
{{"id": "home", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{{"id": "home-1", "identifier": "{CALLER}", "plan": "home", "valid_from": "2020-01-01"}}]}}
{{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{{"id": "fleet-1", "identifier": "{DEVICE}", "plan": "traffic", "valid_from": "2020-01-01"}}]}}
""".replace("\n  ", " ")


def line(record_id: str, **changed: str) -> bytes:
    return call(record_id, **({"caller": CALLER, "account": CALLER, "to": CALLED} | changed))


LINES = {
    "rated": line("1"),
    "again": line("1"),
    "conflict": line("1", to=GARBLED),
    "no price": line("2", to=NOWHERE),
    "unknown": line("3", caller=STRANGER, account=STRANGER),
    "too few columns": GARBLED.encode() + b"," + CALLED.encode(),
    "no quantity": line("4", billsec=GARBLED + "x"),
    "no time": line("5", answer=GARBLED),
    "no encoding": line("6") + b"\xff" + GARBLED.encode(),
}
MESSAGES = {
    "rated": event_json("7", subject=DEVICE),
    "unknown": event_json("8", subject=IMSI),
    "no JSON": b'{"subject": "' + GARBLED.encode(),
    "wrong type": event_json("9", subject=DEVICE).replace(b'"bytes"', b'"bytes": [], "b"'),
    "no rule": event_json("10", subject=DEVICE).replace(b"sensor.data", GARBLED.encode()),
}
HEADERS = [
    (raw.TENANT, b"default"),
    (raw.SOURCE, b"gateway"),
    (raw.STREAM, b"gateway"),
    (raw.FORMAT, b"cloudevents-iot"),
    (raw.RECORD, raw.RECORD_MESSAGE),
]


def found_in(text: str) -> set[str]:
    """Return the seeded numbers that a text holds, with or without what groups digits."""
    plain = re.sub(r"(?<=\d)[ ,_-](?=\d)", "", text)
    return {number for number in CANARIES if number in text or number in plain}


def test_a_number_would_be_found():
    assert found_in(f"no price for +{CALLER} or {CALLED[:4]} {CALLED[4:]}") == {CALLER, CALLED}


@pytest.fixture
async def ran(services, tmp_path: Path) -> AsyncIterator[LiveInstallation]:
    """An installation that has worked through all of it, and one command that failed."""
    async with (
        LiveInstallation.created(
            services, tmp_path, catalogue=CATALOGUE, accounts=ACCOUNTS
        ) as here,
        here.working(),
    ):
        await eventually(lambda: all_ready(here), what="all workers are ready")
        calls = here.file("calls.csv", b"\n".join(LINES.values()) + b"\n")
        said = await here.ingest(calls, "--zone", "UTC", source="s-1", format_name="freeswitch-csv")
        assert said.code == 0, said
        await here.publish(list(MESSAGES.values()), headers=HEADERS, key=b"gateway")
        await here.through()
        yield here


async def test_a_seeded_number_stands_nowhere_in_clear(ran):
    here, topics = ran, topics_of(ran.settings)

    # All of it was there: rated, refused by each stage, a duplicate.
    stored = await here.rows("SELECT origin, destination FROM rated_usage")
    assert (CALLER, CALLED) in {(row["origin"], row["destination"]) for row in stored}
    reasons = {row["reason"] for row in await here.rows("SELECT reason FROM suspense")}
    assert reasons >= {
        Why.CONFLICT,
        Why.UNKNOWN_DESTINATION,
        Why.UNKNOWN_SUBSCRIBER,
        Why.WRONG_COLUMN_COUNT,
        Why.INVALID_FIELD,
        Why.NOT_JSON,
    }
    assert await here.count("duplicates") == 1

    # Headers and keys of every record in every topic.
    looked_at, in_values = 0, set()
    for topic in (topics.raw, topics.normalised, topics.ledger, topics.suspense, topics.proofs):
        for place, record in (await here.read(topic)).items():
            looked_at += 1
            in_values |= found_in((record.value or b"").decode(errors="replace"))
            shown = repr((record.key, record.headers))
            assert not found_in(shown), (topic.name, place)
    assert looked_at > len(LINES)
    assert in_values == set(CANARIES), "they are in the records themselves"

    # What a person reads of what was refused, without asking for its bytes.
    details = [row["detail"] for row in await here.rows("SELECT detail FROM suspense")]
    assert not found_in("\n".join(details))
    for more in ((), ("--json",)):
        listed = (await here.command("suspense", "list", *more)).out
        assert not found_in(listed)
        assert f"{STRANGER[:4]}…" in listed, "whom nobody knew is named, as far as it may be"

    # Metrics, health, what workers say of themselves, logs.
    for port in ports(here).values():
        for path in ("/metrics", "/livez", "/readyz"):
            status, text = await page(port, path)
            assert status == 200
            assert not found_in(text)
    logs = sorted(log_folder(here.settings).glob("*.log"))
    assert [log.stem for log in logs] == ["load", "normalise", "rate"]
    told = [*logs, *run_folder(here.settings).rglob("*.json")]
    for path in told:
        text = path.read_text()
        assert text, path
        assert not found_in(text), path
