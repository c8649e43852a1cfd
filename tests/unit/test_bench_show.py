"""What a benchmark of some parts shows: what was measured, and that there is more."""

from __future__ import annotations

import msgspec

from pipeline.bench.show import show, show_changes
from tests.unit.test_bench_result import result


def test_targets_of_parts_that_were_not_measured_are_counted_and_not_listed(capsys):
    show(result())
    said = " ".join(capsys.readouterr().out.split())
    assert "raw topic to Postgres commit" in said
    assert "restore of a lost RocksDB" not in said
    assert "targets are of parts that were not measured" in said


def test_a_comparison_with_nothing_in_common_says_so(capsys):
    other = msgspec.structs.replace(
        result(), figures={"restore_rate_ledger_records_per_s": 1.0}, parts=("restore",)
    )
    show_changes(other, result(), as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "Nothing to compare" in said
    assert "restore" in said
