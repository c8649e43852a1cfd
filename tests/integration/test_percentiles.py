"""A month that is priced by its samples, on real processes: nothing is charged before its close, which
reads them from the state; what comes later is priced by the next close."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import CLOSING, CORRECTION, Charge
from tests.integration.live_installation import LiveInstallation, event_json
from tests.integration.test_period_close import _close, _relayed

CATALOGUE = {
    "plans.yaml": """
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
        price: {model: per_unit, amount: 2, per: 1 B, aggregate: {percentile: 70}}
"""
}


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory):
    return asyncio.run(_run(services, tmp_path_factory.mktemp("samples")))


async def _run(services, folder):
    async with LiveInstallation.created(services, folder, catalogue=CATALOGUE) as here:
        async with here.working():
            lines = [
                event_json(f"r-{number}", at=f"2026-01-1{number}T12:00:00Z", size=size)
                for number, size in enumerate((8, 4, 30, 60))
            ]
            await _ingested(here, "usage.jsonl", lines)
            assert (await _close(here, "2026-01", "fleet")).code == Exit.OK
            await _relayed(here)
        # Another process: what the close reads is what the state holds.
        async with here.working():
            late = event_json("late", at="2026-01-20T12:00:00Z", size=50)
            await _ingested(here, "late.jsonl", [late])
            assert (await _close(here, "2026-02", "fleet")).code == Exit.OK
            await _relayed(here)
            taken_back = "SELECT charge_id FROM rated_usage WHERE record_id LIKE '%late'"
            (row,) = await here.rows(taken_back)
            reverse = ("correct", "reverse", row["charge_id"].hex)
            told = {"shown": await here.command(*reverse)}
            told["reversed"] = await here.command(*reverse, "--apply")
            await _relayed(here)
            # As many samples as at the close before, which is another charge all the same.
            again = event_json("again", at="2026-01-20T12:00:00Z", size=45)
            await _ingested(here, "again.jsonl", [again])
            assert (await _close(here, "2026-03", "fleet")).code == Exit.OK
            await _relayed(here)
        ledger = [
            each
            for each in await here.ledger()
            if isinstance(each, Charge) and each.rating_key == "fleet"
        ]
        rows = await here.rows(
            "SELECT usage_kind, amount FROM rated_usage WHERE account_id = 'fleet' ORDER BY sequence"
        )
        told["verify"] = await here.command("verify", "--json")
        closed = next(each for each in ledger if each.usage_kind == CLOSING)
        told["explain"] = await here.command("explain", closed.charge_id)
    return ledger, rows, told


async def _ingested(here, name, lines):
    path = here.file(name, b"\n".join(lines) + b"\n")
    said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
    assert said.code == Exit.OK, said
    await here.through()


def test_closes_charge_the_level_and_what_late_samples_change_of_it(ran):
    """Of four samples the highest is dropped, and 30 B is the level; of five it is 50 B."""
    ledger, rows, _ = ran
    closed = [each for each in ledger if each.usage_kind == CLOSING]
    assert [(Decimal(each.amount), each.billed) for each in closed] == [
        *((60, "30"), (40, "20")),
        (30, "15"),
    ]
    assert len({each.usage_period_ms for each in ledger}) == 1
    assert all(
        not Decimal(each.amount) for each in ledger if each.usage_kind not in (CLOSING, CORRECTION)
    )
    assert len(ledger) == len(rows) == 11
    assert sum(row["amount"] for row in rows) == 90


def test_a_sample_taken_back_corrects_what_the_close_asked_for(ran):
    """Without the late one the level is 30 B again, at 60.00 instead of 100.00."""
    ledger, _, told = ran
    assert "-40.00 EUR" in told["shown"].out, told["shown"]
    assert told["reversed"].code == Exit.OK, told["reversed"]
    (correction,) = [each for each in ledger if each.usage_kind == CORRECTION]
    assert (Decimal(correction.amount), correction.billed) == (-40, "-20")
    closed = [each for each in ledger if each.usage_kind == CLOSING]
    assert correction.corrects == closed[1].charge_id
    assert len({each.charge_id for each in closed}) == 3


def test_it_reconciles_and_explains_itself(ran):
    _, _, told = ran
    assert told["verify"].code == Exit.OK, told["verify"]
    assert "4 samples" in told["explain"].out
    assert "the highest is dropped" in told["explain"].out
