"""The verifier is worth something only if it shares nothing with the product, and sees faults."""

import ast
import asyncio
import json
from pathlib import Path

import pytest

from tests.chaos import play as chaos_play
from tests.chaos.feed import raw_records
from tests.chaos.hits import Hits
from tests.chaos.run import version_of
from tests.chaos.services import own_pair
from tests.chaos.usage import SAMPLE, generated
from tests.chaos.verifier.compare import Case, compare
from tests.chaos.verifier.reading import Where
from tests.chaos.verifier.truth import RawRecord, Truth

FOLDER = Path(__file__).parent / "verifier"
FILES = sorted(FOLDER.glob("*.py"))
YEAR_MS = 365 * 86_400_000


def imports_of(source):
    """Return the first two parts of every module that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def foreign(imported):
    rooms = {path.parent.name for path in Path(__file__).parents[2].glob("*/__init__.py")}
    assert "rating" in rooms
    return {
        name
        for name in imported
        if name.partition(".")[0] in rooms
        or (name.startswith("tests") and not name.startswith("tests.chaos.verifier."))
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_verifier_shares_no_code_with_the_product(path):
    assert not foreign(imports_of(path.read_text()))


@pytest.mark.parametrize(
    "planted",
    ["import rating.rate", "from schemas import raw", "from tests.chaos.play import Play"],
)
def test_code_that_is_shared_is_noticed(planted):
    assert foreign(imports_of(planted))


def said(number, *, record_id="a", size="5", kind="ordinary", at_ms=1_000, account="acme"):
    return {
        "record": number,
        "source": "s",
        "record_id": record_id,
        "kind": kind,
        "reason": "mediation.not_json" if kind == "broken" else None,
        "identifier": "dev",
        "account_id": account,
        "subscription_id": "sub",
        "product": "iot-data",
        "started_at_ms": at_ms,
        "quantities": {"B": size},
    }


OUTCOMES = [
    ("a copy is a duplicate", [said(1), said(2)], ["usage", "duplicate"]),
    ("other content is a conflict", [said(1), said(2, size="6")], ["usage", "mediation.conflict"]),
    (
        "a copy of a record that nobody owns is a duplicate",
        [said(1, account=None), said(2, account=None)],
        ["mediation.unknown_subscriber", "duplicate"],
    ),
    (
        "a broken record leaves no mark",
        [said(1, kind="broken"), said(2)],
        ["mediation.not_json", "usage"],
    ),
    (
        "a record past the horizon leaves no mark",
        [said(1, at_ms=-YEAR_MS - 1), said(2)],
        ["mediation.older_than_dedup_horizon", "usage"],
    ),
    (
        "a record far ahead leaves no mark",
        [said(1, at_ms=YEAR_MS + 1), said(2)],
        ["mediation.too_far_in_future", "usage"],
    ),
]


@pytest.mark.parametrize(
    ("lines", "expected"), [case[1:] for case in OUTCOMES], ids=[case[0] for case in OUTCOMES]
)
def test_what_must_become_of_a_record(lines, expected):
    truth = Truth(json.dumps(line).encode() for line in lines)
    raw = [RawRecord(0, 7, 0, range(1, len(lines) + 1))]
    found = truth.expected(raw, horizon_ms=YEAR_MS, future_ms=YEAR_MS).values()
    assert [one.reason or one.outcome for one in found] == expected


TAMPERED = {
    "a row that is gone": "DELETE FROM rated_usage WHERE ctid = (SELECT min(ctid) FROM rated_usage)",
    "a row that is there twice": "INSERT INTO rated_usage SELECT * FROM rated_usage LIMIT 1",
    "a digit too much": "UPDATE rated_usage SET amount = amount + 0.0000000001 "
    "WHERE charge_id = (SELECT min(charge_id::text)::uuid FROM rated_usage)",
    "a duplicate that nobody sent": "DELETE FROM duplicates "
    "WHERE suspense_id = (SELECT min(suspense_id::text)::uuid FROM duplicates)",
    "another reason": "UPDATE suspense SET reason = 'mediation.conflict' "
    "WHERE stage = 'normalise' AND reason <> 'mediation.conflict'",
    "a charge on no invoice": "DELETE FROM invoice_charges "
    "WHERE charge_id = (SELECT min(charge_id::text)::uuid FROM invoice_charges)",
}


@pytest.mark.timeout(180)
def test_every_tampering_is_seen(tmp_path):
    tmp_path.chmod(0o755)
    asyncio.run(_tamper(tmp_path))


async def _tamper(folder):
    usage = await generated(folder / "usage", records=3_000, seed=3)
    async with (
        own_pair() as pair,
        chaos_play.playing(pair, folder, usage, seed=3, hits=Hits()) as play,
    ):
        await play.workers.start("normalise", "rate", "load")
        await play.feed.send(raw_records(usage.folder), pause_s=0, at_a_time=50)
        await play.through()
        await play.workers.stop()
        settings, endpoints = play.settings, play.here.endpoints
        where = Where(endpoints.kafka_bootstrap, endpoints.postgres_dsn, settings.installation)
        case = Case(
            usage.truth(),
            {await version_of(play.here): SAMPLE},
            usage.accounts,
            settings.dedup_horizon_ms,
            settings.future_ms,
            play.feed.sent,
        )
        untouched = await compare(where, case)
        assert untouched.exact, untouched.text()
        for what, statement in TAMPERED.items():
            await play.here.execute(f"CREATE SCHEMA kept; {_copies()}")
            await play.here.execute(statement)
            found = await compare(where, case)
            assert not found.exact, what
            await play.here.execute(f"{_back()} DROP SCHEMA kept CASCADE;")
        assert (await compare(where, case)).exact

        lost = await compare(where, case._replace(sent=[*play.feed.sent, 10**9]))
        assert lost.lost == 1
        dearer = Truth(
            line.replace(b'"quantities":{"s":"', b'"quantities":{"s":"1')
            for line in (usage.folder / "truth.jsonl").read_bytes().splitlines()
        )
        assert (await compare(where, case._replace(truth=dearer))).wrong


_TABLES = ("rated_usage", "duplicates", "suspense", "invoice_charges")


def _copies():
    return " ".join(f"CREATE TABLE kept.{one} AS SELECT * FROM {one};" for one in _TABLES)


def _back():
    return " ".join(
        f"DELETE FROM {one}; INSERT INTO {one} SELECT * FROM kept.{one};" for one in _TABLES
    )
