"""The published JSON Schema of the ledger is that of the code, and real records hold to it."""

import json

import jsonschema
import pytest

from deploy.write_ledger_schema import FILE, schema_text
from schemas.flow import Channel
from schemas.proof import proof_to_json
from tests.ledger_builders import OCTOBER, period_close, records_limit
from tests.rate_world import MemoryStage, account, event

VALIDATOR = jsonschema.Draft202012Validator(json.loads(FILE.read_text()))


def ledger_values():
    """Return what rate writes for charges, a limit reached and a period closed, as it writes it."""
    stage = MemoryStage(records_limit(3), accounts=[account()])
    stage.batch(event(1), event(2, product="voice", quantity="61"))
    stage.batch(event(3, product="data", quantity="12"), event(4), period_close(end_ms=OCTOBER))
    values = [append.value for append in stage.appends if append.channel is Channel.LEDGER]
    return [*values, *(proof_to_json(proof) for proof in stage.proofs)]


@pytest.fixture(scope="module")
def records():
    """One ledger record of each kind, as a reader's JSON library sees it."""
    return {record["kind"]: record for record in map(json.loads, ledger_values())}


def test_the_committed_schema_is_what_the_code_gives():
    assert FILE.read_text() == schema_text(), "run `make generated` and commit what it writes"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_whatever_rate_writes_is_valid(records):
    assert set(records) == {"usage", "limit_reached", "period_closed", "proof"}
    for value in ledger_values():
        VALIDATOR.validate(json.loads(value))


def test_a_field_that_a_later_version_adds_is_valid(records):
    VALIDATOR.validate(records["usage"] | {"margin": "0.10"})


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0.05},
        {"amount": "5e-2"},
        {"kind": "rebate"},
        {"started_at_ms": "2026-10-01"},
        {"charge_id": None},
        {"unbilled": [["voice", "call", OCTOBER, "EUR", 1]]},
    ],
    ids=[
        "an amount as a number",
        "an exponent",
        "an unknown kind",
        "a time as text",
        "no charge id",
        "an array too short",
    ],
)
def test_what_is_no_charge_is_not_valid(records, change):
    assert not VALIDATOR.is_valid(records["usage"] | change)
