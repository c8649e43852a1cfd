"""A real Prometheus under `deploy/prometheus`: its configuration and its rules, asked by a test."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.embedded.ports import choose_ports
from tests.promtool import program

CONFIGURED = Path(__file__).parents[1] / "deploy" / "prometheus"
TARGETS = "../../.ratemill/run/ratemill/targets/*.json"  # as prometheus.yml says
_LOOKS = 300
_LOOK_EVERY_S = 0.2


class Scraping:
    """What a running Prometheus answers."""

    def __init__(self, port: int, log: Path) -> None:
        self._port = port
        self._log = log

    def asked(self, query: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the value of each series by some labels; none where it is still starting."""
        answer = self.data("query", query=query)
        return {
            tuple(one["metric"].get(label, "") for label in labels): float(one["value"][1])
            for one in answer.get("result", ())
        }

    def data(self, page: str, **given: str) -> Mapping[str, Any]:
        """Return the data of a page of its API; nothing where it is still starting."""
        address = f"http://127.0.0.1:{self._port}/api/v1/{page}?{urllib.parse.urlencode(given)}"
        try:
            with urllib.request.urlopen(address, timeout=5) as told:
                found: Mapping[str, Any] = json.load(told)["data"]
                return found
        except OSError:
            return {}

    def until(self, holds: Callable[[], bool], *, what: str) -> None:
        """Return as soon as it holds; an error with the end of Prometheus's log where it never does."""
        for _ in range(_LOOKS):
            if holds():
                return
            signal.sigtimedwait([], _LOOK_EVERY_S)
        raise AssertionError(f"never: {what}\n{self._log.read_text()[-2000:]}")


@contextlib.contextmanager
def scraping(folder: Path, *, targets: Path) -> Iterator[Scraping]:
    """Yield a Prometheus that runs in a folder as `prometheus.yml` says, each second instead of every 15.

    ``targets``: the folder in which the workers of the installation write where they answer.
    """
    (port,) = choose_ports(folder / "port", count=1)
    shutil.copy(CONFIGURED / "ratemill.rules.yml", folder)
    words = YAML().load((CONFIGURED / "prometheus.yml").read_text())
    words["global"].update(scrape_interval="1s", evaluation_interval="1s")
    (job,) = words["scrape_configs"]
    (discovery,) = job["file_sd_configs"]
    assert discovery["files"] == [TARGETS]
    discovery.update(files=[str(targets / "*.json")], refresh_interval="1s")
    with (folder / "prometheus.yml").open("w") as file:
        YAML().dump(words, file)
    log = folder / "prometheus.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=told,
            stderr=told,
        )
    try:
        yield Scraping(port, log)
    finally:
        process.kill()
        process.wait()
