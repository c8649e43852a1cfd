"""A worker: one stage as a service in a Faust app, one process each."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import faust
import structlog
from faust.app.base import BootStrategy as Boot
from mode import Service

from pipeline.broker_watch import watch_broker
from pipeline.clock import Clock, SystemClock
from pipeline.collecting import collect_seldom
from pipeline.health import Health, keep_beating
from pipeline.kafka import cluster_id
from pipeline.monitor import Monitor
from pipeline.scrape_targets import write_target
from pipeline.settings import Settings

_log = structlog.get_logger(__name__)

StageName = Literal["normalise", "rate", "load"]
STAGES: tuple[StageName, ...] = ("normalise", "rate", "load")
Run = Callable[[Clock], Awaitable[None]]


class _App(faust.App):
    """Has no client of Kafka of its own: a stage makes its own, with their own security."""

    class BootStrategy(Boot):
        enable_kafka = False


def build_app(
    settings: Settings,
    *,
    stage: StageName,
    bootstrap: str,
    dsn: str | None,
    monitor: Monitor,
) -> faust.App:
    """Return the Faust app of one worker process; nothing is started yet.

    ``dsn`` is needed by load alone. ``monitor`` shows what the stage tells of itself. The app has
    no agents: `producer_only` keeps the worker from subscribing to nothing, which it does not
    survive.
    """
    run = _stage(settings, stage, bootstrap, dsn, monitor)
    folder = settings.data / "faust" / settings.installation / stage
    folder.mkdir(parents=True, exist_ok=True)  # the framework makes the last part only
    app = _App(
        id=f"{settings.installation}.{stage}",
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        web_enabled=False,  # health and metrics are our own
        topic_disable_leader=True,
        topic_allow_declare=False,  # topics are declared in topics.py alone
    )
    app.producer_only = True
    app.service(_service(stage, run, SystemClock(), bootstrap=bootstrap, health=monitor.health))
    announce(settings, stage, monitor)
    return app


def _stage(
    settings: Settings, stage: StageName, bootstrap: str, dsn: str | None, monitor: Monitor
) -> Run:
    """Return what runs a stage; only its own libraries are imported."""
    if stage == "load":
        from pipeline.load import load_stage

        assert dsn is not None, "load writes to Postgres"
        load = load_stage(settings, bootstrap=bootstrap, dsn=dsn)
        return replace(load, registry=monitor.registry, health=monitor.health).run
    from pipeline.stages import normalise_stage, rate_stage

    build = normalise_stage if stage == "normalise" else rate_stage
    built = build(settings, bootstrap=bootstrap)
    return replace(built, registry=monitor.registry, health=monitor.health).run


def _service(
    stage: StageName, run: Run, clock: Clock, *, bootstrap: str, health: Health
) -> type[Service]:
    """Return the class that Faust makes the stage's service of."""

    class StageService(Service):
        """Runs the stage for as long as the worker lives; its failure ends the worker."""

        def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  (mode's own arguments)
            super().__init__(**kwargs)
            self._running: list[asyncio.Task[None]] = []

        async def on_started(self) -> None:
            watch = watch_broker(lambda: cluster_id(bootstrap))
            self._running = [
                asyncio.create_task(self._guarded(), name=stage),
                asyncio.create_task(watch, name="watch the broker"),
                asyncio.create_task(keep_beating(health), name="say that the loop takes turns"),
            ]

        async def on_stop(self) -> None:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

        async def _guarded(self) -> None:
            try:
                await run(clock)
            except Exception as error:
                # The outermost loop: the worker must not go on as if the stage still ran.
                _log.exception("stage_failed", stage=stage)
                await self.crash(error)

    return StageService


def announce(settings: Settings, stage: str, monitor: Monitor) -> None:
    """Write where this process shows its metrics, for `ratemill status`, the demo and Prometheus."""
    port = monitor.port
    if port is None:
        return
    folder = run_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stage}-{os.getpid()}.json"
    words: dict[str, object] = {"stage": stage, "pid": os.getpid(), "metrics_port": port}
    if stage == "normalise":
        from pipeline.mappings import mapping_versions

        words["mappings"] = mapping_versions(settings)  # for `ratemill ingest`
    path.write_text(json.dumps(words))
    write_target(
        folder,
        installation=settings.installation,
        stage=stage,
        host=settings.metrics_host,
        port=port,
    )


def run_folder(settings: Settings) -> Path:
    """Return the folder in which running workers say where their metrics are."""
    return settings.data / "run" / settings.installation


def run_worker(app: faust.App, *, worker_type: type[faust.Worker] = faust.Worker) -> None:
    """Run a worker until TERM or INT; ends the process."""
    collect_seldom()
    worker = worker_type(
        app,
        loglevel="WARN",
        redirect_stdouts=False,  # else what is printed turns into warnings
        override_logging=False,  # logs.py has set it up
        quiet=True,
    )
    worker.execute_from_commandline()
