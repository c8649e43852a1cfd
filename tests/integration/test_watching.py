"""The watch worker on real proofs: windows, a gap in the numbers, a restart, a folder that is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.app import run_folder
from pipeline.cli.stack import worker_command
from pipeline.cli.workers import announced_workers
from pipeline.kafka import admin_client
from schemas import raw
from tests.integration.live_installation import WITHIN_S, LiveInstallation, event_json, eventually
from tests.integration.test_worker_monitor import HEADERS, page


@pytest.fixture
async def here(services, tmp_path) -> AsyncIterator[LiveInstallation]:
    async with LiveInstallation.created(services, tmp_path, watch_late_ms=0) as here:
        yield here


@contextlib.asynccontextmanager
async def watching(here: LiveInstallation) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield while a watch worker runs; it is ended by TERM, or was killed before."""
    log = (here.settings.data / "watch.log").open("ab")
    process = await asyncio.create_subprocess_exec(
        *worker_command("watch"),
        env={**os.environ, **here.settings.environment()},
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(30):
            await process.wait()
        log.close()


async def told(here: LiveInstallation) -> dict[tuple[str, str], float]:
    """Return what the watch worker says, by metric and source."""
    found = {}
    for worker in announced_workers(run_folder(here.settings)):
        if worker.stage == "watch":
            _, text = await page(worker.metrics_port, "/metrics")
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if "source" in sample.labels:
                        found[sample.name, sample.labels["source"]] = sample.value
    return found


async def sent(here: LiveInstallation, name: str, sequence: int) -> None:
    more = (raw.SOURCE_SEQUENCE, str(sequence).encode())
    await here.publish([event_json(name)], headers=[*HEADERS, more], key=b"gateway")


async def asked(here: LiveInstallation, path: str, *, pid: int) -> tuple[int, str]:
    """Return status and body of a page of one worker."""
    (port,) = (
        one.metrics_port for one in announced_workers(run_folder(here.settings)) if one.pid == pid
    )
    return await page(port, path)


async def lag(here: LiveInstallation, *, pid: int) -> dict[str, float]:
    """Return how far a watch worker is behind, by partition."""
    _, text = await asked(here, "/metrics", pid=pid)
    return {
        sample.labels["partition"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kafka_consumergroup_lag"
    }


async def topics(here: LiveInstallation) -> set[str]:
    async with admin_client(here.endpoints.kafka_bootstrap) as admin:
        names = await admin.list_topics()
    return {name for name in names if name.startswith(here.settings.installation)}


def says(here: LiveInstallation, metric: str, value: float) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        found = (await told(here)).get((f"ratemill_source_{metric}", "gateway"))
        return found == pytest.approx(value)

    return holds


async def test_sources_are_followed_through_a_kill_and_the_loss_of_the_folder(here):
    before = await topics(here)
    async with here.working():
        async with watching(here) as first:
            await sent(here, "a", 1)
            await here.publish([b"{"], headers=HEADERS, key=b"gateway")
            await eventually(says(here, "refused_ratio", 1 / 2), what="the refusal is told")
            assert (await told(here))["ratemill_source_sequence_gaps_total", "gateway"] == 0
            first.kill()
            await first.wait()
        await sent(here, "b", 4)
        async with watching(here):
            await eventually(says(here, "refused_ratio", 1 / 3), what="it goes on where it was")
            await eventually(says(here, "sequence_gaps_total", 2), what="2 and 3 did not come")
            seen = (await told(here))["ratemill_source_last_seen_timestamp_seconds", "gateway"]
            assert abs(seen - time.time()) < 2 * WITHIN_S
            said = await here.command("status", "--json")
            (line,) = said.json["sources"]
            assert (line["source"], line["sequence_gaps"]) == ("gateway", 2)
            said = await here.command("status")
            assert "gateway" in said.out
        shutil.rmtree(here.settings.data / "faust" / here.settings.installation / "watch")
        await sent(here, "c", 5)
        async with watching(here):
            await eventually(says(here, "sequence_gaps_total", 0), what="it starts anew")
            await sent(here, "d", 7)
            await eventually(says(here, "sequence_gaps_total", 1), what="6 did not come")
    assert await topics(here) == before, "no topic is made beside those that are declared"


async def test_nothing_lags_in_the_end_and_a_second_worker_stands_by_until_the_first_is_gone(here):
    async with here.working(), watching(here) as first:
        await sent(here, "a", 1)
        await eventually(says(here, "sequence_gaps_total", 0), what="the first one follows")

        def has(worker: asyncio.subprocess.Process, lags: dict[str, float]):
            async def holds() -> bool:
                with contextlib.suppress(ValueError):  # it has not announced itself
                    return await lag(here, pid=worker.pid) == lags
                return False

            return holds

        await eventually(has(first, {"0": 0, "1": 0}), what="nothing is behind the first one")
        async with watching(here) as second:
            await eventually(has(second, {}), what="the second one answers")

            async def is_ready() -> bool:
                status, says = await asked(here, "/readyz", pid=second.pid)
                return status == 200 and "0 owned" in says

            await eventually(is_ready, what="it has joined, and owns nothing")
            await sent(here, "b", 2)
            await eventually(
                has(first, {"0": 0, "1": 0}), what="the first one has everything still"
            )
            assert await lag(here, pid=second.pid) == {}
            first.kill()
            await first.wait()
            await eventually(has(second, {"0": 0, "1": 0}), what="the second one has taken over")
            await sent(here, "c", 4)
            await eventually(says(here, "sequence_gaps_total", 1), what="3 did not come")
