"""Runs every scenario of limits.txt, and compares the ledger's records with a golden file.

A line this runner cannot read is an error, so a scenario is never passed over.
"""

import pathlib
import re
from decimal import Decimal

import msgspec
import pytest

from counters.limits import check, in_force
from counters.period import close
from counters.state import NEW_HEAD
from schemas import ledger
from tests.ledger_builders import (
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    amount_limit,
    charge_after,
    period_close,
    records_limit,
)

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "limits.jsonl"
MONTHS = {"September": (SEPTEMBER, OCTOBER), "October": (OCTOBER, NOVEMBER)}
TYPES = {"roaming": "call", "voice": "call"}  # of another product: its own code

COUNT = r"(\d+) records? (-?\S+) EUR"
LIMIT = re.compile(
    r"limit (\S+): (?:(?P<amount>\S+) EUR|(?P<records>\d+) records) of (?P<scope>[^,]+)"
    r"(?P<only>, invoice only these)?"
)
RECORD = re.compile(rf"(\S+) (-?\S+) EUR(?: in (\w+))?(?:, invoice of {COUNT})?")
CLOSE = re.compile(rf"close (\w+)(?:, bill run of {COUNT})?")
UNBILLED = re.compile(f"unbilled {COUNT}")


def read_file(text):
    """Return a {title: lines} of the scenarios; the first block is prose."""
    _prose, *scenarios = [block.splitlines() for block in text.strip().split("\n\n")]
    assert scenarios, "no scenario"
    titles = [title.removeprefix("Scenario: ") for title, *_ in scenarios]
    assert len(set(titles)) == len(titles), "two scenarios have one title"
    return {
        title: [line.strip() for line in lines]
        for title, (_, *lines) in zip(titles, scenarios, strict=True)
    }


def read_limit(match):
    scope = match["scope"]
    fields = {
        "limit_id": match[1],
        "scope": scope,
        "invoice_scope": scope if match["only"] else "account",
    }
    if match["amount"]:
        return amount_limit(match["amount"], **fields)
    return records_limit(int(match["records"]), **fields)


def check_count(entries, records, amount, line):
    assert sum(entry.records for entry in entries) == int(records), line
    assert sum((Decimal(e.amount) for e in entries), Decimal(0)) == Decimal(amount), line


def run(lines):
    """Return the ledger's records; what each line says must be what happens."""
    head, records = NEW_HEAD, []
    limits = in_force([read_limit(match) for line in lines if (match := LIMIT.fullmatch(line))])
    *steps, last = [line for line in lines if not LIMIT.fullmatch(line)]
    for line in steps:
        if match := CLOSE.fullmatch(line):
            month, *expected = match.groups()
            command = period_close(*MONTHS[month], offset=len(records))
            head, after = close(head, command, source_partition=0, source_offset=len(records))
            said = after.closed if after else None
        else:
            match = RECORD.fullmatch(line)
            assert match, f"cannot read this line: {line!r}"
            product, amount, month, *expected = match.groups()
            head, charge = charge_after(
                head,
                amount,
                product=product,
                product_type=TYPES.get(product, product),
                usage_period_ms=MONTHS[month or "October"][0],
            )
            records.append(charge)
            head, after = check(head, charge, limits)
            said = after.invoiced if after else None
        assert (said is not None) == (expected[0] is not None), line
        if after is not None:
            records.append(after)
            check_count(said, *expected, line)
    match = UNBILLED.fullmatch(last)
    assert match, f"the last line says what is unbilled, not {last!r}"
    check_count(head.unbilled, *match.groups(), last)
    return records


SCENARIOS = read_file((HERE / "limits.txt").read_text())


@pytest.mark.parametrize("title", SCENARIOS)
def test_scenario(title):
    assert list(run(SCENARIOS[title])), "what it states is held against records"


def test_no_record_of_these_scenarios_changed_unnoticed():
    """The golden file is changed only with a decision; amounts, sequences and ids are in it."""
    lines = [
        msgspec.json.encode({"scenario": title, "record": msgspec.Raw(ledger.to_wire(record))})
        for title, scenario in SCENARIOS.items()
        for record in run(scenario)
    ]
    assert lines == GOLDEN.read_bytes().splitlines()


LIMIT_OF_50 = "limit total: 50.00 EUR of account"
NOTHING_LEFT = "unbilled 0 records 0.00 EUR"


@pytest.mark.parametrize(
    "lines",
    [
        [LIMIT_OF_50, "voice 50.00 EUR", NOTHING_LEFT],
        [LIMIT_OF_50, "voice 49.99 EUR, invoice of 1 record 49.99 EUR", NOTHING_LEFT],
        [LIMIT_OF_50, "voice 50.00 EUR, invoice of 1 record 49.99 EUR", NOTHING_LEFT],
        [LIMIT_OF_50, "voice 50.00 EUR, invoice of 2 records 50.00 EUR", NOTHING_LEFT],
        ["voice 1.00 EUR", NOTHING_LEFT],
        ["voice 1.00 EUR"],
        ["voice costs 1.00 EUR", NOTHING_LEFT],
        ["close September", NOTHING_LEFT],
    ],
    ids=[
        "an invoice that is not written",
        "an invoice that does not come",
        "another amount",
        "another count",
        "something left",
        "no last line",
        "unknown words",
        "a bill run that is not written",
    ],
)
def test_the_runner_fails_on(lines):
    with pytest.raises(AssertionError):
        run(lines)
