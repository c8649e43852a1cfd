"""The command line of the chaos runs: what it refuses, what it goes on with, what it writes."""

import asyncio
import json
import re
from dataclasses import replace

import pytest

from tests.chaos import command, machine
from tests.chaos.command import REPORT
from tests.chaos.hits import Hit, Hits
from tests.chaos.problem import Problem
from tests.chaos.report import RECORD, document, write_report
from tests.chaos.run import Run
from tests.chaos.services import own_pair, refuse_foreign_topics
from tests.chaos.table import BY_NAME, ROWS
from tests.chaos.verifier.verdict import Verdict
from tests.planted.bugs import BUGS
from tests.planted.compiled_bugs import COMPILED_BUGS


def result_of(row, *, scale=1.0, **changed):
    records, faults = row.scaled(scale)
    run = Run(records, faults, 1, None)
    for _ in range(faults):
        run.hits.add(Hit("kill rate", moving=("rate/0",)))
    return {
        "name": row.name,
        "fault": row.fault,
        "seed": 1,
        "scale": scale,
        "asked": {"records": row.records, "faults": row.faults},
        "done": {"records": records, "faults": faults},
        "seconds": 12.0,
        "command": "python -m tests.chaos",
        "hardware": "2 cores",
        "versions": {"python": "3"},
        "commit": "abc",
        **run.result(),
        **changed,
    }


def test_an_unknown_name_is_answered_with_the_list(capsys):
    assert command.main(["run", "kills", "killz"]) == 2
    said = capsys.readouterr().out
    assert "killz" in said
    assert all(row.name in said for row in ROWS)


@pytest.mark.parametrize("lacks", ["disk", "memory"])
def test_too_little_room_is_said_before_anything_starts(lacks, monkeypatch, capsys):
    factor = {"disk": "_DISK_A_RECORD", "memory": "_MEMORY_A_RECORD"}[lacks]
    monkeypatch.setattr(machine, factor, 10**12)
    monkeypatch.setattr(command, "play", lambda *a, **k: pytest.fail("it has started"))
    assert command.main(["run", "kills"]) == 2
    assert "Operator action" in capsys.readouterr().out


def test_a_row_alone_leaves_the_document_as_it_is(tmp_path, monkeypatch):
    before = REPORT.read_text()
    monkeypatch.setattr(
        command, "play", lambda row, **named: result_of(row, scale=0.01, seed=command.SEED)
    )
    words = ["run", "broken", "--scale", "0.01", "--resume", str(tmp_path)]
    assert command.main(words) == 0
    assert (tmp_path / "broken.json").exists()
    assert REPORT.read_text() == before


async def test_a_broker_with_topics_of_others_is_refused(services, prefix):
    from pipeline.genesis import apply_topics
    from pipeline.settings import Settings

    await apply_topics(Settings(installation=prefix), bootstrap=services.kafka_bootstrap)
    with pytest.raises(Problem, match="holds topics that no chaos run made"):
        await refuse_foreign_topics(services.kafka_bootstrap)


async def test_a_row_that_hurts_its_services_takes_none_of_others(monkeypatch):
    monkeypatch.setenv("RATEMILL_POSTGRES_DSN", "postgresql://somebody@db/accounts")
    with pytest.raises(Problem, match="of its own"):
        async with own_pair(hurt=True):
            pytest.fail("it has started")


def test_a_finished_part_is_passed_over_and_one_of_another_scale_is_not(
    tmp_path, monkeypatch, capsys
):
    row = BY_NAME["broken"]
    played = []

    def play(row, *, seed, scale, keep):
        played.append((row.name, scale))
        return result_of(row, scale=scale) | {"seed": seed}

    monkeypatch.setattr(command, "play", play)
    words = ["run", row.name, "--seed", "1", "--resume", str(tmp_path)]
    words += ["--report", str(tmp_path / "report.md")]
    assert command.main([*words, "--scale", "0.1"]) == 0
    assert command.main([*words, "--scale", "0.1"]) == 0
    assert played == [("broken", 0.1)]
    assert command.main([*words, "--scale", "0.2"]) == 0
    assert played == [("broken", 0.1), ("broken", 0.2)]
    assert "done before" in capsys.readouterr().out
    assert json.loads((tmp_path / "broken.json").read_text())["scale"] == 0.2


async def _in_a_group(error):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fail(error))


async def _fail(error):
    raise error


def test_what_a_row_cannot_have_ends_the_command_and_what_fails_is_part_of_the_result():
    row = BY_NAME["broken"]
    lacking = replace(row, play=lambda run: _in_a_group(Problem("no room")))
    with pytest.raises(Problem, match="no room"):
        command.play(lacking, seed=1, scale=0.01)
    failing = replace(row, play=lambda run: _in_a_group(AssertionError("half a record")))
    result = command.play(failing, seed=1, scale=0.01)
    assert result["exact"] is False
    assert "half a record" in result["failed"]


def test_a_run_that_is_not_exact_ends_with_1(tmp_path, monkeypatch):
    monkeypatch.setattr(
        command, "play", lambda row, **asked: result_of(row, exact=False, lost=1, **asked)
    )
    words = ["--resume", str(tmp_path), "--report", str(tmp_path / "report.md")]
    assert command.main(["run", "broken", *words]) == 1


def test_the_table_shows_partial_runs_as_partial():
    row = BY_NAME["kills"]
    whole = document({row.name: result_of(row)})
    part = document({row.name: result_of(row, scale=0.01)})
    line = next(one for one in part.splitlines() if one.startswith("| kills "))
    assert "20,000 records, 3 faults (partial)" in line
    assert "(partial)" not in whole
    assert sum("| not run |" in one for one in whole.splitlines()) == len(ROWS) - 1


def test_a_fault_that_never_hit_anything_fails_the_run():
    run = Run(1, 1, 1, None, verdict=Verdict(), hits=Hits([Hit("kill load")]))
    assert run.result()["exact"] is False
    run.hits.add(Hit("kill load", moving=("load/a/0",)))
    assert run.result()["exact"] is True
    run.hits.add(Hit("stop load"))
    assert run.result()["never bit"] == ["stop load"]


def test_a_run_without_any_strike_is_not_exact():
    assert Run(1, 1, 1, None).result()["exact"] is False


def test_the_document_has_a_line_for_every_row_and_no_other():
    # The table of faults is the first one; seeds and planted bugs have sections of their own.
    lines = REPORT.read_text().partition("\n## ")[0].splitlines()
    named = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert named == ["Row", *(row.name for row in ROWS)]


def test_the_document_says_what_is_on_record():
    assert REPORT.read_text() == document(json.loads(RECORD.read_text()))


def test_a_report_keeps_what_was_not_played_again_and_what_was_played_in_full(tmp_path):
    record, path, results = tmp_path / "record.json", tmp_path / "report.md", tmp_path / "results"
    results.mkdir()

    def report(*played):
        for result in played:
            (results / f"{result['name']}.json").write_text(json.dumps(result))
        write_report(results, path, record)
        found = json.loads(record.read_text())
        assert path.read_text() == document(found)
        return {name: (result["scale"], result["commit"]) for name, result in found.items()}

    kills, broken = BY_NAME["kills"], BY_NAME["broken"]
    assert report(result_of(kills), result_of(broken, scale=0.5)) == {
        "kills": (1.0, "abc"),
        "broken": (0.5, "abc"),
    }
    (results / "kills.json").unlink()
    again = {"kills": (1.0, "abc"), "broken": (1.0, "def")}
    assert report(result_of(broken, commit="def")) == again
    assert report(result_of(kills, scale=0.01, commit="ghi")) == again


def test_the_document_names_every_planted_bug():
    named = re.findall(r"^\| (\w+) \|.*\| `.*` \|$", REPORT.read_text(), flags=re.MULTILINE)
    assert named == [bug.name for bug in (*BUGS, *COMPILED_BUGS)]
