"""The demo: a full result on services from outside, and on its own after a Ctrl-C in the middle."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
from decimal import Decimal

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.program import run

COMMAND = [sys.executable, "-P", "-m", "pipeline.cli", "demo", "--json"]
RUN_S = 150


@pytest.fixture
def data():
    """A data folder; PostgreSQL, which may run as another user, can reach it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def environment(data, **more):
    """Return our environment without what names services, and with the data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RATEMILL_")}
    caches = {
        k: v for k, v in os.environ.items() if k in ("RATEMILL_CACHE", "RATEMILL_MAVEN_REPOSITORY")
    }
    return {**kept, **caches, "RATEMILL_DATA": str(data), **more}


def run_demo(data, *options, **more):
    ended = subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=environment(data, **more),
        cwd=data,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    return json.loads(line), ended.stderr


def processes_of(data):
    """Return the processes that know the data folder, by the environment they were started with."""
    marker = f"RATEMILL_DATA={data}".encode()
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            words = environ.read_bytes().split(b"\0")
            state = (environ.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker in words and state not in "ZX":
            found.append(environ.parent.name)
    return found


def assert_everything_adds_up(report, *, records):
    """Check what the line promises: each record has one outcome, and all of it reconciles."""
    suspended = report["suspended"]
    by_normalise = sum(n for reason, n in suspended.items() if reason.startswith("mediation."))
    by_rate = sum(n for reason, n in suspended.items() if reason.startswith("rating."))
    assert report["reconciled"] is True
    assert report["received"] == records
    assert report["received"] == report["normalised"] + report["duplicate"] + by_normalise
    assert report["normalised"] == report["rated"] + report["filtered"] + by_rate
    assert by_normalise + by_rate == sum(suspended.values())
    assert report["immediate_invoices"] >= 3
    assert all(Decimal(total) > 0 for total in report["charges"].values())
    assert report["events_per_second"] > 0


@pytest.fixture(scope="module")
def finished(services):
    """A demo that ran on services from outside: its folder, its report, what it told."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-demo-"))
    report, told = run_demo(folder, "--records", "3000", "--seed", "5", **named(services))
    yield folder, report, told
    shutil.rmtree(folder)


def named(services):
    return {
        "RATEMILL_KAFKA_BOOTSTRAP": services.kafka_bootstrap,
        "RATEMILL_POSTGRES_DSN": services.postgres_dsn,
    }


def test_on_services_from_outside_nothing_embedded_is_started(finished):
    data, report, told = finished
    assert_everything_adds_up(report, records=3000)
    assert "starting kafka" not in told
    assert not (data / "kafka").exists()
    assert not (data / "postgres").exists()
    assert processes_of(data) == []


def test_every_outcome_is_what_the_generator_says_it_must_be(finished):
    data, report, _ = finished
    truth = json.loads((data / "demo" / report["installation"] / "truth.json").read_text())
    assert report["suspended"] == truth["reasons"]
    assert report["duplicate"] == truth["outcomes"]["duplicate"]


@pytest.fixture
def ask(finished, services, monkeypatch, capsys):
    """Run a command on the finished installation; return its exit code and its JSON."""
    data, report, _ = finished
    for name, value in named(services).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RATEMILL_DATA", str(data))
    monkeypatch.setenv("RATEMILL_INSTALLATION", report["installation"])

    def call(*words):
        capsys.readouterr()
        code = run([*words, "--json"])
        (line,) = capsys.readouterr().out.splitlines()
        return code, json.loads(line)

    return call


def test_the_finished_installation_is_through_and_reconciles(ask):
    code, status = ask("status")
    assert code == Exit.OK
    assert status["through"]
    code, verified = ask("verify")
    assert code == Exit.OK
    assert verified["reconciled"]


def test_from_the_list_to_an_invoice_to_its_charge_to_the_line_it_came_from(ask, finished):
    data, report, _ = finished
    _, listed = ask("invoices", "list", "--limit", "1000")
    assert len(listed) == report["immediate_invoices"]
    _, mine = ask("invoices", "list", "--account", listed[0]["account_id"])
    assert {one["account_id"] for one in mine} == {listed[0]["account_id"]}
    _, invoice = ask("invoices", "show", listed[0]["number"])
    assert sum(line["records"] for line in invoice["lines"]) == listed[0]["records"]
    charge_id = invoice["lines"][0]["charge_ids"][0]
    _, explained = ask("explain", charge_id)
    assert explained["invoice"] == listed[0]["number"]
    assert explained["sentences"][0].startswith("Used: ")
    raw = explained["raw"]
    (path,) = (data / "demo" / report["installation"] / "usage").glob(f"*/{raw['file']}")
    if path.suffix == ".cdr":
        assert bytes.fromhex(raw["text"]) in path.read_bytes()
        return
    line = path.read_bytes().split(b"\n")[raw["line"] - 1]
    assert raw["text"] == line.decode("utf-8", "backslashreplace").rstrip("\r")


def test_suspense_is_counted_by_reason_and_shows_no_bytes(ask, finished):
    _, report, _ = finished
    _, listed = ask("suspense", "list", "--limit", "3")
    counted = {}
    for one in listed["counts"]:
        counted[one["reason"]] = counted.get(one["reason"], 0) + one["records"]
    assert counted == report["suspended"]
    assert len(listed["records"]) == 3
    assert not {"raw", "raw_headers"} & {name for one in listed["records"] for name in one}


def test_suspense_names_the_line_that_each_record_came_from(ask, finished, capsys):
    """By the truth about the demo's usage: of both stages, and of those lines only."""
    data, report, _ = finished
    _, listed = ask("suspense", "list", "--limit", "1000")
    truth = (data / "demo" / report["installation"] / "truth.jsonl").read_bytes().splitlines()
    wrong = {
        (one["source"], one["file"].rpartition("/")[2], one["line"])
        for one in map(json.loads, truth)
        if one["outcome"] == "suspended"
    }
    found = [(one["source"], one["file"], one["line"]) for one in listed["records"]]
    assert {one["stage"] for one in listed["records"]} == {"normalise", "rate"}
    assert len(set(found)) == len(found)
    assert set(found) == wrong
    assert run(["suspense", "list", "--limit", "1"]) == Exit.OK
    assert f"{found[0][1]}:{found[0][2]}" in "".join(capsys.readouterr().out.split())


def test_a_month_that_is_over_is_closed_once(ask):
    code, first = ask("period", "close", "--month", "2026-01", "--account", "acc-00001")
    assert (code, first["queued"]) == (Exit.OK, 1)
    _, second = ask("period", "close", "--month", "2026-01", "--account", "acc-00001")
    assert second["queued"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["explain", "0" * 32], Exit.FAILED),
        (["explain", "xyz"], Exit.USAGE),
        (["invoices", "show", "none-1"], Exit.FAILED),
        (["period", "close", "--month", "2026-13", "--all"], Exit.USAGE),
        (["period", "close", "--month", "2099-01", "--all"], Exit.REFUSED),
        (["period", "close", "--month", "2026-01", "--account", "nobody"], Exit.REFUSED),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else v.name,
)
def test_what_is_not_there_is_said(ask, capsys, words, code):
    assert run(words) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err


@pytest.mark.parametrize("moment", ["starting postgres", "Published"])
def test_after_a_ctrl_c_nothing_runs_and_the_folder_is_of_use(data, moment):
    options = ["--records", "3000"]
    broken_off = subprocess.Popen(
        [*COMMAND, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data),
        cwd=data,
    )
    try:
        for line in broken_off.stderr:
            if moment in line:
                break
        broken_off.send_signal(signal.SIGINT)
        printed, told = broken_off.communicate(timeout=60)
    finally:
        broken_off.kill()
    assert broken_off.returncode == 130, told
    assert printed == ""
    assert "nothing is left running" in told
    assert processes_of(data) == []

    report, _ = run_demo(data, *options)
    assert_everything_adds_up(report, records=3000)
    assert processes_of(data) == []


def test_a_killed_demo_takes_everything_it_started_with_it(data):
    demo = subprocess.Popen(
        [*COMMAND, "--records", "3000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data),
        cwd=data,
    )
    for line in demo.stderr:
        if line.startswith("Published"):
            break
    demo.kill()
    demo.communicate(timeout=30)
    # They hear of it from the kernel and end in order; their last words keep the pipe of none.
    for _ in range(200):
        if not processes_of(data):
            break
        signal.sigtimedwait([], 0.1)
    assert processes_of(data) == []
