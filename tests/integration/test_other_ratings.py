"""Usage that is rated under other plans too, on real processes: what it costs is in the ledger and the
tables, is summed to margins, and is held to the ledger by the reconciliation."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from pipeline.cli.exits import Exit
from schemas.ledger import ADJUSTMENT, CLOSING, Charge, LedgerRecord, OtherRating
from tests.integration.live_installation import LiveInstallation, Said, event_json
from tests.integration.test_period_close import _close, _relayed

CATALOGUE = {
    "plans.yaml": """
products:
  iot-data: {type: data, usage_kind: data, unit: B}
plans:
  carrier:
    currency: EUR
    prices:
      data:
        product: iot-data
        versions: [{valid_from: 2026-01-10, price: {model: per_unit, amount: 0.25, per: 1 B}}]
  partner:
    currency: EUR
    prices:
      gold: {product: iot-data, when: account.vip == "gold", price: {model: flat, amount: 3}}
      others: {product: iot-data, price: {model: flat, amount: 4}}
  traffic:
    currency: EUR
    also_rated: {reseller: partner, wholesale: carrier}
    prices:
      data:
        product: iot-data
        price: {model: volume, per: 1 B, tiers: [{upto: 10 B, amount: 2}, {amount: 1}], least: {month: 30}}
  plain:
    currency: EUR
    prices: {data: {product: iot-data, price: {model: flat, amount: 5}}}
"""
}
ACCOUNTS = """
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "attributes": [{"valid_from": "2026-01-12", "values": {"vip": "gold"}}], "subscriptions": [{"id": "fleet-1", "identifier": "dev-1", "plan": "traffic", "valid_from": "2020-01-01"}]}
{"id": "farm", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions": [{"id": "farm-1", "identifier": "dev-2", "plan": "plain", "valid_from": "2020-01-01"}]}
"""


@dataclass
class Run:
    told: dict[str, Said] = field(default_factory=dict)
    ledger: list[LedgerRecord] = field(default_factory=list)
    rows: dict[str, tuple[Decimal, str | None]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Charge]:
        """Return the charges of a kind, in order."""
        return [one for one in self.ledger if isinstance(one, Charge) and one.usage_kind == kind]


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("others")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(
        services, folder, catalogue=CATALOGUE, accounts=ACCOUNTS
    ) as here:
        async with here.working():
            lines = [
                event_json(
                    "r-9", at="2026-01-09T12:00:00Z", size=1
                ),  # the carrier has no price yet
                event_json("r-10", at="2026-01-09T23:30:00Z", size=8),  # the 10th in Berlin
                event_json("r-12", at="2026-01-12T12:00:00Z", size=4),
                event_json("f-1", at="2026-01-10T12:00:00Z", subject="dev-2"),
            ]
            path = here.file("usage.jsonl", b"\n".join(lines) + b"\n")
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
        # All state is lost: it is the fold of a ledger in which charges have other ratings.
        shutil.rmtree(here.settings.state_folder())
        async with here.working():
            path = here.file("more.jsonl", event_json("r-13", at="2026-01-13T12:00:00Z") + b"\n")
            said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
            assert said.code == Exit.OK, said
            await here.through()
            ran.told["close"] = await _close(here, "2026-01", "fleet")
            await _relayed(here)
        ran.ledger = await here.ledger()
        for row in await here.rows("SELECT charge_id, amount, other_ratings FROM rated_usage"):
            ran.rows[row["charge_id"].hex] = row["amount"], row["other_ratings"]
        ran.told["suspense"] = await here.command("suspense", "list", "--json")
        ran.told["verify"] = await here.command("verify", "--json")
        for by in ("product", "account", "destination"):
            ran.told[by] = await here.command("margin", "--month", "2026-01", "--by", by, "--json")
        ran.told["shown"] = await here.command("margin", "--month", "2026-01")
        ran.told["february"] = await here.command("margin", "--month", "2026-02")
        ran.told["charges"] = await here.command("charges", "fleet", "--json")
        ran.told["listed"] = await here.command("charges", "fleet")
        ran.told["explain"] = await here.command("explain", ran.of("data")[0].charge_id)
        await _correct(here, ran)
        await here.execute(
            "UPDATE rated_usage SET other_ratings = replace(other_ratings::text, "
            '\'"amount":"4.0\', \'"amount":"3.0\')::json'
        )
        ran.told["changed"] = await here.command("verify", "--json")
    return ran


async def _correct(here: LiveInstallation, ran: Run) -> None:
    """Take the usage of the 10th back, and rate the month anew by a cheaper carrier."""
    taken_back = next(one for one in ran.of("data") if one.record_id.endswith("r-10"))
    cheaper = CATALOGUE["plans.yaml"].replace("amount: 0.25", "amount: 0.20")
    folder = here.file("cheaper/plans.yaml", cheaper.encode()).parent
    async with here.working():
        said = await here.command("correct", "reverse", taken_back.charge_id, "--apply")
        assert said.code == Exit.OK, said
        await _relayed(here)
        said = await here.command("catalogue", "publish", folder)
        assert said.code == Exit.OK, said
        rerate = ("correct", "rerate", "--month", "2026-01", "--account", "fleet", "--apply")
        ran.told["rerated"] = await here.command(*rerate)
        await _relayed(here)
    ran.told["corrected"] = await here.command("margin", "--month", "2026-01", "--json")
    ran.told["verified again"] = await here.command("verify", "--json")


def costs(charge: Charge) -> list[tuple[str, str, Decimal]]:
    return [(one.name, one.price_id, Decimal(one.amount)) for one in charge.other_ratings or ()]


def test_each_charge_has_what_it_costs_at_the_time_of_its_usage(ran):
    assert [costs(one) for one in ran.of("data") if one.account_id == "fleet"] == [
        [("reseller", "partner/others", 4), ("wholesale", "carrier/data", 2)],
        [("reseller", "partner/gold", 3), ("wholesale", "carrier/data", 1)],
        [("reseller", "partner/gold", 3), ("wholesale", "carrier/data", Decimal("0.25"))],
    ]
    assert [costs(one) for one in ran.of("data") if one.account_id == "farm"] == [[]]


def test_adjustments_and_closings_have_none(ran):
    others = ran.of(ADJUSTMENT) + ran.of(CLOSING)
    assert len(others) == 2
    assert [costs(one) for one in others] == [[], []]


def test_usage_without_a_price_of_the_other_plan_waits_with_its_reason(ran):
    (waits,) = ran.told["suspense"].json["records"]
    assert waits["reason"] == "rating.no_tariff_in_force"
    assert waits["detail"].startswith(
        "rating wholesale, under plan carrier: no version of carrier/"
    )


def test_the_tables_have_what_the_ledger_has(ran):
    charges = [one for one in ran.ledger if isinstance(one, Charge)]
    assert len(charges) == len(ran.rows) > 4
    for one in charges:
        amount, text = ran.rows[one.charge_id]
        assert amount == Decimal(one.amount)
        kept = None if text is None else msgspec.json.decode(text, type=tuple[OtherRating, ...])
        assert kept == (one.other_ratings or None)


def test_it_reconciles_also_when_the_state_was_lost(ran):
    assert ran.told["verify"].code == Exit.OK, ran.told["verify"].out


def test_a_cost_that_was_changed_in_the_tables_is_named(ran):
    said = ran.told["changed"]
    assert said.code == Exit.FAILED
    (finding,) = said.json["findings"]
    assert finding["check"] == "postgres.rated_usage"
    assert "reseller partner 4" in finding["expected"]
    assert "reseller partner 3" in finding["found"]


def test_margins_are_summed_by_what_is_paid_from_what(ran):
    """8 B at 2, then 12 B at 1 (8 less), one more, and what is missing of 30: 16, 4 and 1."""
    document = ran.told["product"].json
    assert [
        (one["of"], one["rating"], one["paid_from"], one["records"], *amounts(one))
        for one in document["sums"]
    ] == [
        ("iot-data", "reseller", "charge", 3, 21, 10, 11),
        ("iot-data", "wholesale", "reseller", 3, 10, Decimal("3.25"), Decimal("6.75")),
    ]
    assert [
        (one["kind"], one["charges"], Decimal(one["amount"])) for one in document["without"]
    ] == [
        ("usage", 1, 5),
        ("closing", 1, 17),
        ("adjustment", 1, -8),
    ]
    every = sum(Decimal(one.amount) for one in ran.ledger if isinstance(one, Charge))
    assert every == 21 + 5 + 17 - 8


def amounts(one) -> tuple[Decimal, ...]:
    return tuple(Decimal(one[name]) for name in ("before", "amount", "margin"))


def test_a_correction_takes_back_and_rates_anew_what_usage_costs(ran):
    """4 B and 1 B are left, at 3 each of the reseller, and at 0.20 instead of 0.25 of the carrier. The
    charge of 1 B is dearer by 5 without the 5 B before it, which is margin as well."""
    assert ran.told["rerated"].code == Exit.OK, ran.told["rerated"]
    assert "traffic/data, as wholesale" in ran.told["rerated"].out
    document = ran.told["corrected"].json
    assert [(one["rating"], one["records"], *amounts(one)) for one in document["sums"]] == [
        ("reseller", 2, 10, 6, 4),
        ("wholesale", 2, 6, 1, 5),
    ]
    others = {one["kind"]: Decimal(one["amount"]) for one in document["without"]}
    assert others == {"usage": 5, "closing": 17, "adjustment": -8, "correction": 11}
    assert 10 + sum(others.values()) == 30 + 5  # the least of the month, and the farm
    assert ran.told["verified again"].code == Exit.OK, ran.told["verified again"].out


def test_margins_by_account_and_destination(ran):
    assert [one["of"] for one in ran.told["account"].json["sums"]] == ["fleet", "fleet"]
    assert [one["of"] for one in ran.told["account"].json["without"]] == ["farm", "fleet", "fleet"]
    assert [one["of"] for one in ran.told["destination"].json["sums"]] == ["", ""]


def test_margins_are_shown_with_their_currency(ran):
    shown = " ".join(ran.told["shown"].out.split())
    assert "iot-data reseller 3 charge 21.00 EUR 10.00 EUR 11.00 EUR 52.4" in shown
    assert "iot-data adjustment 1 -8.00 EUR" in shown
    assert "No charge for usage of 2026-02." in ran.told["february"].err


def test_the_charges_of_an_account_show_what_they_cost(ran):
    newest = next(one for one in ran.told["charges"].json if one["usage_kind"] == "data")
    assert [(one["name"], one["margin"]) for one in newest["other_ratings"]] == [
        ("reseller", "-2.0000000000"),
        ("wholesale", "2.7500000000"),
    ]
    assert "wholesale" in ran.told["listed"].out


def test_a_charge_explains_what_it_costs(ran):
    said = " ".join(ran.told["explain"].out.split())
    assert "Rated as wholesale under plan carrier:" in said
    assert "Rated as wholesale: 2.00 EUR." in said
    assert "Margin over wholesale: 2.00 EUR." in said
