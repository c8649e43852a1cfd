"""The stage in processes of its own: killed in each gap of the commit order, stopped, displaced."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.embedded import Endpoints
from tests.pipeline import copy_worker
from tests.pipeline.copy_stage import WITHIN_S, CopyInstallation, copy_settings, until

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
async def installation(services: Endpoints, prefix: str, tmp_path: Path) -> CopyInstallation:
    return await CopyInstallation.create(
        copy_settings(prefix), bootstrap=services.kafka_bootstrap, folder=tmp_path
    )


@contextlib.asynccontextmanager
async def _worker(
    here: CopyInstallation, name: str, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield a process that runs the stage; it is killed at the end."""
    log = here.folder / f"{name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            copy_worker.__name__,
            here.settings.installation,
            here.bootstrap,
            str(here.folder),
            name,
            *more,
            cwd=_REPOSITORY,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _is_stopped(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


def _was_told(log: str) -> bool:
    """Return whether a worker learned who owns the partition now: by the answer to its question,
    or by a second assignment, which may even give it back."""
    return "partition_given_up" in log or log.count("] assigned ") > 1


@pytest.mark.parametrize("gap", list(copy_worker.GAPS))
async def test_a_death_in_any_gap_of_the_commit_order_changes_nothing(
    installation: CopyInstallation, gap: str
) -> None:
    here = installation
    await here.publish([b"v%d" % number for number in range(100)])
    async with _worker(here, "a", gap, "SIGKILL") as process, asyncio.timeout(WITHIN_S):
        assert await process.wait() == -signal.SIGKILL
    before = await here.proofs()
    if gap != "fenced":
        assert len(before) > 1, "it died before anything was committed"
    assert before[-1].next < 100, "it died after everything was committed"
    async with _worker(here, "a"):
        await here.done()
    await here.check()
    assert here.count_in_state() == 100


async def test_a_stopped_owner_is_replaced_and_gives_up_when_it_goes_on(
    installation: CopyInstallation,
) -> None:
    """Two owners that fenced each other at once would do so for ever."""
    here = installation
    await here.publish([b"v%d" % number for number in range(100)])
    async with contextlib.AsyncExitStack() as workers:
        zombie = await workers.enter_async_context(_worker(here, "zombie", "appended", "SIGSTOP"))
        await until(lambda: _is_stopped(zombie.pid), what="it has stopped itself as the owner")
        await workers.enter_async_context(_worker(here, "other"))
        await here.done()  # past the session time-out, or the stopped one would have it still
        before = await here.read(here.topics.normalised)
        zombie.send_signal(signal.SIGCONT)  # with its transaction all but committed
        logs = [here.folder / f"{name}.log" for name in ("zombie", "other")]
        await until(lambda: _was_told(logs[0].read_text()), what="it learned of it")
        assert await here.read(here.topics.normalised) == before
        for _ in range(3):  # the group may give it the partition again; nobody fences in vain
            await here.publish([b"w"] * 10)
            await here.done()
        assert sum(log.read_text().count("partition_stopped") for log in logs) <= 2
    await here.check()
