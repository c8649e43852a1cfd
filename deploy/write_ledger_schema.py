"""Write schemas/ledger.schema.json: the ledger for readers who do not run our code.

Types come from schemas/ledger.py, what a field means from the tables of schemas/README.md. For the
one who adds a field; a test compares the file with what this gives.
"""

import json
import pathlib
import re
from typing import Any

import msgspec

from schemas import ledger, proof

SCHEMAS = pathlib.Path(__file__).resolve().parents[1] / "schemas"
FILE = SCHEMAS / "ledger.schema.json"

_ABOUT = (
    "One record of usage.rated.v1, the ledger of Ratemill. Read with isolation.level="
    "read_committed; skip records whose kind is not listed here; a charge is recognised by its "
    "charge_id. Fields are added, never renamed; amounts are text, never JSON numbers."
)
_DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
_RECORDS = {
    record.__name__: record
    for record in (
        *(ledger.Charge, ledger.LimitReached, ledger.PeriodClosed, proof.Proof),
        *(ledger.OtherRating, ledger.CounterAfter, ledger.Unbilled, ledger.LimitHit),
        *(proof.Cumulative, proof.ReadSoFar, proof.SourceTally, proof.Versions),
    )
}


def ledger_schema() -> dict[str, Any]:
    """Return the JSON Schema of a ledger record."""
    written = msgspec.json.schema(ledger.LedgerRecord)
    readme = (SCHEMAS / "README.md").read_text()
    for name, definition in written["$defs"].items():
        definition["description"] = _plain(" ".join(definition["description"].split()))
        _describe(definition, _RECORDS[name], _meanings(readme, name))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ratemill ledger record",
        "description": _ABOUT,
        **written,
    }


def _meanings(readme: str, name: str) -> dict[str, str]:
    """Return what each field of a record means, by the table below its heading."""
    found = re.search(rf"^##+ {name}\n(.*?)(?=^##|\Z)", readme, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"schemas/README.md has no heading {name}"
    rows = re.findall(r"^\| `(\w+)` \| `.+?` \| (.+) \|$", found[1], flags=re.MULTILINE)
    return {field: _plain(meaning) for field, meaning in rows}


def _plain(markdown: str) -> str:
    return re.sub(r"\[(.+?)\]\(.+?\)", r"\1", markdown).replace("`", "")


def _describe(definition: dict[str, Any], record: type, meanings: dict[str, str]) -> None:
    """Add to each field of a record what it means, and to decimals how they are written."""
    for position, (field, annotation) in enumerate(record.__annotations__.items()):
        if "prefixItems" in definition:  # a record that is an array on the wire
            part = definition["prefixItems"][position]
            part["title"] = field
        else:
            part = definition["properties"][field]
        part["description"] = meanings[field]
        if annotation == "DecimalText":
            part["pattern"] = _DECIMAL
        elif annotation == "dict[str, DecimalText]":
            part["additionalProperties"]["pattern"] = _DECIMAL


def schema_text() -> str:
    """Return the text of the file."""
    return json.dumps(ledger_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text())
