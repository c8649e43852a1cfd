"""Corrections of months that hang together, on real processes: usage of one month is taken back, and what it
had is free for usage of the next one; then a month is rated anew by another size of the allowance."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from tests.integration.live_installation import LiveInstallation, Said, event_json
from tests.integration.test_period_close import _close, _relayed

CATALOGUE = """
products: {iot-data: {type: data, usage_kind: data, unit: B}}
plans:
  traffic:
    currency: EUR
    allowances: {data: {units: 100 B, rolls_over: {months: 1, upto: 50 B, since: 2026-01}}}
    prices:
      data: {product: iot-data, price: {model: per_unit, amount: 0.01, per: 1 B, allowance: data}}
"""
SMALLER = CATALOGUE.replace("upto: 50 B", "upto: 20 B")
ACCOUNTS = """
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "fleet-1", "identifier": "dev-1", "plan": "traffic", "valid_from": "2026-01-01"}]}
""".replace("\n  ", " ")


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    rows: dict[str, list[asyncpg.Record]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("across")))


async def _run(services, folder: Path) -> Run:
    ran = Run()

    async def look(name: str) -> None:
        ran.rows[name] = await here.rows(
            "SELECT usage_kind, amount, free, corrects, charge_id, "
            "to_char(usage_period + interval '15 days', 'YYYY-MM') AS month "
            "FROM rated_usage ORDER BY sequence"
        )

    async with LiveInstallation.created(
        services, folder, catalogue={"plans.yaml": CATALOGUE}, accounts=ACCOUNTS
    ) as here:
        async with here.working():
            await _use(here, "first", ("01-20", 90), ("02-10", 140))
            await _close(here, "2026-01", "fleet")
            await _relayed(here)
            await look("charged")
            charge_id = ran.rows["charged"][0]["charge_id"].hex
            reverse = ("correct", "reverse", charge_id, "--reason", "a test")
            ran.told["shown"] = await here.command(*reverse)
            ran.told["shown as json"] = await here.command(*reverse, "--json")
            ran.told["reversed"] = await here.command(*reverse, "--apply")
            await _relayed(here)
            await look("reversed")
            ran.told["again"] = await here.command(*reverse, "--apply")
            correction = ran.rows["reversed"][-1]["charge_id"].hex
            ran.told["explained"] = await here.command("explain", correction)
            await _use(here, "more", ("02-11", 20))
            await look("more")
            path = here.file("smaller/plans.yaml", SMALLER.encode())
            said = await here.command("catalogue", "publish", path.parent, "--within-a-month")
            assert said.code == Exit.OK, said
            rerate = ("correct", "rerate", "--month", "2026-02", "--all", "--apply")
            ran.told["rerated"] = await here.command(*rerate)
            await _relayed(here)
            await look("rerated")
            ran.told["rerated again"] = await here.command(*rerate)
        ran.rows["suspense"] = await here.rows("SELECT reason, detail FROM suspense")
        ran.told["verify"] = await here.command("verify", "--json")
    return ran


async def _use(here: LiveInstallation, name: str, *days_and_sizes: tuple[str, int]) -> None:
    lines = [
        event_json(f"{day}-{size}", at=f"2026-{day}T12:00:00Z", size=size)
        for day, size in days_and_sizes
    ]
    path = here.file(f"{name}.jsonl", b"\n".join(lines) + b"\n")
    said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
    assert said.code == Exit.OK, said
    await here.through()


def charged(rows) -> list[tuple[str, str, Decimal, int]]:
    return [(row["usage_kind"], row["month"], row["amount"], int(row["free"])) for row in rows]


def test_what_the_other_month_comes_to_is_shown_before(ran):
    assert charged(ran.rows["charged"]) == [
        ("data", "2026-01", Decimal(0), 90),
        ("data", "2026-02", Decimal("0.30"), 110),
    ]
    said = ran.told["shown"]
    assert said.code == Exit.OK, said
    assert "-0.30 EUR" in said.out
    assert "2026-02 takes of the same allowances or discounts, and is corrected too" in said.err
    (correction,) = ran.told["shown as json"].json["corrections"]
    ((also),) = correction["also"]
    assert [(Decimal(one["was"]), Decimal(one["now"])) for one in also["prices"]] == [
        (Decimal("0.30"), Decimal(0))
    ]


def test_what_was_taken_back_is_free_for_the_next_month(ran):
    """50 B of January, and 90 of February instead of 100: nothing is left to be charged."""
    new = ran.rows["reversed"][len(ran.rows["charged"]) :]
    assert charged(new) == [
        ("reversal", "2026-01", Decimal(0), -90),
        ("correction", "2026-02", Decimal("-0.30"), 30),
    ]
    assert [row["corrects"] for row in new] == [row["charge_id"] for row in ran.rows["charged"]]
    assert ran.told["again"].code == Exit.REFUSED
    assert (
        "Corrected with 2026-01, which takes of the same allowance traffic/data."
        in ran.told["explained"].out
    )
    # What comes after it finds 10 B of February.
    assert charged(ran.rows["more"][-1:]) == [("data", "2026-02", Decimal("0.10"), 10)]


def test_a_month_is_rated_anew_by_another_size(ran):
    """Of January 20 B instead of 50: 140 B and 20 B have 120 of them free."""
    assert ran.told["rerated"].code == Exit.OK, ran.told["rerated"]
    assert sum(row["amount"] for row in ran.rows["rerated"]) == Decimal("0.40")
    assert sum(int(row["free"]) for row in ran.rows["rerated"]) == 120
    assert "nothing to correct" in ran.told["rerated again"].err


def test_it_reconciles(ran):
    assert ran.rows["suspense"] == []
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"]
