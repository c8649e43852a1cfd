"""The README of the sinks names every table, and no other."""

import re
from pathlib import Path

from sinks.migrate import shipped

README = Path(__file__).parents[2] / "sinks" / "README.md"


def _made():
    """Return the tables that the migrations make, partitions apart."""
    pattern = re.compile(r"^CREATE TABLE (\w+) \(", re.MULTILINE)
    return {name for migration in shipped() for name in pattern.findall(migration.up)}


def _documented():
    rows = re.findall(r"^\| (`[^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_table_is_documented():
    assert _documented() == _made()


def test_every_table_is_granted_to_the_runtime_role():
    """A table that is forgotten there fails in production only, at its first row."""
    grants = "\n".join(m.up for m in shipped() if "_runtime" in m.up)
    assert _made() <= set(re.findall(r"'(\w+)'", grants))
