"""The HTTP server of a worker: its pages, and a port that it cannot have."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline.cli.stack import metrics_ports, running_stack
from pipeline.embedded.ports import choose_ports
from pipeline.errors import SettingsError
from pipeline.health import Phase
from pipeline.metrics import StageMetrics
from pipeline.monitor import start_monitor
from pipeline.scrape_targets import write_target
from pipeline.settings import Settings

_WITHIN_S = 10.0


def page(port: int | None, path: str, accept: str = "") -> tuple[int, str, str]:
    """Return status, content type and body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_a_worker_answers_before_it_has_reached_anything():
    monitor = start_monitor(Settings(), stage="rate")
    StageMetrics("rate", monitor.registry).doubt(0, "KafkaError")
    assert page(monitor.port, "/livez")[0] == 200
    status, _, body = page(monitor.port, "/readyz?verbose")
    assert status == 503
    assert body.endswith("[-] partitions: the group has not answered yet\nnot ok\n")
    assert page(monitor.port, "/no")[0] == 404
    status, kind, body = page(monitor.port, "/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    assert "ratemill_build_info{version=" in body
    assert "process_resident_memory_bytes" in body
    assert "ratemill_partition_stops_total{" in body
    assert "_created" not in body


def test_it_is_ready_once_it_says_so():
    monitor = start_monitor(Settings(), stage="rate")
    monitor.health.assigned()
    monitor.health.owned("rate/0")
    monitor.health.phase("rate/0", Phase.WORKING)
    assert page(monitor.port, "/readyz")[0] == 200


def test_a_scraper_may_ask_for_the_newer_form():
    monitor = start_monitor(Settings(), stage="load")
    _, kind, body = page(monitor.port, "/metrics", accept="application/openmetrics-text")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_without_a_port_nothing_is_served():
    assert start_monitor(Settings(metrics_port=-1), stage="rate").port is None


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_taken_is_told_with_what_to_do(taken):
    with pytest.raises(SettingsError) as told:
        start_monitor(Settings(metrics_port=taken), stage="rate")
    assert f"127.0.0.1:{taken}: Address already in use. Operator action: free the port" in str(
        told.value
    )


def test_an_address_of_another_machine_is_told_with_what_to_do():
    with pytest.raises(SettingsError, match="RATEMILL_METRICS_HOST"):
        start_monitor(Settings(metrics_host="203.0.113.1"), stage="rate")


def test_workers_of_up_get_one_port_each_after_the_other(tmp_path: Path):
    first = min(choose_ports(tmp_path / "ports", count=1))
    assert metrics_ports(Settings(metrics_port=0), workers=3) == [0, 0, 0]
    assert metrics_ports(Settings(metrics_port=-1), workers=3) == [-1, -1, -1]
    assert metrics_ports(Settings(metrics_port=first), workers=1) == [first]


def test_up_tells_of_a_port_that_is_taken_and_of_one_that_does_not_exist(taken):
    with pytest.raises(SettingsError, match=f"{taken} cannot be had on 127.0.0.1"):
        metrics_ports(Settings(metrics_port=taken), workers=1)
    with pytest.raises(SettingsError, match="65534 to 65536"):
        metrics_ports(Settings(metrics_port=65_534), workers=3)


async def test_no_service_is_started_where_workers_would_have_no_port(tmp_path, monkeypatch):
    async def started(*_args, **_more):
        pytest.fail("a service was started")

    monkeypatch.setattr("pipeline.cli.stack.start_services", started)
    settings = Settings(data=tmp_path, metrics_port=65_533, _env_file=None)
    with pytest.raises(SettingsError, match="65533 to 65536"):
        async with running_stack(settings, tell=print, watch=True):
            pass


def test_prometheus_is_told_of_workers_that_run_and_of_no_other(tmp_path: Path):
    folder = tmp_path / "targets"
    folder.mkdir()
    gone = folder / f"rate-{2**22 + 1}.json"
    gone.write_text("[]")
    write_target(tmp_path, installation="one", stage="load", host="0.0.0.0", port=9400)
    assert [path.name for path in folder.iterdir()] == [f"load-{os.getpid()}.json"]
    words = json.loads((folder / f"load-{os.getpid()}.json").read_text())
    assert words == [{"targets": ["127.0.0.1:9400"], "labels": {"installation": "one"}}]
