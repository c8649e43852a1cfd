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

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
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


def test_on_services_from_outside_nothing_embedded_is_started(services, data):
    report, told = run_demo(
        data,
        *("--records", "3000", "--seed", "5"),
        RATEMILL_KAFKA_BOOTSTRAP=services.kafka_bootstrap,
        RATEMILL_POSTGRES_DSN=services.postgres_dsn,
    )
    assert_everything_adds_up(report, records=3000)
    assert "starting kafka" not in told
    assert not (data / "kafka").exists()
    assert not (data / "postgres").exists()
    assert processes_of(data) == []
    # Every outcome is what the generator says it must be.
    truth = json.loads((data / "demo" / report["installation"] / "truth.json").read_text())
    assert report["suspended"] == truth["reasons"]
    assert report["duplicate"] == truth["outcomes"]["duplicate"]


@pytest.mark.parametrize("moment", ["starting postgres", "Published", "is in the raw topic"])
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
            if moment in line or "in the raw topic" in line:
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
