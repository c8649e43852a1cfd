"""An installation at work for a benchmark: ready before the first record, looked at until the last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pipeline.app import run_folder
from pipeline.bench.ground import Ground
from pipeline.bench.processes import Used, together, used_by
from pipeline.bench.result import Point
from pipeline.bench.workload import TENANT
from pipeline.cli.live import STAGES, StageView, show_until_cancelled
from pipeline.cli.prepare import prepare
from pipeline.cli.stack import log_folder, running_workers
from pipeline.cli.versions import publish_accounts, publish_catalogue
from pipeline.cli.workers import announced_workers, numbers_of
from pipeline.embedded import Supervisor
from pipeline.errors import RatemillError
from pipeline.settings import Settings
from pipeline.topics import topics_of
from sinks.connection import Pool, open_pool
from sources.reference.accounts import read_accounts

_READY_S = 180.0  # a large card takes seconds to compile, twelve workers on two cores a minute
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Live:
    """An installation whose workers have their partitions and wait for records."""

    ground: Ground
    settings: Settings
    pool: Pool
    supervisor: Supervisor

    @property
    def bootstrap(self) -> str:
        """Return where the broker is."""
        return self.ground.endpoints.kafka_bootstrap

    def used(self) -> dict[str, Used]:
        """Return what the workers, by stage, and the services have used so far."""
        found = self.ground.services_used()
        for name in self.supervisor.names():
            stage, pid = name.partition("-")[0], self.supervisor.pid(name)
            mine = Used() if pid is None else used_by(pid)
            found[stage] = together(found.get(stage, Used()), mine)
        return found


@contextlib.asynccontextmanager
async def live_installation(
    ground: Ground, settings: Settings, *, of_each: int = 1
) -> AsyncIterator[Live]:
    """Yield an installation that has the workload's catalogue and accounts, and idle workers."""
    endpoints = ground.endpoints
    await prepare(settings, endpoints, tell=lambda _: None)
    lines = ground.workload.accounts.read_bytes()
    read = await asyncio.to_thread(read_accounts, {"accounts.jsonl": lines}, tenant=TENANT)
    if read.problems:
        raise RatemillError(
            f"The generated accounts are not in order: {read.problems[0]}. Operator action: "
            "report this, it is a bug of ours."
        )
    await publish_catalogue(settings, endpoints, ground.document)
    await publish_accounts(settings, endpoints, read.accounts)
    async with (
        running_workers(settings, endpoints, tell=ground.tell, of_each=of_each) as supervisor,
        open_pool(endpoints.postgres_dsn, installation=settings.installation, max_size=2) as pool,
    ):
        await _until_at_work(settings, of_each=of_each)
        yield Live(ground, settings, pool, supervisor)


async def _until_at_work(settings: Settings, *, of_each: int) -> None:
    """Return when every worker has its share of the partitions and nothing to do."""
    topics = topics_of(settings)
    read_by_load = (topics.ledger, topics.suspense, topics.proofs)
    wanted = {
        "normalise": topics.raw.partitions,
        "rate": topics.normalised.partitions,
        "load": sum(topic.partitions for topic in read_by_load),
    }
    try:
        async with asyncio.timeout(_READY_S):
            while True:
                if await _at_work(settings, wanted, of_each):
                    return
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise RatemillError(
            f"The workers had not taken their partitions after {_READY_S:.0f} s. Operator action: "
            f"read their logs in {log_folder(settings)}."
        ) from None


async def _at_work(settings: Settings, wanted: dict[str, int], of_each: int) -> bool:
    workers = announced_workers(run_folder(settings))
    if len(workers) < of_each * len(wanted):
        return False
    for worker in workers:
        numbers = (await numbers_of([worker]))[worker.stage]
        if numbers.partitions < wanted[worker.stage] // of_each or numbers.lag_records:
            return False
    return True


class SeriesView(StageView):
    """A view that remembers all it saw: seconds, then records done and behind of each stage."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(run_folder(settings))
        self._started_s = asyncio.get_running_loop().time()
        self.series: list[Point] = []

    async def look(self) -> None:
        """Ask the workers once."""
        await super().look()
        point: list[float] = [round(asyncio.get_running_loop().time() - self._started_s, 1)]
        for stage in STAGES:
            numbers = self.latest.get(stage)
            point += (numbers.handled, numbers.lag_records) if numbers else (0, 0)
        self.series.append(tuple(point))

    def most_behind(self) -> dict[str, float]:
        """Return how far each stage was behind at most, in what it reads."""
        return {
            stage: max((point[2 + 2 * place] for point in self.series), default=0)
            for place, stage in enumerate(STAGES)
        }


@contextlib.asynccontextmanager
async def shown(view: StageView, title: str) -> AsyncIterator[None]:
    """Show the view while the block lasts."""
    task = asyncio.create_task(show_until_cancelled(view, title))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
