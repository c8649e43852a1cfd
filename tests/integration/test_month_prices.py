"""Prices of the month on real processes: what they restate and what a close asks for, in the ledger,
the tables and the invoices, and as the reconciliation sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import ADJUSTMENT, CLOSING, Charge, LedgerRecord, LimitReached, PeriodClosed
from schemas.period import month_start_ms
from tests.integration.live_installation import LiveInstallation, Said, event_json
from tests.integration.test_period_close import _close, _relayed

JANUARY = month_start_ms("Europe/Berlin", 2026, 1)
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
        price:
          model: volume
          per: 1 B
          tiers: [{upto: 10 B, amount: 2}, {upto: 100 B, amount: 1}, {amount: 0.5}]
          least: {month: 200.00}
limits:
  three-records: {scope: account, records: 3}
"""
}


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)
    invoices: list[asyncpg.Record] = field(default_factory=list)
    rows: list[asyncpg.Record] = field(default_factory=list)

    def of(self, kind: type) -> list:
        """Return the ledger's records of a kind, those of the account that is closed."""
        return [r for r in self.ledger if isinstance(r, kind) and r.rating_key == "fleet"]


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("month")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(services, folder, catalogue=CATALOGUE) as here:
        async with here.working():
            lines = [
                event_json(f"r-{number}", at=f"2026-01-1{number}T12:00:00Z", size=size)
                for number, size in enumerate((8, 4, 30, 60))
            ]
            path = here.file("usage.jsonl", b"\n".join(lines) + b"\n")
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
            ran.told["close"] = await _close(here, "2026-01", "fleet")
            await _relayed(here)
            ran.told["again"] = await _close(here, "2026-01", "fleet")
            await _relayed(here)
            path = here.file(
                "late.jsonl", event_json("late", at="2026-01-20T12:00:00Z", size=20) + b"\n"
            )
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
        ran.ledger = await here.ledger()
        ran.invoices = await here.rows(
            "SELECT i.total, sum(l.records)::int AS records, sum(l.charges) AS charges FROM invoices i "
            "JOIN invoice_lines l USING (invoice_id) GROUP BY i.invoice_id"
        )
        ran.rows = await here.rows("SELECT usage_kind, amount FROM rated_usage ORDER BY sequence")
        ran.told["verify"] = await here.command("verify", "--json")
        adjusted = next(
            r for r in ran.ledger if isinstance(r, Charge) and r.usage_kind == ADJUSTMENT
        )
        ran.told["explain"] = await here.command("explain", adjusted.charge_id)
        for name, options in {
            "charges": (),
            "january": ("--month", "2026-01", "--product", "iot-data"),
            "february": ("--month", "2026-02"),
            "adjustments": ("--kind", ADJUSTMENT),
            "uninvoiced": ("--uninvoiced",),
        }.items():
            said = await here.command("charges", "fleet", *options, "--limit", 50, "--json")
            ran.told[name] = said
        ran.told["shown"] = await here.command("charges", "fleet", "--limit", 2)
    return ran


def test_a_tier_that_is_reached_restates_earlier_charges_in_one_record(ran):
    """8 B at 2; with 4 B more all 12 at 1: the 8 are 8 cheaper, and the 4 cost 4."""
    charges = [(c.usage_kind, Decimal(c.amount)) for c in ran.of(Charge)]
    assert charges[:6] == [
        ("data", 16),
        (ADJUSTMENT, -8),
        ("data", 4),
        ("data", 30),
        (ADJUSTMENT, -21),
        ("data", 30),
    ]


def test_an_adjustment_comes_before_the_charge_that_causes_it_and_names_its_event(ran):
    adjustment = next(c for c in ran.of(Charge) if c.usage_kind == ADJUSTMENT)
    following = next(c for c in ran.of(Charge) if c.sequence == adjustment.sequence + 1)
    assert following.identity == adjustment.identity
    assert (adjustment.used, adjustment.billed) == ("0", "0")


def test_an_invoice_has_the_adjustment_and_does_not_count_it_as_a_record(ran):
    (reached,) = ran.of(LimitReached)
    assert [(entry.records, Decimal(entry.amount)) for entry in reached.invoiced] == [(3, 42)]
    (invoice,) = ran.invoices
    assert (invoice["records"], invoice["charges"]) == (3, Decimal(42))


def test_the_close_asks_for_what_is_missing_of_the_month_s_least(ran):
    """102 B by the last event: all at 0.5 are 51, of which 42 are invoiced. 149 are missing of 200."""
    (closing,) = [c for c in ran.of(Charge) if c.usage_kind == CLOSING]
    assert Decimal(closing.amount) == 149
    assert closing.bill_period_ms == closing.usage_period_ms == JANUARY
    (closed,) = ran.of(PeriodClosed)
    assert closed.sequence == closing.sequence + 1
    assert [(entry.records, Decimal(entry.amount)) for entry in closed.closed] == [(1, 158)]


def test_all_charges_of_the_month_are_its_price(ran):
    assert sum(row["amount"] for row in ran.rows) == 200
    assert sum(Decimal(charge.amount) for charge in ran.of(Charge)) == 200


def test_late_usage_of_the_month_is_paid_by_what_its_close_asked_for(ran):
    """20 B more at 0.5: the month had to come to 200 anyway."""
    late = ran.of(Charge)[-1]
    assert (late.record_id.endswith("late"), Decimal(late.amount)) == (True, 0)
    step = ["closed", "200.0000000000", "51.0000000000", "10.0000000000"]
    assert step in [list(found) for found in late.explanation]


def test_it_reconciles_and_closing_again_changes_nothing(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"].out
    assert ran.told["again"].json["queued"] == 0


def test_the_adjustment_explains_itself(ran):
    said = " ".join(ran.told["explain"].out.split())
    assert "what came to 16.00 EUR comes to 8.00 EUR." in said
    assert "Charge: -8.00 EUR." in said


def test_the_charges_of_an_account_are_listed_and_chosen(ran):
    charges = {c.charge_id for c in ran.of(Charge)}
    listed = ran.told["charges"].json
    assert [each["charge_id"] for each in ran.told["january"].json] == [
        each["charge_id"] for each in listed
    ]
    assert {each["charge_id"] for each in listed} == charges
    assert sum(Decimal(each["amount"]) for each in listed) == 200
    assert [each["started_at"] for each in listed] == sorted(
        (each["started_at"] for each in listed), reverse=True
    )
    assert ran.told["february"].json == []
    assert {each["usage_kind"] for each in ran.told["adjustments"].json} == {ADJUSTMENT}
    (invoice,) = {each["invoice_number"] for each in listed} - {None}
    on_it = {each["charge_id"] for each in listed if each["invoice_number"] == invoice}
    assert {each["charge_id"] for each in ran.told["uninvoiced"].json} == charges - on_it
    shown = ran.told["shown"]
    assert "The newest 2; --limit shows more." in shown.err
    assert "closing" in shown.out
    assert listed[0]["charge_id"] in shown.out
