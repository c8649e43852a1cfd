"""Charging files of a PGW and an MSC on real processes: rated by rating group and by destination; what
is damaged waits with its bytes, and the reconciliation agrees."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import Charge, LedgerRecord
from sources.generate import tlv
from tests.charging_records import Used, file_of, pgw, record
from tests.integration.live_installation import LiveInstallation, Said
from tests.unit.test_mediation_cdr import call

CATALOGUE = {
    "plans.yaml": """
products:
  mobile-data: {type: data, usage_kind: data, unit: B}
  voice: {type: telephony, usage_kind: voice, unit: s}
cards:
  germany: {file: germany.csv, currency: EUR, unit: s}
plans:
  mobile:
    currency: EUR
    prices:
      zero-rated: {product: mobile-data, when: event.rating_group == "7", price: {model: flat, amount: 0}}
      data: {product: mobile-data, price: {model: per_unit, amount: 0.01, per: 1 B}}
      calls: {product: voice, price: {model: rate_card, card: germany}}
""",
    "germany.csv": "prefix,destination,price,per_units,first_units,following_units\n"
    "49,Germany,0.06,60,60,1\n",
}
ACCOUNTS = """
{"id": "home", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions": [{"id": "home-1", "identifier": "4930111", "plan": "mobile", "valid_from": "2020-01-01"}]}
"""
SESSIONS = (
    record(pgw(Used(1, 10, 20), Used(7, 500, 500), msisdn="4930111", part=1, cause=16)),
    record(pgw(Used(1, 1, 1), msisdn="4930111", part=2)),
    record(pgw(Used(1, 1, 1), msisdn="4930111", part=3)).replace(b"internet", b"inter\xffet"),
    record(pgw(Used(1, 2, 2), msisdn="4930111", part=4)),
)


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)

    def amounts(self) -> dict[str, Decimal]:
        """Return the amount of each charge by its record id."""
        return {
            one.record_id: Decimal(one.amount) for one in self.ledger if isinstance(one, Charge)
        }


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("charging")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(
        services, folder, catalogue=CATALOGUE, accounts=ACCOUNTS
    ) as here:
        async with here.working():
            sessions = here.file("pgw.cdr", file_of(*SESSIONS, lost=0x82))
            calls = here.file("msc.cdr", file_of(record(call(), 0, tlv.BER_CIRCUIT)))
            again = here.file("again.cdr", file_of(SESSIONS[0], sequence_number=9))
            for path, source, format_name in (
                (sessions, "pgw-1", "3gpp-pgw"),
                (calls, "msc-1", "3gpp-msc"),
                (again, "pgw-1", "3gpp-pgw"),
            ):
                said = await here.ingest(path, source=source, format_name=format_name)
                assert said.code == Exit.OK, said
            await here.through()
        ran.ledger = await here.ledger()
        ran.told["verify"] = await here.command("verify", "--json")
        ran.told["suspense"] = await here.command("suspense", "list", "--json")
    return ran


def test_each_rating_group_and_call_is_charged_once(ran):
    session = "pgw/10.99.0.10/77/2026-03-01"
    assert ran.amounts() == {
        f"{session}/1/1": Decimal("0.30"),
        f"{session}/1/7": Decimal(0),
        f"{session}/2/1": Decimal("0.02"),
        f"{session}/4/1": Decimal("0.04"),
        "mo-call/4917000/0001ab/2026-03-01/2026-03-01/": Decimal("0.061"),
    }


def test_what_is_damaged_or_lost_waits_and_says_where(ran):
    rows = json.loads(ran.told["suspense"].out)["records"]
    found = {(row["reason"], row["file"], row["line"]) for row in rows if row["reason"]}
    assert found == {
        ("mediation.file_incomplete", "pgw.cdr", 1),
        ("mediation.invalid_field", "pgw.cdr", 5),
    }
    (lost,) = [row for row in rows if row["reason"] == "mediation.file_incomplete"]
    assert "lost 2 records" in lost["detail"]


def test_the_reconciliation_agrees(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"]
