"""Worker processes tell what they do: health, metrics that add up, a real Prometheus that scrapes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from pipeline.app import run_folder
from pipeline.cli.exits import Exit
from pipeline.cli.stack import worker_command
from pipeline.cli.workers import announced_workers
from pipeline.embedded.ports import choose_ports
from schemas import raw
from tests.integration.live_installation import (
    CATALOGUE,
    WITHIN_S,
    LiveInstallation,
    event_json,
    eventually,
)
from tests.promtool import program, run_promtool

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "ratemill.rules.yml"
UNLIMITED = CATALOGUE | {"plans.yaml": CATALOGUE["plans.yaml"].partition("limits:")[0]}
STAGES = ("normalise", "rate", "load")
RECORDS = 40
OCCURRED_AT_S = 1_768_046_400  # as `event_json` says
HEADERS = [
    (raw.TENANT, b"default"),
    (raw.SOURCE, b"gateway"),
    (raw.STREAM, b"gateway"),
    (raw.FORMAT, b"cloudevents-iot"),
    (raw.RECORD, raw.RECORD_MESSAGE),
]


async def page(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a page; 0 where nobody answers."""

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    return await asyncio.to_thread(get)


def ports(here: LiveInstallation) -> dict[str, int]:
    workers = announced_workers(run_folder(here.settings))
    return {worker.stage: worker.metrics_port for worker in workers}


async def all_ready(here: LiveInstallation) -> bool:
    answers = [await page(port, "/readyz") for port in ports(here).values()]
    return [status for status, _ in answers] == [200] * len(STAGES)


async def sums(here: LiveInstallation) -> dict[str, float]:
    """Return the sum of each metric, by stage where it has one."""
    found: defaultdict[str, float] = defaultdict(float)
    for port in ports(here).values():
        _, text = await page(port, "/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                stage = sample.labels.get("stage")
                found[f"{sample.name} {stage}" if stage else sample.name] += sample.value
    return found


@pytest.fixture
async def here(services, tmp_path) -> AsyncIterator[LiveInstallation]:
    async with LiveInstallation.created(services, tmp_path, catalogue=UNLIMITED) as here:
        yield here


async def sent(here: LiveInstallation) -> None:
    """Return when good records, a copy of one and one that is refused are in Postgres."""
    events = [event_json(f"r{number}") for number in range(RECORDS)]
    await here.publish([*events, events[0], b"{"], headers=HEADERS, key=b"gateway")
    await here.through()

    async def told() -> bool:
        found = await sums(here)
        loaded = found["ratemill_loaded_rows_total"] >= RECORDS
        return loaded and not found["kafka_consumergroup_lag"]

    await eventually(told, what="load has told of its last batch")


async def test_workers_are_ready_and_their_metrics_add_up(here):
    async with here.working():
        await eventually(lambda: all_ready(here), what="all workers are ready")
        await sent(here)
        found = await sums(here)
        assert found["ratemill_items_total normalise"] == RECORDS + 2
        assert found["ratemill_outcomes_total normalise"] == RECORDS + 2
        assert found["ratemill_refusals_total normalise"] == 1
        assert found["ratemill_events_handed_on"] == RECORDS
        assert found["ratemill_events_read"] == RECORDS
        assert found["ratemill_items_total rate"] == RECORDS
        assert found["ratemill_outcomes_total rate"] == RECORDS
        assert found["ratemill_unaccounted_total normalise"] == 0
        assert found["ratemill_unaccounted_total rate"] == 0
        assert [found[f"ratemill_partitions_owned {one}"] for one in STAGES] == [2, 2, 6]
        assert [found[f"ratemill_partition_working {one}"] for one in STAGES] == [2, 2, 6]
        assert found["ratemill_database_up load"] == 1
        for stage in STAGES:
            assert found[f"ratemill_event_timestamp_seconds {stage}"] == OCCURRED_AT_S, stage
            assert found[f"ratemill_lag_seconds {stage}"] == 0, stage
        for port in ports(here).values():
            _, text = await page(port, "/metrics")
            said = run_promtool("check", "metrics", given=text)
            assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@contextlib.asynccontextmanager
async def prometheus(here: LiveInstallation, folder: Path) -> AsyncIterator[int]:
    """Yield the port of a real Prometheus that scrapes the workers by the files they write."""
    (port,) = choose_ports(folder / "port", count=1)
    targets = run_folder(here.settings) / "targets" / "*.json"
    discovery = {"files": [str(targets)], "refresh_interval": "1s"}
    words = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "ratemill", "file_sd_configs": [discovery]}],
    }
    with (folder / "prometheus.yml").open("w") as file:
        YAML().dump(words, file)
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_real_prometheus_finds_the_workers_and_no_alert_fires(here, tmp_path):
    async def asked(query: str) -> dict[str, float]:
        _, text = await page(port, f"/api/v1/query?query={urllib.parse.quote(query)}")
        answer = json.loads(text) if text.startswith("{") else {"status": "starting"}
        if answer["status"] != "success":
            return {}
        return {
            one["metric"].get("stage", ""): float(one["value"][1])
            for one in answer["data"]["result"]
        }

    async def scraped() -> bool:
        up = await asked('sum(up{job="ratemill"})')
        read = await asked("sum(ratemill_events_read)")
        return up == {"": len(STAGES)} and read == {"": RECORDS}

    async with here.working(), prometheus(here, tmp_path) as port:
        await sent(here)
        await eventually(scraped, what="Prometheus has what the workers say")
        handed_on = "sum by (installation) (ratemill_events_handed_on)"
        assert await asked(f"{handed_on} - sum by (installation) (ratemill_events_read)") == {"": 0}
        items = await asked("sum by (stage) (ratemill_items_total)")
        assert items == {"normalise": RECORDS + 2, "rate": RECORDS}
        assert await asked("sum by (stage) (ratemill_outcomes_total)") == items
        _, text = await page(port, "/api/v1/rules")
        (group,) = json.loads(text)["data"]["groups"]
        assert {rule["health"] for rule in group["rules"]} == {"ok"}
        assert await asked('ALERTS{alertstate="firing"}') == {}


@contextlib.asynccontextmanager
async def worker(
    here: LiveInstallation, stage: str, **changed: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a worker that nobody supervises; it is killed at the end."""
    settings = {f"RATEMILL_{name.upper()}": value for name, value in changed.items()}
    process = await asyncio.create_subprocess_exec(
        *worker_command(stage),
        env={**os.environ, **here.settings.environment(), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_a_worker_that_waits_for_its_database_lives_and_is_not_ready(here):
    """Who probes it must not kill it for what it cannot help."""
    (port,) = choose_ports(here.folder / "port", count=1)
    away = "postgresql://ratemill@127.0.0.1:1/ratemill"
    async with worker(here, "load", metrics_port=str(port), postgres_dsn=away):

        async def answers() -> bool:
            return (await page(port, "/livez"))[0] == 200

        await eventually(answers, what="it answers")
        assert (await page(port, "/readyz"))[0] == 503


def wrong_password(here: LiveInstallation) -> dict[str, str]:
    parts = urlsplit(here.endpoints.postgres_dsn)
    address = f"{parts.username}:guess@{parts.hostname}:{parts.port}"
    return {"postgres_dsn": parts._replace(netloc=address).geturl()}


def wrong_certificate(here: LiveInstallation) -> dict[str, str]:
    gone = here.folder / "gone.crt"
    return {"postgres_dsn": f"{here.endpoints.postgres_dsn}?sslmode=verify-full&sslrootcert={gone}"}


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        (wrong_password, Exit.REFUSED, "Error: Postgres refuses: password authentication failed"),
        (wrong_certificate, Exit.REFUSED, "Error: sslrootcert of RATEMILL_POSTGRES_DSN is"),
    ],
)
async def test_what_waiting_does_not_mend_ends_a_worker_with_what_to_do(here, changed, code, says):
    async with worker(here, "load", **changed(here)) as process:
        async with asyncio.timeout(WITHIN_S):
            told, _ = await process.communicate()
        assert process.returncode == code, told
        assert says in told.decode()
        assert "To do: " in told.decode()
        assert "Traceback" not in told.decode()


async def test_a_port_that_is_taken_ends_a_worker_with_what_to_do(here):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        async with worker(here, "rate", metrics_port=taken) as process:
            async with asyncio.timeout(WITHIN_S):
                told, _ = await process.communicate()
    assert process.returncode == Exit.USAGE, told
    assert f"127.0.0.1:{taken}: Address already in use." in " ".join(told.decode().split())
    assert "To do: Free the port" in told.decode()
