"""Suspense on real processes: looked at, recycled, written off, with the workers stopped in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from tests.integration.live_installation import LiveInstallation, Said, event_json
from tests.integration.test_period_close import _relayed

CATALOGUE = """
products:
  iot-data: {type: data, usage_kind: data, unit: B}
plans:
  traffic:
    currency: EUR
    prices:
      data: {product: iot-data, price: {model: per_unit, per: 1 B, amount: 0.01}}
"""
WITH_LAB = f"""{CATALOGUE}  lab:
    currency: EUR
    prices:
      data: {{product: iot-data, price: {{model: per_unit, per: 1 B, amount: 0.5}}}}
"""
ACCOUNTS = """
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "fleet-1", "identifier": "dev-1", "plan": "traffic", "valid_from": "2020-01-01"}]}
{"id": "lab", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "lab-1", "identifier": "dev-3", "plan": "lab", "valid_from": "2020-01-01"}]}
""".replace("\n  ", " ")
LATER = """
{"id": "farm", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "farm-1", "identifier": "dev-9", "plan": "traffic", "valid_from": "2020-01-01"}]}
""".replace("\n  ", " ")
LINES = (
    event_json("r-1", size=5),
    event_json("r-2", subject="dev-9", size=60),  # of nobody, until somebody is loaded
    event_json("r-3", subject="dev-3", size=3),  # of a plan that is not published yet
    b'{"specversion": "1.0", "id": "r-4"',  # broken, whatever is loaded
    event_json("r-5", subject="dev-8", size=7),  # of nobody, for good
)
_OPEN = (
    "SELECT suspense_id, reason, attempts, recycles FROM suspense s WHERE NOT EXISTS "
    "(SELECT FROM suspense_outcomes o WHERE o.suspense_id = s.suspense_id) ORDER BY source_offset, "
    "source_index"
)
_CHARGES = "SELECT record_id, amount, recycles, account_id FROM rated_usage ORDER BY record_id"


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    rows: dict[str, list[asyncpg.Record]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # suspense ids by reason


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("suspense")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(
        services, folder, catalogue={"plans.yaml": CATALOGUE}, accounts=ACCOUNTS
    ) as here:
        await _use(ran, here)
    return ran


async def _use(ran: Run, here: LiveInstallation) -> None:
    async def tell(name: str, *words: object) -> Said:
        ran.told[name] = await here.command("suspense", *words)
        return ran.told[name]

    async with here.working():
        path = here.file("usage.jsonl", b"\n".join(LINES) + b"\n")
        said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
        assert said.code == Exit.OK, said
        await here.through()
        for row in await here.rows("SELECT suspense_id, reason, raw FROM suspense"):
            name = "off" if b"dev-8" in row["raw"] else row["reason"]
            ran.ids[name] = row["suspense_id"].hex
        await tell("list", "list")
        await tell("list of none", "list", "--source", "metres")
        await tell("list of nobody", "list", "--account", "nobody")
        await tell("list of an account", "list", "--account", "lab", "--json")
        await tell("list since", "list", "--source", "meters", "--since", "2020-01-01", "--json")
        await tell("list until", "list", "--until", "2020-01-01", "--json")
        await tell("recycle none", "recycle", "--source", "metres", "--apply")
        ran.told["charges of nobody"] = await here.command("charges", "nobody")
        ran.told["charges of nobody as json"] = await here.command("charges", "nobody", "--json")
        ran.told["no charges"] = await here.command("charges", "lab")
        await tell("stats", "stats", "--json")
        await tell("shown", "show", ran.ids["rating.unknown_plan"], "--json")
        await tell("shown as it was", "show", ran.ids["rating.unknown_plan"])
        await tell("shown in words", "show", ran.ids["mediation.unknown_subscriber"])
        await tell("too early", "recycle", "--all", "--apply", "--json")
        more = here.file("later.jsonl", LATER.lstrip().encode())
        assert (await here.command("reference", "load", more)).code == Exit.OK
        lab = here.file("lab/plans.yaml", WITH_LAB.encode())
        assert (await here.command("catalogue", "publish", lab.parent)).code == Exit.OK
        await tell("preview", "recycle", "--all", "--json")
        await tell("preview in words", "recycle", "--all")
        await tell("preview of an account", "recycle", "--account", "farm", "--json")
        ran.rows["before"] = await here.rows(_CHARGES)
    # Nobody works: what is decided now waits in the outbox.
    await tell(
        "recycled", "recycle", "--all", "--because", "the farm is loaded", "--apply", "--json"
    )
    await tell("recycled again", "recycle", ran.ids["rating.unknown_plan"], "--apply", "--json")
    await tell(
        "written off", "write-off", ran.ids["rating.unknown_plan"], "--because", "x", "--apply"
    )
    await tell("no reason", "write-off", ran.ids["off"], "--because", " ", "--apply")
    await tell(
        "off", "write-off", ran.ids["off"], "--because", "a test device", "--apply", "--json"
    )
    await tell("too late", "recycle", ran.ids["off"], "--apply", "--anyway")
    async with here.working():
        await _relayed(here)
        ran.rows["after"] = await here.rows(_CHARGES)
        broken = ran.ids["mediation.not_json"]
        await tell("recycled in words", "recycle", broken, "--anyway", "--apply")
        await tell("recycled in words again", "recycle", broken, "--anyway", "--apply")
        await _relayed(here)
        ran.rows["open"] = await here.rows(_OPEN)
    # A relay that died before it could note what it had published publishes all of it again.
    await here.execute("UPDATE command_outbox SET published_at = NULL")
    async with here.working():
        await _relayed(here)
        path = here.file("copies.jsonl", b"\n".join(LINES[:3] + LINES[4:]) + b"\n")
        said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
        assert said.code == Exit.OK, said
        await here.through()
        ran.rows["twice"] = await here.rows(_CHARGES)
        ran.rows["open twice"] = await here.rows(_OPEN)
        ran.rows["duplicates"] = await here.rows("SELECT suspense_id FROM duplicates")
    await tell("stats after", "stats", "--json")
    await tell("shown after", "show", ran.ids["rating.unknown_plan"], "--json")
    await tell("shown off", "show", ran.ids["off"], "--json")
    ran.told["verify"] = await here.command("verify", "--json")
    async with here.working():
        path = here.file("conflict.jsonl", event_json("r-1", size=6) + b"\n")
        said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
        assert said.code == Exit.OK, said
        await here.through()
    [row] = await here.rows("SELECT suspense_id FROM suspense WHERE reason = 'mediation.conflict'")
    await tell("shown conflict", "show", row["suspense_id"].hex)
    await tell("shown conflict as JSON", "show", row["suspense_id"].hex, "--json")
    await here.execute("UPDATE suspense_outcomes SET outcome = 'written_off'")
    ran.told["doctored"] = await here.command("verify", "--json")


def charges(rows) -> dict[str, Decimal]:
    return {row["record_id"].rpartition("/")[2]: row["amount"] for row in rows}


def test_a_record_is_shown_with_all_that_is_known(ran):
    assert ran.ids["rating.unknown_plan"] in ran.told["list"].out
    shown = ran.told["shown"].json
    assert (shown["state"], shown["attempts"]) == ("waits", 1)
    assert shown["place"].endswith("usage.jsonl:3")
    assert shown["reads_as"]["account_id"] == "lab"
    assert "publish a catalogue that has it" in shown["to_do"]
    assert f"line            {LINES[2].decode()}" in ran.told["shown as it was"].out
    words = ran.told["shown in words"].out
    assert "usage.jsonl:2" in words
    assert "dev-9" in words
    stats = ran.told["stats"].json
    assert (stats["refused"], stats["waiting"], stats["recycled"]) == (4, 4, 0)


def test_a_conflict_is_shown_with_its_first_copy(ran):
    first = ran.told["shown conflict as JSON"].json["first_copy"]
    assert first["place"].endswith("usage.jsonl:1")
    assert first["line"] == LINES[0].decode()
    assert first["account"] == "fleet"
    assert "usage.jsonl:1" in ran.told["shown conflict"].out


def test_a_list_takes_what_recycle_takes(ran):
    of_lab = ran.told["list of an account"].json
    assert [each["suspense_id"] for each in of_lab["records"]] == [ran.ids["rating.unknown_plan"]]
    assert of_lab["counts"] == [{"reason": "rating.unknown_plan", "source": "meters", "records": 1}]
    since, until = ran.told["list since"].json, ran.told["list until"].json
    assert sum(each["records"] for each in since["counts"]) == len(since["records"]) == 4
    assert until == {"counts": [], "records": []}


def test_a_list_says_whom_nobody_knew(ran):
    lines = ran.told["list"].out.splitlines()
    at = lines.index(f"{ran.ids['mediation.unknown_subscriber']}  mediation.unknown_subscriber")
    assert lines[at + 1].endswith("usage.jsonl:2 of meters")
    assert lines[at + 2].startswith("  dev-9: none of its identifiers belonged to a subscription")
    named = {
        each["reason"]: each["unknown_identifiers"]
        for each in ran.told["list since"].json["records"]
    }
    assert named["mediation.unknown_subscriber"] == ["dev-8"], "the last one of the reason"
    assert named["rating.unknown_plan"] == []


def test_where_nothing_is_such_it_is_said_what_there_is(ran):
    for name in ("list of none", "recycle none"):
        words = " ".join(ran.told[name].err.split())
        assert "Nothing of source metres waits in suspense." in words, name
        assert "meters 4" in words, name
    assert "There is no account nobody." in ran.told["list of nobody"].err


def test_an_account_that_there_is_not_is_another_thing_than_one_without_charges(ran):
    nobody, as_json = ran.told["charges of nobody"], ran.told["charges of nobody as json"]
    assert nobody.code == as_json.code == Exit.FAILED
    assert "There is no account nobody: " in nobody.err
    assert as_json.out == ""
    assert ran.told["no charges"].code == Exit.OK
    assert "Account lab has no charges yet." in ran.told["no charges"].err


def test_what_would_be_refused_again_is_left_where_it_is(ran):
    early = ran.told["too early"].json
    assert (early["selected"], early["queued"]) == (0, 0)
    assert sum(early["stays"].values()) == 4


def test_the_preview_says_the_amounts_and_changes_nothing(ran):
    """60 B at 0.01 and 3 B at 0.5."""
    preview = ran.told["preview"].json
    assert (preview["selected"], preview["queued"]) == (2, 0)
    assert {c: Decimal(a) for c, a in preview["amounts"].items()} == {"EUR": Decimal("2.1")}
    assert preview["outcomes"] == {"charged": 2}
    farm = ran.told["preview of an account"].json
    assert (farm["selected"], Decimal(farm["amounts"]["EUR"])) == (1, Decimal("0.6"))
    assert charges(ran.rows["before"]) == {"r-1": Decimal("0.05")}


def test_what_is_recycled_is_charged_once(ran):
    assert ran.told["recycled"].json["queued"] == 2
    expected = {"r-1": Decimal("0.05"), "r-2": Decimal("0.6"), "r-3": Decimal("1.5")}
    assert charges(ran.rows["after"]) == expected
    recycled = {row["recycles"].hex for row in ran.rows["after"] if row["recycles"]}
    assert recycled == {ran.ids["rating.unknown_plan"], ran.ids["mediation.unknown_subscriber"]}


def test_what_is_done_is_not_told_as_what_would_be(ran):
    assert "Comes to" in ran.told["recycled in words"].out
    assert "Would come to" not in ran.told["recycled in words"].out
    assert "Would come to" in ran.told["preview in words"].out
    assert "1 record was recycled before" in ran.told["recycled in words again"].err


def test_twice_changes_nothing(ran):
    assert ran.told["recycled again"].json["decided_before"] == 1
    assert ran.rows["twice"] == ran.rows["after"]
    assert ran.rows["open twice"] == ran.rows["open"]
    # Four decisions that were published again, and four copies of the lines.
    assert len(ran.rows["duplicates"]) == 8


def test_a_second_refusal_waits_again(ran):
    (row,) = ran.rows["open"]
    assert (row["reason"], row["attempts"]) == ("mediation.not_json", 2)
    assert row["recycles"].hex == ran.ids["mediation.not_json"]


def test_the_first_decision_holds(ran):
    for name in ("written off", "too late"):
        assert ran.told[name].code == Exit.REFUSED, ran.told[name]
    assert ran.told["no reason"].code == Exit.USAGE
    assert ran.told["off"].json["queued"] == 1
    shown = ran.told["shown off"].json
    assert (shown["state"], shown["because"]) == ("written off", "a test device")
    shown = ran.told["shown after"].json
    assert (shown["state"], shown["because"]) == ("recycled", "the farm is loaded")
    assert shown["charge"]


def test_it_reconciles_with_what_came_back_counted_apart(ran):
    stats = ran.told["stats after"].json
    assert (stats["refused"], stats["waiting"]) == (5, 1)
    assert (stats["recycled"], stats["written_off"]) == (3, 1)
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"]
    totals = ran.told["verify"].json["totals"]
    assert totals["settled"] == {"recycled": 3, "written_off": 1}
    assert totals["recycled_items"] == {"duplicate": 3, "normalised": 2, "suspended": 1}
    assert totals["recycled_events"] == {"rated": 2}


def test_a_row_that_says_otherwise_is_found(ran):
    assert ran.told["doctored"].code == Exit.FAILED
    checks = {finding["check"] for finding in ran.told["doctored"].json["findings"]}
    assert checks == {"postgres.suspense_outcomes"}
