"""The README's worked example: a line of the sample, decoded, priced and explained as it says."""

import datetime as dt
import pathlib
import re

import pytest

from pipeline.cli.catalogue import catalogue_files
from rating.catalogue import check, compile
from rating.explain import sentences
from schemas.period import from_ms, to_ms
from sources.reference.accounts import read_accounts
from tests import mediation_world, rate_world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "deploy" / "sample"
README = (ROOT / "README.md").read_text()
ARRIVED = to_ms(dt.datetime(2026, 10, 14, 9, 30, tzinfo=dt.UTC))


def block(marker):
    """Return the code block behind a marker."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"the README has no block {marker}"
    return found[1]


def row(step):
    """Return what the table of the example says that a step finds."""
    found = re.search(rf"^\| {step} \| (.+?) \| .+ \|$", README, re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def accounts():
    files = {"accounts.yaml": (SAMPLE / "accounts.yaml").read_bytes()}
    read = read_accounts(files, tenant="default")
    assert read.problems == ()
    return read.accounts


@pytest.fixture(scope="module")
def normalised(accounts):
    """Normalise after the file came, as `ratemill ingest` sends it."""
    stage = mediation_world.MemoryStage()
    stage.reference.apply(accounts, version=6)
    record = stage.record(
        (SAMPLE / "usage" / "calls.csv").read_bytes(),
        at=ARRIVED,
        tenant="default",
        source="fs-1",
        format="freeswitch-csv",
        zone="Europe/Berlin",
        record="block",
        file_id="1",
        block="0",
        first_line="1",
    )
    stage.batch(record)
    return stage


@pytest.fixture(scope="module")
def rated(accounts, normalised):
    """Rate after the events of the file."""
    document = check(catalogue_files(SAMPLE / "catalogue")).document
    stage = rate_world.MemoryStage(accounts=accounts, catalogue=compile(document, 2))
    stage.batch(*normalised.events())
    return stage


@pytest.fixture(scope="module")
def charge(rated):
    (only,) = rated.ledger()
    return only


def test_the_line_is_the_sample_s():
    first = (SAMPLE / "usage" / "calls.csv").read_text().splitlines(keepends=True)[0]
    assert block("line 1 of deploy/sample/usage/calls.csv") == first


def test_decode_finds_what_the_table_says(normalised):
    event = normalised.events()[0]
    began = from_ms(event.started_at_ms).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = event.quantities["s"]
    expected = f"began {began}, when it was answered; {seconds} s; to {event.destination}"
    assert row("decode") == expected


def test_the_call_is_identified_as_the_table_says(normalised):
    assert row("identify").startswith(f"{normalised.events()[0].identity.hex()[:8]}...")


def test_it_is_whose_the_table_says(normalised, accounts):
    event, plan = normalised.events()[0], accounts[0].subscriptions[0].plan
    assert row("whose") == (
        f"{event.origin} is subscription {event.subscription_id} of account {event.account_id}, "
        f"on plan {plan}"
    )


def test_the_price_is_the_one_that_the_table_says(charge):
    steps = {code: rest for code, *rest in charge.explanation}
    prefix, band, increments = steps["prefix"][0], steps["band"][0], steps["increments"][0]
    amount, per_units = steps["rate"]
    assert per_units == "60"
    assert row("price") == (
        f"prefix {prefix}, {band}: {amount} EUR per minute, {increments}, "
        f"and {steps['connect_fee'][0]} EUR to connect"
    )


def test_the_charge_and_the_counter_are_those_of_the_table(charge):
    assert row("charge") == f"126 / 60 x 0.0221 + 0.09 = {charge.amount} {charge.currency}"
    (counter,) = charge.counters_after
    (unbilled,) = charge.unbilled
    assert unbilled.amount == charge.amount
    assert row("count") == (
        f"October: {counter.records} record, {counter.quantity} {charge.unit}, {counter.amount} "
        f"{charge.currency} of {charge.product}; as much is unbilled"
    )


def test_explain_says_what_the_readme_shows(charge):
    numbered = [f"{n}. {text}" for n, text in enumerate(sentences(charge), start=1)]
    assert block("explanation of line 1").splitlines() == numbered


def test_the_other_lines_become_what_the_readme_says(normalised, rated):
    assert normalised.proof.outcomes == {"normalised": 2, "duplicate": 1, "suspended": 1}
    assert normalised.reasons() == ["duplicate", "mediation.negative_quantity"]
    assert rated.proofs[-1].outcomes == {"rated": 1, "filtered": 1}
    assert [each.index for each in normalised.suspense()] == [1, 3]


def test_what_the_readme_says_has_no_price_is_what_has_no_form():
    """A form that comes is taken off both lists."""
    (said,) = re.findall(r"^- Prices of (.+?): \[docs/pricing", README, re.MULTILINE | re.DOTALL)
    words = said.split(", ")
    pricing = (ROOT / "docs" / "pricing.md").read_text()
    without_form = pricing.partition("\n## What has no form yet\n")[2].partition("\n## ")[0]
    assert len(words) > 3
    ends = [end for word in words for end in (word.split()[0], word.split()[-1])]
    assert [end for end in ends if end not in without_form] == []
