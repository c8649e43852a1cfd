"""The README's commands print what it shows, and its first steps can be taken."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from sinks.installation import drop_installation
from tests.scraping import scraping

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
RATEMILL = [sys.executable, "-P", "-m", "pipeline.cli"]


def blocks(text):
    return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(title):
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


# What may differ from run to run, and what stands for it. All other figures must be equal.
VARIES = (
    (r"demo_\d{6}_\d{6}_[0-9a-f]{4}", "<installation>"),
    (r"(\d+ min )?\d+(\.\d+)? s in all", "<time> in all"),
    (r"[\d,]+ records/s", "<rate> records/s"),
    # In which order the switches' usage arrives, so which record reaches a limit.
    (r"(charge limits): [\d,]+, the newest", r"\1: <count>, the newest"),
)


def plain(text, data=None):
    """Return the lines that say something; widths of columns and what may differ taken out."""
    if data is not None:
        text = text.replace(str(data), ".ratemill")
    for pattern, stands_for in VARIES:
        text = re.sub(pattern, stands_for, text)
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in lines if line and set(line) != {"─"}]


def missing_part(shown, printed):
    """Return the first part between two lines of ``...`` that was not printed there, or None."""
    parts, at = [[]], 0
    for line in shown:
        if line == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    for part in parts:
        places = range(at, len(printed) - len(part) + 1)
        found = next((n for n in places if printed[n : n + len(part)] == part), None)
        if found is None:
            return part
        at = found + len(part)
    return None


@pytest.fixture
def data():
    """A data folder that the database's user may enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-readme-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def environment(services, data):
    """Our environment with the services of this run, as an operator would set it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RATEMILL_")}
    return ours | {
        "RATEMILL_KAFKA_BOOTSTRAP": services.kafka_bootstrap,
        "RATEMILL_POSTGRES_DSN": services.postgres_dsn,
        "RATEMILL_DATA": str(data),
    }


def test_the_demo_prints_what_the_readme_shows(environment, data):
    marked = re.search(r"<!-- demo of (\S+) -->\n```text\n(.*?)```", README, re.DOTALL)
    assert marked is not None
    day, shown = marked.groups()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.demo_of_a_day", day],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    drop(environment, re.search(r"installation (demo_\w+)", ended.stdout)[1])
    assert missing_part(plain(shown), plain(ended.stdout, data)) is None


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        ("received 100,000\n...\nrated 84,751", ["rated 84,751"]),
        ("rated 84,750\n...\nreceived 100,000", ["received 100,000"]),
        ("received 100,000\nrated 84,750", ["received 100,000", "rated 84,750"]),
        ("...\nreceived 100,000\nnormalised 96,950\n...", None),
    ],
    ids=["another figure", "another order", "a line left out", "as printed"],
)
def test_a_figure_that_is_not_true_is_noticed(shown, missing):
    printed = ["title", "received 100,000", "normalised 96,950", "rated 84,750"]
    assert missing_part(plain(shown), printed) == missing


@pytest.mark.parametrize(
    ("target", "command"), [("demo", ".venv/bin/ratemill demo"), ("test", ".venv/bin/pytest -q")]
)
def test_the_two_commands_do_what_the_readme_says(target, command):
    # Inside `make check` this make would tell of the folders that it enters and leaves.
    outside = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", target],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines()[-1] == command
    assert f"`make {target}`" in section("Two commands")


def test_the_tests_end_with_a_line_as_the_readme_shows_it():
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/unit/test_topics.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shown = blocks(section("Two commands"))[1].strip()
    ending = r"\d+ passed in [\d.]+s( \(\d:\d\d:\d\d\))?"
    assert re.fullmatch(ending, shown)
    assert re.fullmatch(ending, ended.stdout.splitlines()[-1])


@pytest.fixture
def call(environment, data, prefix):
    """Run a command line of the README, in an installation of its own; return what it printed."""

    def run(line):
        program, *words = shlex.split(line.replace(".ratemill/", f"{data}/"))
        assert program == "ratemill"
        ended = subprocess.run(
            [*RATEMILL, *words],
            cwd=ROOT,
            env=environment | {"RATEMILL_INSTALLATION": prefix},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    yield run
    run("ratemill down")
    drop(environment, prefix)


def drop(environment, installation):
    """Remove the tables and the role of an installation: the database may be somebody's."""
    asyncio.run(drop_installation(environment["RATEMILL_POSTGRES_DSN"], installation=installation))


def test_an_installation_of_yours_is_up_in_the_steps_that_are_shown(call, data, prefix, tmp_path):
    """On the demo's usage; and a Prometheus, as `deploy/prometheus` has it, finds all in order."""
    shown = blocks(section("An installation of yours"))
    steps, decode, (rate, test) = (block.splitlines() for block in shown)
    printed = {}
    with contextlib.ExitStack() as beside:
        for line in steps:
            if line.startswith("ratemill ingest "):
                targets = data / "run" / prefix / "targets"
                watched = beside.enter_context(scraping(tmp_path, targets=targets))
            if line == "ratemill status":  # here somebody looks until nothing is behind
                wait_until_nothing_is_behind(call)
            if line == "ratemill down":
                all_is_well(watched, targets, verified=json.loads(call("ratemill verify --json")))
            printed[line] = call(line)
    assert "Reconciled: no record lost, doubled or changed." in printed["ratemill verify"]
    assert "2026-10-14T08:30:04Z" in call(*decode)
    assert "Charge: 0.13641 EUR." in call(rate)
    assert call(test) == ""  # nothing is otherwise


def all_is_well(watched, targets, *, verified):
    """Check that Prometheus reaches every process, counts each record as `verify` does, and is calm."""
    stages = [json.loads(path.read_text())["stage"] for path in targets.parent.glob("*-*.json")]
    assert sorted(stages) == ["load", "normalise", "rate", "watch"]
    totals = verified["totals"]
    outcomes = {("normalise", each): n for each, n in totals["item_outcomes"].items()}
    outcomes |= {("rate", each): n for each, n in totals["event_outcomes"].items()}

    def everything_is_counted():
        return conserved(watched) == {
            "items": {("normalise",): totals["items"], ("rate",): totals["events"]},
            "outcomes": outcomes,
            "refusals": {(reason,): n for reason, n in totals["refusals"].items()},
            "handed on": {(): totals["events"]},
            "read": {(): totals["events"]},
            "unaccounted": {(): 0},
            "rated usage": {(): totals["rated_rows"]},
            "lag": {(): 0},
        }

    watched.until(everything_is_counted, what=f"each record is counted as in {totals}")
    assert list(watched.asked('up{job="ratemill"}', "instance").values()) == [1] * len(stages)
    (group,) = watched.data("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert watched.asked('ALERTS{alertstate="firing"}', "alertname") == {}
    # Nor does one wait for the time that it must last.
    assert watched.asked('ALERTS{severity="critical"}', "alertname") == {}


def conserved(watched):
    """Return what Prometheus counts of records, where none may be missing or be there twice."""
    return {
        "items": positive(watched, "sum by (stage) (ratemill_items_total)", "stage"),
        "outcomes": positive(
            watched, "sum by (stage, outcome) (ratemill_outcomes_total)", "stage", "outcome"
        ),
        "refusals": positive(watched, "sum by (reason) (ratemill_refusals_total)", "reason"),
        "handed on": watched.asked("sum(ratemill_events_handed_on)"),
        "read": watched.asked("sum(ratemill_events_read)"),
        "unaccounted": watched.asked("sum(ratemill_unaccounted_total)"),
        "rated usage": watched.asked('sum(ratemill_loaded_rows_total{table="rated_usage"})'),
        "lag": watched.asked("sum(kafka_consumergroup_lag)"),
    }


def positive(watched, query, *labels):
    return {key: value for key, value in watched.asked(query, *labels).items() if value}


def wait_until_nothing_is_behind(call):
    for _ in range(200):
        status = json.loads(call("ratemill status --json"))
        if status["through"]:
            return
        signal.sigtimedwait([], 0.2)
    raise AssertionError(f"still behind: {status}")
