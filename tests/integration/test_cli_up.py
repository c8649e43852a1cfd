"""`up --detach`, a second `up`, a keeper that is killed, `down`: real processes in a fresh folder."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from pipeline.cli.exits import Exit

PROGRAM = [sys.executable, "-P", "-m", "pipeline.cli"]
CALL_S = 120


@pytest.fixture
def data():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-up-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    yield folder
    call(folder, "down")
    shutil.rmtree(folder)


def environment(data, **more):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("RATEMILL_CACHE", "RATEMILL_MAVEN_REPOSITORY")
        or not name.startswith("RATEMILL_")
    }
    return {**kept, "RATEMILL_DATA": str(data), **more}


def call(data, *words, **more):
    return subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        timeout=CALL_S,
        env=environment(data, **more),
        cwd=data,
        check=False,
    )


def up(data):
    ended = call(data, "up", "--detach", "--json")
    assert ended.returncode == Exit.OK, ended.stderr
    return json.loads(ended.stdout), ended.stderr


def runs(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return (
            pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        )
    except OSError:
        return False


def wait_until_gone(pids):
    for _ in range(300):
        if not any(map(runs, pids)):
            return
        signal.sigtimedwait([], 0.1)
    pytest.fail(f"still running: {[pid for pid in pids if runs(pid)]}")


def processes(data):
    """Return the pids of the services and of the workers of the folder."""
    services = json.loads((data / "run" / "services.json").read_text())
    workers = [json.loads(path.read_text()) for path in data.glob("run/ratemill/*-*.json")]
    return [one["process"]["pid"] for one in services.values()] + [one["pid"] for one in workers]


def test_up_runs_until_down_and_a_second_one_finds_it(data):
    first, _ = up(data)
    workers = {json.loads(path.read_text())["stage"] for path in data.glob("run/ratemill/*-*.json")}
    assert workers >= {"normalise", "rate", "load"}, (
        "up returned before a worker had announced itself"
    )
    second, told = up(data)
    assert "runs already" in told
    assert second == first
    status = json.loads(call(data, "status", "--json").stdout)
    assert (status["kept_by"], status["through"]) == (first["pid"], True)
    assert [stage["workers"] for stage in status["stages"]] == [1, 1, 1]
    pids = processes(data)

    assert json.loads(call(data, "down", "--json").stdout) == {
        "installation": "ratemill",
        "workers": True,
        "services": True,
        "still_used_by": [],
    }
    assert not any(map(runs, [first["pid"], *pids]))
    again = call(data, "down")
    assert (again.returncode, "Nothing runs" in again.stderr) == (Exit.OK, True)
    assert call(data, "status").returncode == Exit.UNREACHABLE


def test_a_killed_keeper_takes_all_with_it_and_the_next_up_goes_on(data):
    first, _ = up(data)
    pids = processes(data)
    os.kill(first["pid"], signal.SIGKILL)
    wait_until_gone([first["pid"], *pids])
    second, told = up(data)
    assert second["pid"] != first["pid"]
    assert "created" not in told, "topics and tables of the first one are still there"


def test_a_start_that_fails_says_why_and_leaves_nothing(data):
    (data / "postgres").write_text("a file where a folder must be")
    ended = call(data, "up", "--detach")
    assert ended.returncode != Exit.OK
    assert "To do: " in ended.stderr
    assert "Traceback" not in ended.stderr
    services = data / "run" / "services.json"
    assert not services.exists() or json.loads(services.read_text()) == {}


@pytest.mark.parametrize("words", [("up",), ("up", "--detach"), ("demo",)])
def test_a_mapping_that_cannot_be_used_is_told_before_anything_starts(data, words):
    (data / "mappings").mkdir()
    (data / "mappings" / "own.yaml").write_text("extends: asterisk\nname: own\n")
    ended = call(data, *words, RATEMILL_MAPPINGS="mappings")
    assert ended.returncode == Exit.USAGE, ended.stderr
    assert "Error: own.yaml" in ended.stderr
    assert "To do: Correct the mappings, then start again." in ended.stderr
    assert not (data / "run" / "services.json").exists()


def test_a_worker_waits_for_services_that_do_not_answer(data):
    worker = subprocess.Popen(
        [*PROGRAM, "worker", "--stage", "load", "--json-logs"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data),
        cwd=data,
    )
    try:
        waits = [json.loads(worker.stderr.readline()) for _ in range(3)]
        assert {one["event"] for one in waits} == {"waiting_for_services"}
        assert all("Operator action" in one["reason"] for one in waits)
        assert worker.poll() is None
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=10) == Exit.INTERRUPTED
    finally:
        worker.kill()
        worker.communicate()
