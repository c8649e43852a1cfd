"""Alert rules: promtool takes them, each fires and has a page, and asks for metrics that exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from pipeline import errors
from pipeline.metrics import MetricName
from sinks import errors as sink_errors
from tests.promtool import run_promtool
from tests.unit.test_metrics import documented

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "ratemill.rules.yml"
TESTS = FOLDER / "ratemill.rules.test.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
PARTS = ["## What it means", "## What to look at", "## What to do"]
OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_THE_TARGET = {"job", "instance", "installation"}


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


ALERTS = {rule["alert"]: rule for group in read(RULES)["groups"] for rule in group["rules"]}


def metrics_asked(expression: str) -> dict[str, set[str]]:
    """Return the metrics that an expression names, with the labels that it chooses them by."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"\b((?:ratemill|kafka)_\w+|up)(?:\{([^}]*)\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)(?:=~?|!=)", labels))
    return found


def test_promtool_takes_the_rules_and_the_configuration():
    said = run_promtool("check", "rules", RULES)
    assert said.returncode == 0, said.stderr
    said = run_promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yml")
    assert said.returncode == 0, said.stderr


def test_alerts_fire_when_they_should_and_only_then():
    said = run_promtool("test", "rules", TESTS.name, folder=FOLDER)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_of_every_alert_it_is_tested_that_it_fires_and_that_it_does_not(alert):
    expected = [
        bool(one["exp_alerts"])
        for test in read(TESTS)["tests"]
        for one in test["alert_rule_test"]
        if one["alertname"] == alert
    ]
    assert set(expected) == {True, False}


def test_a_rule_that_is_wrong_is_noticed(tmp_path):
    shutil.copy(TESTS, tmp_path)
    right = RULES.read_text()
    wrong = right.replace('up{job="ratemill"} == 0', 'up{job="ratemill"} == 2')
    assert wrong != right
    (tmp_path / RULES.name).write_text(wrong)
    said = run_promtool("test", "rules", TESTS.name, folder=tmp_path)
    assert said.returncode != 0
    assert "RatemillTargetDown" in said.stdout + said.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_page_that_says_what_to_do(alert):
    rule = ALERTS[alert]
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert}.md"
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    text = (RUNBOOKS / f"{alert}.md").read_text()
    assert text.startswith(f"# {alert}: ")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == PARTS
    assert f"]({alert}.md)" in (RUNBOOKS / "README.md").read_text()


def test_every_page_is_of_an_alert():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_metrics_and_labels_that_there_are(alert):
    known = {name: labels for name, (_, labels) in documented().items()} | OF_PROMETHEUS
    asked = metrics_asked(ALERTS[alert]["expr"])
    assert asked
    for name, labels in asked.items():
        assert name in known, name
        assert labels <= known[name] | OF_THE_TARGET, name
        assert "job" in labels or name == "ratemill_partitions_owned", f"{name} of any job"


def test_an_error_that_an_alert_waits_for_is_one_that_is_raised():
    classes = {*vars(errors), *vars(sink_errors)}
    for rule in ALERTS.values():
        for names in re.findall(r'error=~"([\w|]+)"', rule["expr"]):
            assert set(names.split("|")) <= classes


def test_a_page_names_metrics_that_there_are():
    known = {*get_args(MetricName)}
    for path in RUNBOOKS.glob("*.md"):
        named = set(re.findall(r"\b(?:ratemill|kafka)_[a-z_]+\b", path.read_text()))
        assert named <= known, path.name
