"""The dashboard asks for metrics and labels that there are, in expressions that Prometheus takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.promtool import run_promtool
from tests.unit.test_alerts import OF_PROMETHEUS, OF_THE_TARGET, metrics_asked
from tests.unit.test_metrics import documented

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "ratemill.json"
PANELS = json.loads(DASHBOARD.read_text())["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
# What Grafana puts in before it asks.
VALUES = {"$installation": "one", "$__rate_interval": "1m"}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_of_metrics_that_there_are(panel):
    assert panel["description"].endswith(".")
    known = {name: labels for name, (_, labels) in documented().items()} | OF_PROMETHEUS
    for target in panel["targets"]:
        for name, labels in metrics_asked(target["expr"]).items():
            metric = name.removesuffix("_bucket")
            assert metric in known, name
            assert labels <= known[metric] | OF_THE_TARGET, name
            assert "installation" in labels, f"{name} of every installation"


def test_panels_have_numbers_and_places_of_their_own():
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells), "two panels lie over each other"
    assert max(x for x, _ in cells) < 24


def test_prometheus_takes_every_expression(tmp_path):
    rules = []
    for number, expression in enumerate(EXPRESSIONS):
        asked = expression
        for name, value in VALUES.items():
            asked = asked.replace(name, value)
        assert "$" not in asked
        rules.append({"record": f"panel:{number}", "expr": asked})
    with (tmp_path / "rules.yml").open("w") as file:
        YAML().dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
    said = run_promtool("check", "rules", tmp_path / "rules.yml")
    assert said.returncode == 0, said.stderr
    assert f"{len(EXPRESSIONS)} rules found" in said.stdout
