"""The watch worker on real proofs: windows, a gap in the numbers, a restart, a folder that is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.app import run_folder
from pipeline.cli.stack import worker_command
from pipeline.cli.workers import announced_workers
from schemas import raw
from tests.integration.live_installation import LiveInstallation, event_json, eventually
from tests.integration.test_worker_monitor import HEADERS, page


@pytest.fixture
async def here(services, tmp_path) -> AsyncIterator[LiveInstallation]:
    async with LiveInstallation.created(services, tmp_path) as here:
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


async def sent(
    here: LiveInstallation, name: str, sequence: int, *, source: str = "gateway"
) -> None:
    headers = [(raw.SOURCE, source.encode()), (raw.SOURCE_SEQUENCE, str(sequence).encode())]
    kept = [one for one in HEADERS if one[0] != raw.SOURCE]
    await here.publish([event_json(name)], headers=[*kept, *headers], key=source.encode())


async def test_the_watch_worker_follows_sources_through_a_restart(here):
    async with here.working(), watching(here) as first:
        await sent(here, "a", 1)
        await here.publish([b"{"], headers=HEADERS, key=b"gateway")

        async def refused() -> bool:
            return (await told(here)).get(("ratemill_source_refused_ratio", "gateway")) == 0.5

        await eventually(refused, what="the share of what was refused is told")
        first.send_signal(signal.SIGKILL)
        await first.wait()
        await sent(here, "b", 2)
        async with watching(here):

            async def third() -> bool:
                ratio = (await told(here)).get(("ratemill_source_refused_ratio", "gateway"))
                return ratio == pytest.approx(1 / 3)

            await eventually(third, what="it goes on with what it knew")
