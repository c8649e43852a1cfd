"""The tables in schemas/README.md have the fields of the code: names, order, types."""

import dataclasses
import pathlib
import re

import msgspec
import pytest

from schemas import ledger, limit, money, proof, raw, reference, refusal, suspense, usage

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "schemas" / "README.md").read_text()
MODULES = (ledger, limit, money, proof, raw, reference, refusal, suspense, usage)


def is_record(value):
    return isinstance(value, type) and (
        issubclass(value, msgspec.Struct) or dataclasses.is_dataclass(value)
    )


RECORDS = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if is_record(value) and value.__module__ == module.__name__
}


def fields_in_code(record):
    """Return (name, type) of each field, in order; a type as the source writes it."""
    return [(name, str(written)) for name, written in record.__annotations__.items()]


def fields_in_readme(name, text=README):
    """Return (name, type) of each row of the table below the heading of a record."""
    found = re.search(rf"^##+ {name}\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"schemas/README.md has no heading {name}"
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| .+ \|$", found[1], flags=re.MULTILINE)
    return [(field, written.replace(r"\|", "|")) for field, written in rows]


@pytest.mark.parametrize("name", RECORDS)
def test_the_table_of_a_record_is_the_record(name):
    assert fields_in_readme(name) == fields_in_code(RECORDS[name])


def test_the_records_that_travel_are_among_them():
    wanted = {"UsageEvent", "Charge", "LimitReached", "PeriodClosed", "Proof", "Suspended"}
    assert wanted <= set(RECORDS)


@pytest.mark.parametrize(
    ("documented", "changed"),
    [
        ("| `charge_id` | `str` |", "| `charge_no` | `str` |"),
        ("| `used` | `DecimalText` |", "| `used` | `float` |"),
        ("| `tax_code` | `str \\| None` | the product's |\n", ""),
    ],
    ids=["another name", "another type", "a row too few"],
)
def test_a_table_that_is_not_true_is_noticed(documented, changed):
    assert documented in README
    text = README.replace(documented, changed)
    assert fields_in_readme("Charge", text) != fields_in_code(ledger.Charge)


def header_names():
    """Return the raw headers that the code has: its constants of text but the content types."""
    return [
        value
        for name, value in vars(raw).items()
        if name.isupper() and isinstance(value, str) and "/" not in value
    ]


def test_the_raw_headers_are_those_of_the_code():
    table = README.partition("\n## Raw headers\n")[2].partition("\n##")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == header_names()
    for content_type in (raw.CLOUDEVENT, raw.CLOUDEVENTS_BATCH):
        assert f"`{content_type}`" in table


def test_the_limits_of_sizes_are_those_of_the_code():
    assert f"{raw.MAX_RECORD_BYTES:,} bytes and {raw.MAX_RECORD_ITEMS:,} items" in README
    assert f"first {raw.OVERSIZE_HEAD_BYTES:,} bytes" in README
