"""`ratemill period close`, from the outbox to the ledger, and what it means for later usage."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest

from pipeline.cli.exits import Exit
from pipeline.topics import topics_of
from schemas import raw
from schemas.ledger import Charge, LedgerRecord, LimitReached, PeriodClosed, Unbilled
from schemas.period import month_start_ms
from schemas.usage import PeriodClose
from schemas.usage import from_wire as normalised_from_wire
from tests.integration.live_installation import (
    LiveInstallation,
    Said,
    event_json,
    eventually,
)

JANUARY, FEBRUARY = (month_start_ms("Europe/Berlin", 2026, month) for month in (1, 2))
IN_JANUARY, IN_FEBRUARY = "2026-01-31T22:59:59Z", "2026-01-31T23:00:00Z"  # a second apart


@dataclass
class Run:
    """What was said, and the ledger and the tables in the end."""

    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)
    ledger_before: int = 0  # records that are no proofs, before the close was repeated
    commands: list[PeriodClose] = field(default_factory=list)  # normalised
    raw_commands: int = 0
    copies: int = 0
    closes: list[asyncpg.Record] = field(default_factory=list)
    billed: dict[str, tuple[int, Decimal]] = field(default_factory=dict)  # invoices, by account

    def charge(self, record_id: str) -> Charge:
        """Return the charge of an event; there is exactly one."""
        (found,) = (
            one
            for one in self.ledger
            if isinstance(one, Charge) and one.record_id == f"fleet/{record_id}"
        )
        return found

    def of(self, kind: type) -> list:
        """Return the ledger's records of a kind."""
        return [one for one in self.ledger if isinstance(one, kind)]


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("close")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(services, folder) as here:
        topics = topics_of(here.settings)
        async with here.working():
            await _use(here, "before", ("j-1", IN_JANUARY, 60), ("j-2", IN_JANUARY, 20))
            ran.told["close"] = await _close(here, "2026-01", "fleet")
            await _relayed(here)
            await _use(
                here,
                "after",
                ("late", IN_JANUARY, 40),
                *((f"f-{number}", IN_FEBRUARY, 50) for number in (1, 2, 3)),
            )
            ran.ledger_before = len(_without_proofs(await here.ledger()))
            ran.told["again"] = await _close(here, "2026-01", "fleet")
            ran.told["older"] = await _close(here, "2025-12", "fleet")
            await _relayed(here)
            # As after a crash of the relay: what is published is not marked as published.
            await here.rows("UPDATE command_outbox SET published_at = NULL")
            await _relayed(here)
            ran.told["running month"] = await _close(here, "2099-01", "fleet")
            ran.told["unknown"] = await _close(here, "2026-01", "nobody")
            ran.told["charges"] = await here.command("charges", "fleet", "--json")
            ran.told["listed"] = await here.command("charges", "fleet")
        ran.ledger = await here.ledger()
        records = (await here.read(topics.raw)).values()
        ran.raw_commands = sum((raw.RECORD, raw.RECORD_COMMAND) in r.headers for r in records)
        normalised = [
            normalised_from_wire(r.value) for r in (await here.read(topics.normalised)).values()
        ]
        ran.commands = [one for one in normalised if isinstance(one, PeriodClose)]
        ran.copies = await here.count("duplicates")
        ran.closes = await here.rows("SELECT * FROM period_closes")
        ran.billed = {
            row["account_id"]: (row["records"], row["amount"])
            for row in await here.rows(
                "SELECT i.account_id, count(*) AS records, sum(u.amount) AS amount "
                "FROM invoices i JOIN invoice_charges c USING (invoice_id) "
                "JOIN rated_usage u USING (charge_id) GROUP BY i.account_id"
            )
        }
    return ran


async def _use(here: LiveInstallation, name: str, *usage: tuple[str, str, int]) -> None:
    """Take usage of the account that is closed, and the same of one that is not, to the end."""
    lines = [
        event_json(f"{device}:{record_id}", at=at, subject=device, size=size)
        for device in ("dev-1", "dev-2")
        for record_id, at, size in usage
    ]
    path = here.file(f"{name}.jsonl", b"\n".join(lines) + b"\n")
    said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
    assert said.code == Exit.OK, said
    await here.through()


async def _close(here: LiveInstallation, month: str, account: str) -> Said:
    return await here.command("period", "close", "--month", month, "--account", account, "--json")


async def _relayed(here: LiveInstallation) -> None:
    """Return when every command of the outbox is published, and through."""

    async def none_waits() -> bool:
        return not await here.count("command_outbox WHERE published_at IS NULL")

    await eventually(none_waits, what="the relay published the commands")
    await here.through()


def _without_proofs(ledger: list[LedgerRecord]) -> list[LedgerRecord]:
    return [one for one in ledger if isinstance(one, Charge | LimitReached | PeriodClosed)]


def test_a_close_goes_the_way_of_usage_into_the_ledger_and_its_table(ran):
    assert ran.told["close"].json == {"month": "2026-01", "accounts": 1, "queued": 1}
    (closed,) = ran.of(PeriodClosed)
    assert (closed.account_id, closed.period_start_ms, closed.period_end_ms) == (
        "fleet",
        JANUARY,
        FEBRUARY,
    )
    (row,) = ran.closes
    assert row["period_closed_id"].hex == closed.period_closed_id
    assert (row["account_id"], row["sequence"]) == ("fleet", closed.sequence)


def test_a_close_says_what_the_bill_run_of_the_period_must_come_to(ran):
    (closed,) = ran.of(PeriodClosed)
    (entry,) = closed.closed
    assert isinstance(entry, Unbilled)
    assert (entry.records, Decimal(entry.amount)) == (2, Decimal("0.80"))
    assert closed.unbilled == ()


def test_late_usage_is_billed_in_the_next_period_by_the_tiers_of_its_own(ran):
    """80 B of January came before it: 20 B are left of the first tier."""
    late = ran.charge("dev-1:late")
    assert (late.usage_period_ms, late.bill_period_ms) == (JANUARY, FEBRUARY)
    assert Decimal(late.amount) == Decimal("0.60")
    assert ran.charge("dev-1:j-2").bill_period_ms == JANUARY


def test_the_list_of_charges_says_the_month_of_each_and_which_is_billed_with_another(ran):
    months = sorted((one["month"], one["bill_month"]) for one in ran.told["charges"].json)
    assert months == [
        *[("2026-01", "2026-01")] * 2,
        ("2026-01", "2026-02"),
        *[("2026-02", "2026-02")] * 3,
    ]
    assert "Billed with" in ran.told["listed"].out


def test_the_next_period_has_tiers_of_its_own(ran):
    amounts = [Decimal(ran.charge(f"dev-1:f-{number}").amount) for number in (1, 2, 3)]
    assert amounts == [Decimal("0.50"), Decimal("0.50"), Decimal("1.00")]
    assert ran.charge("dev-1:f-1").usage_period_ms == FEBRUARY


def test_a_close_resets_the_counters_of_limits(ran):
    """Four unbilled records are the limit: without the close the fourth one is the first of
    February, with it the third one, since the late record is unbilled there too."""
    crossing = {one.account_id: one.crossing_charge_id for one in ran.of(LimitReached)}
    assert crossing == {
        "fleet": ran.charge("dev-1:f-3").charge_id,
        "farm": ran.charge("dev-2:f-1").charge_id,
    }
    assert ran.billed["fleet"] == (4, Decimal("2.60"))


def test_an_account_that_is_not_closed_goes_on_as_before(ran):
    late = ran.charge("dev-2:late")
    assert (late.usage_period_ms, late.bill_period_ms) == (JANUARY, JANUARY)
    assert ran.billed["farm"] == (4, Decimal("1.90"))


def test_a_sequence_of_each_account_has_no_gaps(ran):
    for account in ("fleet", "farm"):
        numbers = [one.sequence for one in _without_proofs(ran.ledger) if one.rating_key == account]
        assert numbers[0] == 1
        assert all(after == before + 1 for before, after in pairwise(numbers))


def test_closing_again_changes_nothing(ran):
    assert ran.told["again"].json["queued"] == 0
    assert len(_without_proofs(ran.ledger)) == ran.ledger_before


def test_a_command_that_is_published_twice_takes_effect_once(ran):
    assert ran.raw_commands == 4  # both, each twice
    assert ran.copies == 2
    assert len(ran.commands) == 2


def test_an_earlier_period_is_closed_with_the_later_one(ran):
    assert ran.told["older"].json["queued"] == 1
    assert sorted(one.period_end_ms for one in ran.commands) == [JANUARY, FEBRUARY]
    assert len(ran.closes) == 1


@pytest.mark.parametrize(
    ("asked", "answer"), [("running month", "is not over"), ("unknown", "no account nobody")]
)
def test_what_cannot_be_closed_is_refused(ran, asked, answer):
    assert ran.told[asked].code == Exit.REFUSED
    assert answer in ran.told[asked].err
