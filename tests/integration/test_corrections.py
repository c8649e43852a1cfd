"""Corrections on real processes: charges taken back, a month rated anew, what the tables, the invoice,
the explanation and the reconciliation say of them."""

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
products:
  iot-data: {type: data, usage_kind: data, unit: B}
plans:
  home:
    currency: EUR
    prices:
      data: {product: iot-data, price: {model: flat, amount: 1}}
  traffic:
    currency: EUR
    prices:
      data:
        product: iot-data
        price: {model: graduated, per: 1 B, tiers: [{upto: 100 B, amount: 0.02}, {amount: 0.01}]}
limits:
  ten-records: {scope: account, records: 7}
"""
CHEAPER = CATALOGUE.replace("amount: 0.01}", "amount: 0.005}")
DEARER = CHEAPER.replace("amount: 0.02}", "amount: 0.03}")
USED = (60, 50, 40, 30)  # bytes; 100 at 0.02 and 80 at 0.01 come to 2.80
_FIRST = "SELECT charge_id FROM rated_usage WHERE record_id LIKE '%r-1' AND usage_kind = 'data'"


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    rows: dict[str, list[asyncpg.Record]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("corrections")))


async def _run(services, folder: Path) -> Run:
    ran = Run()

    async def look(name: str) -> None:
        ran.rows[name] = await here.rows(
            "SELECT usage_kind, amount, used, corrects, charge_id, usage_period, bill_period "
            "FROM rated_usage ORDER BY sequence"
        )

    async with LiveInstallation.created(
        services, folder, catalogue={"plans.yaml": CATALOGUE}
    ) as here:
        async with here.working():
            await _use(here, "usage", ((f"r-{n}", size) for n, size in enumerate(USED)))
            (charge,) = await here.rows(_FIRST)
            charge_id = charge["charge_id"].hex
            reverse = ("correct", "reverse", charge_id, "--reason", "a test call")
            ran.told["shown"] = await here.command(*reverse)
            ran.told["shown as json"] = await here.command(*reverse, "--json")
            await look("shown")
        # Nobody works: else it may have been taken back by the time that it is asked for again.
        ran.told["reversed"] = await here.command(*reverse, "--apply", "--json")
        ran.told["twice"] = await here.command(*reverse, "--apply", "--json")
        ran.told["sent before"] = await here.command(*reverse, "--apply")
        async with here.working():
            await _relayed(here)
            await look("reversed")
            ran.told["again"] = await here.command(*reverse, "--apply")
            reversal = ran.rows["reversed"][-2]["charge_id"].hex
            ran.told["of a reversal"] = await here.command("correct", "reverse", reversal)
            ran.told["explained"] = await here.command("explain", reversal)
            ran.told["charges"] = await here.command("charges", "fleet", "--limit", 2)
            listed = ("charges", "fleet", "--kind", "correction")
            ran.told["corrections"] = await here.command(*listed)
            ran.told["corrections as json"] = await here.command(*listed, "--json")
            ran.told["taken back explained"] = await here.command("explain", charge_id)
            moved = charge_id_of(ran.rows["shown"][2])
            ran.told["moved explained"] = await here.command("explain", moved, "--json")
            unknown = ("correct", "reverse", "0" * 32)
            ran.told["unknown"] = await here.command(*unknown)
            await _close(here, "2026-01", "fleet")
            await _relayed(here)
            path = here.file("cheaper/plans.yaml", CHEAPER.encode())
            said = await here.command("catalogue", "publish", path.parent)
            assert said.code == Exit.OK, said
            rerate = ("correct", "rerate", "--month", "2026-01")
            ran.told["nobody"] = await here.command(*rerate, "--account", "nobody")
            ran.told["rerated"] = await here.command(*rerate, "--all", "--apply")
            await _relayed(here)
            await look("rerated")
            ran.told["rerated again"] = await here.command(*rerate, "--all", "--apply")
            correction = ran.rows["rerated"][-1]["charge_id"].hex
            ran.told["correction explained"] = await here.command("explain", correction)
            more = ((f"m-{n}", 10) for n in range(7))
            await _use(here, "more", more, at="2026-02-03T12:00:00Z")
            await look("more")
            path = here.file("dearer/plans.yaml", DEARER.encode())
            said = await here.command("catalogue", "publish", path.parent)
            assert said.code == Exit.OK, said
            alone = ("correct", "rerate", charge_id_of(ran.rows["shown"][0]))
            ran.told["alone shown"] = await here.command(*alone, "--json")
            ran.told["alone"] = await here.command(*alone, "--apply")
            await _relayed(here)
            await look("alone")
            ran.told["alone again"] = await here.command(*alone, "--apply")
            ran.told["alone of one taken back"] = await here.command(
                "correct", "rerate", charge_id, "--apply"
            )
            correction = charge_id_of(ran.rows["alone"][-1])
            ran.told["alone explained"] = await here.command("explain", correction)
            ran.told["summed"] = await here.command(*rerate, "--all", "--sums", "--json")
        ran.rows["invoices"] = await here.rows(
            "SELECT i.total, sum(l.records)::int AS records, sum(l.charges) AS charges "
            "FROM invoices i JOIN invoice_lines l USING (invoice_id) GROUP BY i.invoice_id"
        )
        ran.rows["suspense"] = await here.rows("SELECT reason, detail FROM suspense")
        ran.told["verify"] = await here.command("verify", "--json")
    return ran


def charge_id_of(row) -> str:
    return row["charge_id"].hex


async def _use(here, name, records, *, at="2026-01-10T12:00:00Z") -> None:
    lines = [event_json(record_id, at=at, size=size) for record_id, size in records]
    path = here.file(f"{name}.jsonl", b"\n".join(lines) + b"\n")
    said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
    assert said.code == Exit.OK, said
    await here.through()


def charged(rows) -> list[tuple[str, Decimal]]:
    return [(row["usage_kind"], row["amount"]) for row in rows]


def test_what_would_change_is_shown_and_nothing_is_changed(ran):
    said = ran.told["shown"]
    assert said.code == Exit.OK, said
    assert "2.80 EUR" in said.out
    assert "2.30 EUR" in said.out
    assert "-0.50 EUR" in said.out
    assert "Price (whole month 2026-01)" in said.out
    assert "1 charge would be taken back." in said.err
    assert "Nothing was changed" in said.err
    assert charged(ran.rows["shown"]) == [
        ("data", Decimal("1.20")),
        ("data", Decimal("0.90")),
        ("data", Decimal("0.40")),
        ("data", Decimal("0.30")),
    ]
    (correction,) = ran.told["shown as json"].json["corrections"]
    assert [charge["kind"] for charge in correction["charges"]] == ["reversal", "correction"]


def test_a_charge_is_taken_back_once_and_the_tiers_close_up(ran):
    """50 of 180 B less: what they were charged, 0.90, and 40 B that move into the first tier, 0.40."""
    assert (ran.told["reversed"].json["queued"], ran.told["twice"].json["queued"]) == (1, 0)
    assert "Nothing new was sent: 1 account's correction was sent" in ran.told["sent before"].err
    assert "taken back" not in ran.told["sent before"].err
    first, second = ran.rows["reversed"][-2:]
    assert charged([first, second]) == [
        ("reversal", Decimal("-0.90")),
        ("correction", Decimal("0.40")),
    ]
    assert (first["used"], second["used"]) == (-50, 0)
    assert first["corrects"] == ran.rows["shown"][1]["charge_id"]
    assert second["corrects"] == ran.rows["shown"][2]["charge_id"]
    assert len(ran.rows["reversed"]) == 6
    for name in ("again", "of a reversal", "unknown", "nobody"):
        assert ran.told[name].code == Exit.REFUSED, ran.told[name]
    assert "taken back before" in ran.told["again"].err


def test_the_explanation_says_what_was_taken_back_and_why(ran):
    said = ran.told["explained"].out
    assert f"Takes back charge {ran.rows['shown'][1]['charge_id'].hex}." in said
    assert "Reason: a test call." in said
    assert "Charge: -0.90 EUR." in said
    said = ran.told["correction explained"].out
    assert "catalogue version" in said
    assert "reversal" in ran.told["charges"].out


def test_a_charge_says_what_corrected_it_and_a_correction_of_what_it_is(ran):
    taken_back, moved = (charge_id_of(row) for row in ran.rows["shown"][1:3])
    reversal, correction = (charge_id_of(row) for row in ran.rows["reversed"][-2:])
    assert ran.told["taken back explained"].out.splitlines()[-1] == (
        f"Taken back by {reversal}: -0.90 EUR, billed with 2026-01; together 0.00 EUR."
    )
    (said,) = ran.told["moved explained"].json["corrected_by"]
    assert (said["charge_id"], said["kind"]) == (correction, "correction")
    assert [Decimal(said[name]) for name in ("amount", "together")] == [
        Decimal("0.40"),
        Decimal("0.80"),
    ]
    last = ran.told["explained"].out.splitlines()[-1]
    assert last.startswith(f"It corrects charge {taken_back} of record ")
    assert "source meters" in last
    header, _rule, row, *_ = ran.told["corrections"].out.strip().splitlines()
    assert header.split()[-1] == "Corrects"
    assert row.split()[-2:] == [correction, moved]
    (listed,) = ran.told["corrections as json"].json
    assert (listed["charge_id"], listed["corrects"]) == (correction, moved)


def test_a_closed_month_that_is_rated_anew_is_billed_in_the_first_open_one(ran):
    """130 B: 30 of them at 0.005 instead of 0.01."""
    assert ran.told["rerated"].code == Exit.OK, ran.told["rerated"]
    new = ran.rows["rerated"][len(ran.rows["reversed"]) :]
    assert charged(new) == [("correction", Decimal("-0.15"))]
    (row,) = new
    assert row["corrects"] == ran.rows["shown"][3]["charge_id"]
    assert row["bill_period"] > row["usage_period"]
    assert "1 account's correction is on its way" in ran.told["rerated"].err
    (alone,) = ran.told["alone shown"].json["corrections"]
    (version,) = alone["catalogue_versions"]
    assert f"Rated anew by catalogue version {version}; so far" in ran.told["rerated"].err
    assert alone["rerated_by_catalogue"] > version
    assert "1 account comes to what it was charged" in ran.told["rerated again"].err
    assert "nothing to correct" in ran.told["rerated again"].err


def test_a_single_charge_is_rated_anew_and_the_others_stay(ran):
    """60 B at 0.03 instead of 0.02; the 40 B behind them are in the same tier, at what they were."""
    assert ran.told["alone"].code == Exit.OK, ran.told["alone"]
    (shown,) = ran.told["alone shown"].json["corrections"]
    assert (shown["charges_corrected"], shown["corrected_in"]) == (1, "charges")
    (row,) = ran.rows["alone"][len(ran.rows["more"]) :]
    assert charged([row]) == [("correction", Decimal("0.60"))]
    assert row["corrects"] == ran.rows["shown"][0]["charge_id"]
    assert "nothing to correct" in ran.told["alone again"].err
    assert ran.told["alone of one taken back"].code == Exit.REFUSED
    said = " ".join(ran.told["alone explained"].out.split())
    assert "should have been:" in said
    assert "came to 1.20 EUR, and comes to 1.80 EUR." in said
    assert "the rest of the month as it was." in said
    # What is left of the month, in one sum: 40 B.
    (summed,) = ran.told["summed"].json["corrections"]
    assert (summed["charges_corrected"], summed["corrected_in"]) == (1, "sums")
    assert [(one["corrects"], Decimal(one["amount"])) for one in summed["charges"]] == [
        (None, Decimal("0.40"))
    ]


def test_later_usage_and_the_next_invoice_stand_on_what_was_corrected(ran):
    """The limit of seven records: six charges of February are none of January's, the seventh asks;
    with them the correction of January is billed, which is no record."""
    (invoice,) = ran.rows["invoices"]
    assert invoice["records"] == 7
    assert invoice["charges"] == Decimal("1.40") - Decimal("0.15")


def test_it_reconciles(ran):
    assert ran.rows["suspense"] == []
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"]
