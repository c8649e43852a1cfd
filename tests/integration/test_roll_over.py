"""An allowance that rolls over, on real processes: usage out of order, the state of rate lost in between
and folded from the ledger again."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from counters.state import changes_of
from pipeline.cli.exits import Exit
from pipeline.state import StateStore
from schemas.ledger import Charge, LedgerRecord, to_wire
from tests.integration.live_installation import LiveInstallation, Said, event_json

CATALOGUE = {
    "plans.yaml": """
products: {iot-data: {type: data, usage_kind: data, unit: B}}
plans:
  traffic:
    currency: EUR
    allowances: {data: {units: 100 B, rolls_over: {months: 1, upto: 50 B}}}
    prices:
      data: {product: iot-data, price: {model: per_unit, amount: 0.01, per: 1 B, allowance: data}}
"""
}
ACCOUNTS = """
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "fleet-1", "identifier": "dev-1", "plan": "traffic", "valid_from": "2026-01-15"}]}
""".replace("\n  ", " ")


def usage(*days_and_sizes: tuple[str, int]) -> bytes:
    lines = [
        event_json(f"{day}-{size}", at=f"2026-{day}T12:00:00Z", size=size)
        for day, size in days_and_sizes
    ]
    return b"\n".join(lines) + b"\n"


# What is free of each, and of how many bytes; January's grant begins with the subscription.
FIRST = [("02-10", 120, 120), ("01-20", 40, 40)]
AFTER = [("01-21", 60, 10), ("02-11", 60, 30), ("03-01", 150, 100)]


@dataclass
class Run:
    states: list[dict[bytes, bytes]] = field(default_factory=list)
    ledger: list[LedgerRecord] = field(default_factory=list)
    told: dict[str, Said] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("rolling")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(
        services,
        folder,
        catalogue=CATALOGUE,
        accounts=ACCOUNTS,
        raw_partitions=1,
        rating_partitions=1,
        snapshot_changes=0,
    ) as here:
        await _worked(here, "first", FIRST)
        ran.states.append(_state(here))
        shutil.rmtree(here.settings.state_folder())
        await _worked(here, "after", AFTER)
        ran.states.append(_state(here))
        ran.ledger = await here.ledger()
        ran.told["verify"] = await here.command("verify", "--json")
        late = next(one for one in charges(ran) if one.used == "60")
        ran.told["explain"] = await here.command("explain", charges(ran)[0].charge_id)
        ran.told["late"] = await here.command("explain", late.charge_id)
    return ran


async def _worked(here: LiveInstallation, name: str, events: list[tuple[str, int, int]]) -> None:
    async with here.working():
        path = here.file(f"{name}.jsonl", usage(*[each[:2] for each in events]))
        said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
        assert said.code == Exit.OK, said
        await here.through()


def _state(here: LiveInstallation) -> dict[bytes, bytes]:
    (folder,) = here.settings.state_folder().glob("slot-*/rate-0")
    store = StateStore(folder)
    try:
        return {key: value for key, value in store.items() if key[:1] != b"\x00"}
    finally:
        store.close()


def charges(ran: Run) -> list[Charge]:
    return [record for record in ran.ledger if isinstance(record, Charge)]


def test_late_usage_finds_what_later_months_have_left(ran):
    assert [(int(one.used), int(one.free)) for one in charges(ran)] == [
        (used, free) for _, used, free in (*FIRST, *AFTER)
    ]
    assert sum(Decimal(one.amount) for one in charges(ran)) == Decimal("1.30")


def test_what_was_taken_of_earlier_months_comes_back_from_the_ledger(ran):
    """The second state has nothing of the first but what the ledger told it."""
    before, after = ran.states
    assert any(b"rolled:fleet-1:traffic/data:B" in key for key in before)
    assert before.keys() <= after.keys()
    in_order = [to_wire(record) for record in ran.ledger]
    assert after == {key: value for each in in_order for key, value in changes_of(each)}


def test_it_reconciles(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"].out


def test_charges_explain_what_they_took_of_which_month(ran):
    said = ran.told["explain"].out
    assert (
        "Of 2026-01 50 B of allowance traffic/data were left to later months: 50 B is free." in said
    ), said
    assert "Allowance traffic/data of 100 B a month had 100 B left: 70 B is free." in said, said
    assert "Allowance traffic/data of 100 B a month had 10 B left" in ran.told["late"].out
