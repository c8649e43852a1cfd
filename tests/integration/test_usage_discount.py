"""A discount by the usage of another product, on real processes: five films of a month are ten percent
off all messages of that month, in the ledger, the tables, and as the reconciliation sees it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import ADJUSTMENT, CLOSING, Charge, LedgerRecord
from tests.integration.live_installation import LiveInstallation, Said
from tests.integration.test_period_close import _close, _relayed

CATALOGUE = {
    "plans.yaml": """
products:
  video: {type: video, usage_kind: event, unit: record}
  iot-message: {type: message, usage_kind: message, unit: record}
plans:
  home:
    currency: EUR
    prices: {film: {product: video, price: {model: flat, amount: 1.00}}}
  traffic:
    currency: EUR
    prices:
      film: {product: video, price: {model: flat, amount: 1.00}}
      message:
        product: iot-message
        price:
          model: flat
          amount: 10.00
          discount_by_usage: {product: video, reached: [{from: 5, percent: 10}]}
"""
}
FILM, MESSAGE = "video.watched", "device.message"


def _events(*days_and_types: tuple[int, str, str]) -> bytes:
    lines = []
    for number, (day, subject, kind) in enumerate(days_and_types):
        data = {"seconds": 60} if kind == FILM else {"to": "4930"}
        event = {"specversion": "1.0", "id": f"{subject}-{day}-{number}", "source": "fleet"}
        event |= {"type": kind, "subject": subject, "time": f"2026-01-{day:02}T12:00:00Z"}
        lines.append(json.dumps(event | {"data": data}).encode())
    return b"\n".join(lines) + b"\n"


# TV-7: 30.00 before the fifth film and 20.00 after it; the farm's five films come after its last message.
USAGE = _events(
    *[(1, "dev-1", MESSAGE)] * 3,
    *[(2, "dev-1", FILM)] * 5,
    *[(3, "dev-1", MESSAGE)] * 2,
    *[(1, "dev-2", MESSAGE)] * 3,
    *[(2, "dev-2", FILM)] * 5,
)


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)
    sums: dict[str, Decimal] = field(default_factory=dict)

    def charges(self, account: str) -> list[tuple[str, Decimal]]:
        """Return kind and amount of an account's charges for messages, in order."""
        return [
            (record.usage_kind, Decimal(record.amount))
            for record in self.ledger
            if isinstance(record, Charge)
            and (record.account_id, record.product) == (account, "iot-message")
        ]


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("films")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(services, folder, catalogue=CATALOGUE) as here:
        async with here.working():
            path = here.file("usage.jsonl", USAGE)
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
            for account in ("fleet", "farm"):
                ran.told[account] = await _close(here, "2026-01", account)
            await _relayed(here)
        ran.ledger = await here.ledger()
        ran.sums = {
            row["account_id"]: row["total"]
            for row in await here.rows(
                "SELECT account_id, sum(amount) AS total FROM rated_usage "
                "WHERE product = 'iot-message' GROUP BY account_id"
            )
        }
        ran.told["verify"] = await here.command("verify", "--json")
        for closing in ran.ledger:
            if isinstance(closing, Charge) and closing.usage_kind == CLOSING:
                told = await here.command("explain", closing.charge_id)
                ran.told[f"explain {closing.account_id}"] = told
    return ran


def test_calls_already_rated_are_adjusted_by_one_record(ran):
    assert ran.charges("fleet") == [
        *[("message", 10)] * 3,
        (ADJUSTMENT, -3),
        *[("message", 9)] * 2,
        (CLOSING, 0),
    ]


def test_what_is_reached_after_the_last_charge_is_adjusted_at_the_close(ran):
    assert ran.charges("farm") == [*[("message", 10)] * 3, (CLOSING, -3)]


def test_the_tables_have_the_same(ran):
    assert ran.sums == {"fleet": 45, "farm": 27}


def test_it_reconciles(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"].out


def test_the_close_explains_what_it_gives_back(ran):
    said = ran.told["explain farm"].out
    assert "The account used 5 records of video in the month: 10 % off all of the month." in said, (
        said
    )
    assert "came to 30.00 EUR, and comes to 27.00 EUR" in said, said


def test_a_close_that_asks_for_nothing_says_what_the_month_is_closed_at(ran):
    said = ran.told["explain fleet"].out
    assert (
        "The month is closed at 45.00 EUR: usage of it that comes later takes it no lower." in said
    )
    assert "Charge: 0.00 EUR." in said
