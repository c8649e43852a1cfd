"""Prices with conditions on real processes: attributes from files decide, by the time of the usage; the
reconciliation agrees, and a charge says why."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import CLOSING, Charge, LedgerRecord
from tests.integration.live_installation import LiveInstallation, Said, event_json
from tests.integration.test_period_close import _close, _relayed

CATALOGUE = {
    "plans.yaml": """
products:
  iot-data: {type: data, usage_kind: data, unit: B}
plans:
  base:
    currency: EUR
    prices:
      gold: {product: iot-data, when: account.vip == "gold", price: {model: flat, amount: 1}}
      others:
        product: iot-data
        price: {model: flat, amount: 5, discount: [{percent: 20, when: subscription.zone == "B"}]}
  farm:
    extends: base
    prices:
      promised:
        product: iot-data
        when: account.id == "farm" and subscription.zone != "closed"
        price: {model: flat, amount: 2, least: {month: 10}}
"""
}
ACCOUNTS = """
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "attributes": [{"values": {"vip": "silver"}}, {"valid_from": "2026-01-12", "values": {"vip": "gold"}}], "subscriptions": [{"id": "fleet-1", "identifier": "dev-1", "plan": "base", "valid_from": "2020-01-01", "valid_to": "2026-01-11", "attributes": {"zone": "A"}}, {"id": "fleet-1", "identifier": "dev-1", "plan": "base", "valid_from": "2026-01-11", "attributes": {"zone": "B"}}]}
{"id": "farm", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions": [{"id": "farm-1", "identifier": "dev-2", "plan": "farm", "valid_from": "2020-01-01"}]}
"""


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)

    def charges(self, account_id: str) -> list[tuple[str, str, Decimal]]:
        """Return kind, price and amount of the charges of an account, in order."""
        return [
            (one.usage_kind, one.price_id, Decimal(one.amount))
            for one in self.ledger
            if isinstance(one, Charge) and one.account_id == account_id
        ]


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("conditions")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(
        services, folder, catalogue=CATALOGUE, accounts=ACCOUNTS
    ) as here:
        async with here.working():
            lines = [
                event_json(f"r-{number}", at=f"2026-01-{number}T12:00:00Z")
                for number in (10, 11, 12)
            ]
            lines.append(event_json("f-1", at="2026-01-10T12:00:00Z", subject="dev-2"))
            path = here.file("usage.jsonl", b"\n".join(lines) + b"\n")
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
            for account_id in ("fleet", "farm"):
                ran.told[account_id] = await _close(here, "2026-01", account_id)
                await _relayed(here)
        async with here.working():  # other processes, which read all versions anew
            late = here.file("late.jsonl", event_json("r-9", at="2026-01-11T08:00:00Z") + b"\n")
            said = await here.ingest(late, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
        ran.ledger = await here.ledger()
        ran.told["verify"] = await here.command("verify", "--json")
        discounted = next(
            one for one in ran.ledger if isinstance(one, Charge) and one.record_id.endswith("r-11")
        )
        ran.told["explain"] = await here.command("explain", discounted.charge_id)
    return ran


def test_the_attributes_at_the_time_of_the_usage_decide(ran):
    """Zone A, then B with a discount, then gold; late usage of zone B is as it would have been."""
    assert ran.charges("fleet") == [
        ("data", "base/others", 5),
        ("data", "base/others", 4),
        ("data", "base/gold", 1),
        ("data", "base/others", 4),
    ]


def test_terms_of_one_customer_and_their_close(ran):
    assert ran.charges("farm") == [("data", "farm/promised", 2), (CLOSING, "farm/promised", 8)]


def test_it_reconciles(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"].out


def test_a_charge_says_what_was_asked(ran):
    said = " ".join(ran.told["explain"].out.split())
    assert '20 % off is given: subscription.zone == "B"; subscription.zone is B.' in said
