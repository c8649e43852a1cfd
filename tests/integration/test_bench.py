"""The benchmark on real parts: what it writes and that it is exact; never how fast it was."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import asyncpg
import pytest
from aiokafka.admin import NewTopic

from pipeline.bench.compare import changes, regressions
from pipeline.bench.refusals import BenchRefused, check_broker
from pipeline.bench.result import read_result
from pipeline.cli.exits import Exit
from pipeline.kafka import admin_client
from tests.integration.own_services import own_services
from tests.integration.test_demo import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-m", "pipeline.cli", "bench", "--accounts", "2000"]
SMALL = ["--events", "20000", "--prefixes", "20000"]
RUN_S = 280  # it takes about 80 on a quiet machine


@pytest.fixture(scope="module")
def data():
    """A data folder; PostgreSQL, which may run as another user, can reach it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-bench-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def finished(data):
    """One run of the parts that need the whole installation: its line, what it told."""
    parts = ["end-to-end", "latency", "restore", "pass-through", "catalogue", "stages", "faust"]
    result = data / "result.json"
    ended = subprocess.run(
        [*COMMAND, *SMALL, "--json", "--into", str(result), *_only(parts)],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=environment(data),
        cwd=data,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    return json.loads(line), ended.stderr


def processes_of(data):
    """Return the processes that were started for the data folder, or for one below it."""
    marker = f"RATEMILL_DATA={data}".encode()
    found = []
    for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            words = environ.read_bytes().split(b"\0")
            state = (environ.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if any(word.startswith(marker) for word in words) and state not in "ZX":
            found.append(environ.parent.name)
    return found


def _only(parts):
    return [word for part in parts for word in ("--only", part)]


def test_the_line_has_the_shape_that_is_promised(finished):
    line, _ = finished
    assert set(line) >= {"figures", "targets", "hardware", "versions", "command", "workload"}
    assert all(isinstance(value, int | float) for value in line["figures"].values())
    assert set(line["targets"]) <= set(line["figures"])
    assert all(set(one) == {"must", "aim", "better"} for one in line["targets"].values())
    assert {one["better"] for one in line["targets"].values()} <= {"higher", "lower"}
    assert "bench" in line["command"]
    assert line["workload"]["events"] == 20_000


@pytest.mark.parametrize(
    "name",
    [
        "normalise_without_dedup_us_per_event",
        "normalise_us_per_event",
        "normalise_rows_us_per_event",
        "normalise_cloudevents_us_per_event",
        "normalise_charging_us_per_event",
        "normalise_charging_without_dedup_us_per_event",
        "rate_us_per_event",
        "load_us_per_row",
        "catalogue_load_s",
        "catalogue_look_up_us",
        "catalogue_memory_mb",
        "call_tariff_us_per_record",
        "end_to_end_events_per_s",
        "cpu_normalise_us_per_event",
        "cpu_rate_us_per_event",
        "cpu_load_us_per_event",
        "cpu_kafka_us_per_event",
        "cpu_postgres_us_per_event",
        "memory_rate_process_mb",
        "disk_topic_usage_rated_bytes_per_event",
        "disk_tables_bytes_per_event",
        "latency_low_p50_ms",
        "latency_offered_p99_ms",
        "restore_rate_ledger_records_per_s",
        "restore_normalise_keys_per_s",
        "pass_through_us_per_event",
        "ours_times_pass_through",
        "faust_agent_times_our_cpu",
    ],
)
def test_every_part_leaves_a_figure_above_zero(finished, name):
    assert finished[0]["figures"][name] > 0


def test_all_of_it_reconciles_and_no_event_is_missing(finished):
    line, _ = finished
    assert line["exact"] is True
    seconds, normalised, *_ = line["series"]["end_to_end"][-1]
    assert seconds > 0
    charging_files = line["workload"]["charging_files"]
    assert charging_files >= 4
    ends_of_files = 16 + charging_files
    assert normalised == 20_000 + ends_of_files + charging_files  # each of which has a header
    # Every single event is charged, and found again in the ledger by where its bytes lie.
    assert line["figures"]["latency_low_records"] == 50 * 2
    assert line["figures"]["latency_offered_records"] == 2_000 * 2


def test_the_result_is_kept_and_nothing_else_is_left(finished, data):
    assert read_result(data / "result.json").figures == finished[0]["figures"]
    left = sorted(path.name for path in (data / "bench").iterdir())
    assert [name for name in left if not name.startswith("workload-")] == ["lock"]
    assert processes_of(data) == []


def test_a_change_of_cpu_per_event_is_told_and_fails_nothing(finished, data, capsys):
    now, kept = read_result(data / "result.json"), ROOT / "benchmarks" / "first.json"
    found = changes(read_result(kept), now)
    with capsys.disabled():  # a figure for whoever reads the log of a run
        sys.stdout.write("\n")
        for one in regressions(found):
            sys.stdout.write(f"CPU per event: {one.name} {one.before:g} -> {one.now:g}\n")
    assert "cpu_ours_us_per_event" in {one.name for one in found}


@pytest.fixture(scope="module")
def own():
    """A broker and a database that nobody else uses."""
    with own_services() as services:
        yield services.endpoints


def run_on(own, folder):
    named = {
        "RATEMILL_KAFKA_BOOTSTRAP": own.kafka_bootstrap,
        "RATEMILL_POSTGRES_DSN": own.postgres_dsn,
    }
    return subprocess.run(
        [*COMMAND, "--events", "5000", "--prefixes", "1000", "--only", "end-to-end", "--json"],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env=environment(folder, **named),
        cwd=folder,
        check=False,
    )


async def topics_on(own):
    async with admin_client(own.kafka_bootstrap) as admin:
        return {name for name in await admin.list_topics() if not name.startswith("__")}


async def test_on_services_of_yours_it_leaves_nothing_and_starts_none(own, tmp_path):
    ended = await asyncio.to_thread(run_on, own, tmp_path)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)["figures"]
    assert figures["end_to_end_events_per_s"] > 0
    assert "cpu_kafka_us_per_event" not in figures  # of processes that it does not know
    assert "starting kafka" not in ended.stderr
    assert await topics_on(own) == set()
    connection = await asyncpg.connect(own.postgres_dsn)
    try:
        schemas = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname ~ 'bench'")
    finally:
        await connection.close()
    assert schemas == []


async def test_a_broker_with_topics_of_others_is_refused(own, tmp_path):
    async with admin_client(own.kafka_bootstrap) as admin:
        await admin.create_topics([NewTopic("eu.usage.raw.v1", 1, 1)])
    with pytest.raises(BenchRefused, match=r"eu\.usage\.raw") as caught:
        await check_broker(own.kafka_bootstrap)
    assert "Operator action" in str(caught.value)
    ended = await asyncio.to_thread(run_on, own, tmp_path)
    assert ended.returncode == Exit.REFUSED
    assert "Nothing was started" in " ".join(ended.stderr.split())
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []
    assert await topics_on(own) == {"eu.usage.raw.v1"}


def test_after_a_ctrl_c_nothing_runs_and_nothing_is_left(data):
    running = subprocess.Popen(
        [*COMMAND, *SMALL, "--only", "end-to-end"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data),
        cwd=data,
        start_new_session=True,
    )
    try:
        for told in running.stderr:
            if told.startswith("normalise "):  # the workers are at work
                break
        assert any((data / "bench").glob("run-*"))
        assert len(processes_of(data)) > 3
        os.kill(running.pid, signal.SIGINT)
        rest = running.stderr.read()
        assert running.wait(60) == Exit.INTERRUPTED, rest
    finally:
        running.kill()
        running.wait()
        running.stderr.close()
    assert "nothing is left running" in rest
    assert processes_of(data) == []
    assert not any((data / "bench").glob("run-*"))
