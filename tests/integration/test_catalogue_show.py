"""`ratemill catalogue versions` and `show`: two versions on a real broker and database."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pipeline.cli.exits import Exit
from tests.integration.live_installation import LiveInstallation

FIRST = """
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
plans:
  home:
    currency: EUR
    prices:
      calls:
        product: voice
        versions:
          - {valid_from: 2026-01-01, price: {model: per_unit, amount: 0.08, per: 1 min}}
          - {valid_from: 2026-10-15, price: {model: per_unit, amount: 0.09, per: 1 min}}
  traffic:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: flat, amount: 0.10}}
"""
SECOND = FIRST.replace("0.10", "0.12")
IN_JANUARY = (
    "plan home, price calls, from 1 January 2026 to 14 October 2026: of voice: 0.08 EUR per min"
)
SINCE_OCTOBER = "plan home, price calls, from 15 October 2026: of voice: 0.09 EUR per min"


@pytest.fixture(scope="module")
def told(services, tmp_path_factory):
    return asyncio.run(_run(services, tmp_path_factory.mktemp("show")))


async def _run(services, folder):
    told = {}
    async with LiveInstallation.created(services, folder, catalogue={"plans.yaml": FIRST}) as here:
        told["one"] = await here.command("catalogue", "versions", "--json")
        path = here.file("second/plans.yaml", SECOND.encode())
        told["published"] = await here.command("catalogue", "publish", path.parent, "--json")
        for name, words in {
            "versions": ("versions", "--json"),
            "versions as text": ("versions",),
            "newest": ("show", "--plan", "traffic"),
            "first": ("show", "--plan", "traffic", "--version", told["one"].json[0]["version"]),
            "all": ("show",),
            "before": ("show", "--plan", "home", "--at", "2026-10-14"),
            "from then on": ("show", "--plan", "home", "--at", "2026-10-15"),
            "json": ("show", "--plan", "home", "--json"),
            "no version": ("show", "--version", 999),
            "no plan": ("show", "--plan", "trafic"),
        }.items():
            told[name] = await here.command("catalogue", *words)
    return told


def lines(said):
    assert said.code == Exit.OK, said
    return [line.strip() for line in said.out.splitlines() if line]


def test_versions_are_listed_the_newest_first(told):
    newest, first = told["versions"].json
    assert [first] == told["one"].json
    assert newest["version"] == told["published"].json["version"] > first["version"]
    assert (first["products"], first["plans"], first["rows"]) == (1, 2, 0)
    published = [dt.datetime.fromisoformat(each["published_at"]) for each in (first, newest)]
    assert published[0] < published[1]
    assert "UTC" in told["versions as text"].out


def test_a_version_says_what_it_said_when_it_was_published(told):
    assert "0.12 EUR" in told["newest"].out
    assert "0.10 EUR" in told["first"].out


def test_everything_is_shown_and_nothing_is_said_to_be_added(told):
    shown = lines(told["all"])
    assert shown[0] == "products"
    assert shown[1].startswith("product voice")
    assert {"plans home", "plans traffic"} <= set(shown)
    assert {IN_JANUARY, SINCE_OCTOBER} <= set(shown)
    assert not [line for line in shown if line.startswith("added")]


def test_prices_of_a_day(told):
    assert IN_JANUARY in lines(told["before"])
    assert SINCE_OCTOBER not in lines(told["before"])
    assert SINCE_OCTOBER in lines(told["from then on"])
    assert IN_JANUARY not in lines(told["from then on"])


def test_json_has_the_parts_of_each_line(told):
    said = told["json"].json
    assert said["version"] == told["published"].json["version"]
    assert {each["at"].partition(".prices")[0] for each in said["says"]} == {"plans.home"}
    assert said["says"][-1]["valid_from"] == "2026-10-15"
    assert "kind" not in said["says"][-1]


def test_what_there_is_not_is_told(told):
    assert told["no version"].code == Exit.FAILED
    assert "no version 999" in told["no version"].err
    assert told["no plan"].code == Exit.USAGE
    assert "home, traffic" in told["no plan"].err
