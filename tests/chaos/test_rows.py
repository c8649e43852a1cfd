"""The most valuable rows of the table, small: nothing lost, doubled or changed, whatever dies."""

import asyncio
import sys

import pytest

from tests.chaos.command import SEED, text_of
from tests.chaos.run import Run
from tests.chaos.table import BY_NAME

# Row, records, faults: each kind of fault of the row at least once.
PARTS = (
    ("kills", 10_000, 6),
    ("stops", 2_000, 4),
    ("broker", 2_000, 2),
    ("postgres", 2_000, 4),
    ("network", 4_000, 5),
    ("refused", 2_000, 5),
    ("copies", 600, 2),
)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("name", "records", "faults"), PARTS, ids=[part[0] for part in PARTS])
def test_row_is_exact(name, records, faults, tmp_path, capsys):
    tmp_path.chmod(0o755)
    run = Run(records, faults, SEED, tmp_path, short=True)
    asyncio.run(BY_NAME[name].play(run))
    result = run.result()
    with capsys.disabled():
        sys.stdout.write(f"\n  {run.hits.text()}\n")
    assert result["exact"], text_of({"name": name, "seconds": 0} | result)
    assert len(run.hits.all) >= faults
    assert result["compared"]["raw items"] >= records
    assert result["compared"]["charges"] > records // 2
    assert result["compared"]["reconciliations"] == 1
