"""`ratemill replay` on real parts: two catalogues, two plans, a close; the same bytes, and another price."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest

from pipeline.cli.exits import Exit
from pipeline.replaying.versions import NotReadable, PastVersions
from schemas.period import from_ms
from schemas.proof import Proof
from tests.integration.live_installation import ACCOUNTS, LiveInstallation, event_json
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
  ten-records: {scope: account, records: 5}
"""
DEARER = CATALOGUE.replace("amount: 0.02", "amount: 0.03")
MOVED = ACCOUNTS.replace('"plan": "traffic"', '"plan": "home"')


@pytest.fixture(scope="module")
def told(services, tmp_path_factory):
    return asyncio.run(_run(services, tmp_path_factory.mktemp("replay")))


async def _run(services, folder):
    told = {}
    async with LiveInstallation.created(
        services, folder, catalogue={"plans.yaml": CATALOGUE}
    ) as here:
        async with here.working():
            await _use(here, "first")
            await _publish(here, DEARER)
            await _use(here, "second")
            moved = here.file("moved.jsonl", MOVED.lstrip().encode())
            said = await here.command("reference", "load", moved)
            assert said.code == Exit.OK, said
            await _use(here, "third")
            await _close(here, "2026-01", "fleet")
            await _relayed(here)
        batches = [one for one in await here.ledger() if isinstance(one, Proof) and one.batch]
        told["batches"] = len(batches)
        told["prices"] = await here.rows("SELECT amount FROM rated_usage ORDER BY sequence")
        told["all"] = await here.command("replay", "--json")
        told["text"] = await here.command("replay")
        number = next(
            each["partition"] for each in told["all"].json["partitions"] if each["batches"]
        )
        newest = await here.command(
            *("peek", "rated", "--where", "kind=proof", "--partition", number),
            *("--limit", 1, "--json"),
        )
        at = from_ms(newest.json["appended_at_ms"]).isoformat()
        one = ("--partition", number, "--json")
        told["since"] = await here.command("replay", "--since", at, *one)
        told["until"] = await here.command("replay", "--until", at, *one)
        told["nothing"] = await here.command("replay", "--until", "2020-01-01T00:00Z")
        told["no instant"] = await here.command("replay", "--since", "2020-01-01")
        told["no partition"] = await here.command("replay", "--partition", 2)
        with mock.patch.object(PastVersions, "_catalogue", _always_the_newest):
            told["another catalogue"] = await here.command("replay", "--json")
        with mock.patch.object(PastVersions, "_catalogue", _without_the_first):
            told["a version is gone"] = await here.command("replay", "--json")
        with mock.patch.object(PastVersions, "_catalogue", _without_any):
            told["all are gone"] = await here.command("replay", "--json")
        told["left behind"] = sorted(each.name for each in here.settings.data.glob("replay-*"))
    return told


_catalogue = PastVersions._catalogue


def _always_the_newest(self, version):
    newest = _catalogue(self, max(self._heads))
    self._compiled = None
    return newest


def _without_the_first(self, version):
    self._heads.pop(min(self._heads) if len(self._heads) > 1 else -1, None)
    return _catalogue(self, version)


def _without_any(self, version):
    raise NotReadable(f"version {version} of the catalogue")


async def _use(here, name):
    lines = [event_json(f"{name}-{n}", size=30) for n in range(3)]
    path = here.file(f"{name}.jsonl", b"\n".join(lines) + b"\n")
    said = await here.ingest(path, source="meters", format_name="cloudevents-iot")
    assert said.code == Exit.OK, said
    await here.through()


async def _publish(here, catalogue):
    path = here.file("dearer/plans.yaml", catalogue.encode())
    said = await here.command("catalogue", "publish", path.parent)
    assert said.code == Exit.OK, said


def test_every_batch_comes_out_the_same(told):
    said = told["all"].json
    assert told["all"].code == Exit.OK, told["all"]
    assert len({row["amount"] for row in told["prices"]}) > 2, "two catalogues and two plans"
    assert (
        said["batches"] == told["batches"] == sum(e["same_bytes"] for e in said["partitions"]) >= 4
    )
    assert (said["differing"], said["left_out"]) == (0, {})
    for each in said["partitions"]:
        assert each["written_hash"] == each["replayed_hash"]
    assert f"All {told['batches']} batches come out the same." in told["text"].err


def test_a_window_is_rated_from_the_counters_as_they_were(told):
    of_all = sum(each["batches"] for each in told["all"].json["partitions"])
    assert told["since"].json["batches"] == 1
    assert told["until"].json["batches"] == of_all - 1
    assert told["since"].json["differing"] == told["until"].json["differing"] == 0
    assert "No batch" in told["nothing"].err


def test_under_another_catalogue_each_charge_that_differs_is_named(told):
    said = told["another catalogue"]
    assert said.code == Exit.FAILED
    differences = [one for each in said.json["partitions"] for one in each["differences"]]
    assert any("0.60" in one["was"] and "0.90" in one["is_now"] for one in differences)


def test_a_version_that_is_gone_is_said_and_not_guessed(told):
    said = told["a version is gone"].json
    assert list(said["left_out"].values()) == [1]
    assert "catalogue" in next(iter(said["left_out"]))
    assert said["differing"] == 0


def test_a_replay_of_nothing_proves_nothing(told):
    said = told["all are gone"]
    assert (said.code, said.json["same"], said.json["batches"]) == (Exit.FAILED, False, 0)


def test_bad_options_are_told(told):
    assert told["no instant"].code == told["no partition"].code == Exit.USAGE


def test_nothing_is_left_behind(told):
    assert told["left behind"] == []
