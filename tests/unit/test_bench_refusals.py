"""What a benchmark refuses before anything is started."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from pipeline.bench import refusals
from pipeline.bench.ground import bench_folder
from pipeline.bench.processes import Used, spent, together, used_by, used_by_tree
from pipeline.bench.refusals import BenchRefused, check_room
from pipeline.cli.exits import Exit
from pipeline.cli.failures import failure_of
from pipeline.cli.program import run

PLENTY = 1 << 50


def room(monkeypatch, *, disk=PLENTY, memory=PLENTY):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=disk))
    monkeypatch.setattr(refusals, "memory_bytes", lambda name: memory)


def test_where_there_is_room_nothing_is_said(monkeypatch, tmp_path):
    room(monkeypatch)
    check_room(tmp_path / "not" / "there" / "yet", events=1_000_000)


@pytest.mark.parametrize(("short", "what"), [("disk", "of disk"), ("memory", "of memory")])
def test_too_little_of_it_is_said_with_the_way_out(monkeypatch, tmp_path, short, what):
    room(monkeypatch, **{short: 1 << 30})
    with pytest.raises(BenchRefused, match=rf"1,000,000 events need .* {what}") as caught:
        check_room(tmp_path, events=1_000_000)
    assert "Nothing was started. Operator action:" in str(caught.value)
    assert failure_of(caught.value).code is Exit.REFUSED


def test_the_command_says_it_and_has_started_nothing(monkeypatch, tmp_path, capsys):
    room(monkeypatch, disk=0)
    for name in ("KAFKA_BOOTSTRAP", "POSTGRES_DSN"):
        monkeypatch.delenv(f"RATEMILL_{name}", raising=False)
    assert run(["bench", "--data", str(tmp_path)]) == Exit.REFUSED
    assert "Make room" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_part_is_answered_with_the_list(capsys):
    assert run(["bench", "--only", "speed"]) == Exit.USAGE
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "speed is no part of the benchmark; the parts are stages, catalogue, end-to-end" in told


def test_two_at_once_would_measure_each_other(tmp_path):
    with (
        bench_folder(tmp_path),
        pytest.raises(BenchRefused, match="Another benchmark runs"),
        bench_folder(tmp_path),
    ):
        pass


def test_what_a_killed_one_left_behind_is_removed(tmp_path):
    left, elsewhere = tmp_path / "bench" / "run-1", tmp_path / "database"
    (left / "postgres").mkdir(parents=True)
    elsewhere.mkdir()
    (left / "postgres" / "location").write_text(f"{elsewhere}\n")
    kept = tmp_path / "bench" / "workload-1"
    kept.mkdir()
    with bench_folder(tmp_path):
        pass
    assert not left.exists()
    assert not elsewhere.exists()
    assert kept.exists()


def test_a_document_that_cannot_be_written_is_told_before_the_work(tmp_path, capsys):
    assert run(["bench", "--docs", str(tmp_path), "--data", str(tmp_path)]) == Exit.FAILED
    said = " ".join(capsys.readouterr().err.split())  # it may be wrapped
    assert "performance.md cannot be read" in said


def test_a_comparison_with_no_result_is_told_before_the_work(tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_text("[]")
    assert run(["bench", "--compare", str(path), "--data", str(tmp_path)]) == Exit.USAGE
    said = capsys.readouterr().err.replace("│", " ")  # in a box
    assert "no result of a benchmark" in " ".join(said.split())


def test_what_was_used_in_between_is_the_difference_and_memory_is_that_of_the_end():
    before = {"rate": Used(cpu_s=2.0, resident_bytes=9, peak_bytes=9, written_bytes=100)}
    after = {"rate": Used(cpu_s=3.5, resident_bytes=5, peak_bytes=9, written_bytes=130)}
    assert spent(before, after) == {"rate": Used(1.5, 5, 9, 30)}


def test_two_processes_are_counted_together():
    assert together(Used(1.0, 2, 3, 4), Used(0.5, 1, 1, 1)) == Used(1.5, 3, 4, 5)


def test_a_process_is_counted_with_its_children_and_a_gone_one_is_nothing(tmp_path):
    import os
    import subprocess

    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        mine, tree = used_by(os.getpid()), used_by_tree(os.getpid())
        assert mine.cpu_s > 0
        assert mine.resident_bytes > 1_000_000
        assert tree.resident_bytes > mine.resident_bytes
    finally:
        child.communicate()
    assert used_by(child.pid) == Used()
