"""Everything that one machine runs for an installation: services, topics, tables, workers."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from pipeline.app import STAGES, run_folder
from pipeline.cli.prepare import Prepared, prepare
from pipeline.cli.session import endpoint_settings
from pipeline.cli.workers import announced_workers
from pipeline.embedded import Endpoints, Services, Supervisor, ensure_services
from pipeline.embedded.ports import is_free
from pipeline.errors import SettingsError
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from pipeline.watching import WATCH

Tell = Callable[[str], None]

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, while the context that gave it lasts."""

    services: Services
    endpoints: Endpoints
    prepared: Prepared
    supervisor: Supervisor


@asynccontextmanager
async def running_stack(
    settings: Settings, *, tell: Tell, watch: bool = False
) -> AsyncIterator[Stack]:
    """Yield with everything started; at the end, whatever this started is stopped.

    Services that ran before, or that are the operator's, are used and left alone. `SettingsError`
    before anything is started where no worker could run as it is set.
    """
    load_mappings(settings)
    metrics_ports(settings, workers=len(_workers(of_each=1, watch=watch)))
    async with await start_services(settings, tell=tell) as services:
        endpoints = services.endpoints
        prepared = await prepare(settings, endpoints, tell=tell)
        async with running_workers(settings, endpoints, tell=tell, watch=watch) as supervisor:
            yield Stack(services, endpoints, prepared, supervisor)


async def start_services(settings: Settings, *, tell: Tell) -> Services:
    """Return services that answer; only what is not configured and does not run is started."""
    return await ensure_services(
        settings.data,
        kafka_bootstrap=settings.kafka_bootstrap,
        postgres_dsn=settings.postgres_dsn,
        on_progress=tell,
        detach=False,
    )


@asynccontextmanager
async def running_workers(
    settings: Settings,
    endpoints: Endpoints,
    *,
    tell: Tell,
    of_each: int = 1,
    watch: bool = False,
) -> AsyncIterator[Supervisor]:
    """Yield with supervised worker processes for each stage; they end with the block.

    ``watch``: with the watch worker beside them.
    """
    announced_workers(run_folder(settings))  # removes what dead ones left behind
    workers = _workers(of_each=of_each, watch=watch)
    ports = metrics_ports(settings, workers=len(workers))
    environment = endpoint_settings(settings, endpoints).environment()
    supervisor = Supervisor(log_folder(settings), on_event=tell)
    try:
        for slot, (name, stage) in enumerate(workers):
            await supervisor.start(
                name,
                worker_command(stage),
                {
                    **environment,
                    "RATEMILL_SLOT": str(slot),
                    "RATEMILL_METRICS_PORT": str(ports[slot]),
                },
            )
        yield supervisor
    finally:
        await supervisor.stop()


def _workers(*, of_each: int, watch: bool) -> list[tuple[str, str]]:
    """Return the name and the stage of each worker."""
    found: list[tuple[str, str]] = [
        (worker_name(stage, n), stage) for n, stage in product(range(of_each), STAGES)
    ]
    return [*found, (WATCH, WATCH)] if watch else found


def metrics_ports(settings: Settings, *, workers: int) -> list[int]:
    """Return the port of each worker's metrics: the given one and those after it.

    `SettingsError` where one of them is taken: its worker would end and be started again for ever.
    """
    first = settings.metrics_port
    if first <= 0:
        return [first] * workers
    ports = list(range(first, first + workers))
    taken = [str(port) for port in ports if not is_free(port, host=settings.metrics_host)]
    if ports[-1] > _LAST_PORT or taken:
        which = f"; {', '.join(taken)} cannot be had on {settings.metrics_host}" if taken else ""
        raise SettingsError(
            f"The workers show their metrics at ports {first} to {ports[-1]}{which}. Operator "
            "action: free them, or set RATEMILL_METRICS_PORT to the first of a free range (0: any "
            "that are free)."
        )
    return ports


def worker_name(stage: str, number: int) -> str:
    """Return what a worker is called in logs: its stage, with a number from the second one on."""
    return f"{stage}-{number + 1}" if number else stage


def worker_command(stage: str) -> list[str]:
    """Return the command of a worker; ``-P``: a folder of the user's must not hide our rooms."""
    return [sys.executable, "-P", "-m", "pipeline.cli", "worker", "--stage", stage]


def log_folder(settings: Settings) -> Path:
    """Return where the workers of an installation write their logs."""
    return settings.data / "logs" / settings.installation
