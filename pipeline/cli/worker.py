"""`ratemill worker`: one stage in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.session import NothingRuns, connect, session_of

if TYPE_CHECKING:
    from pipeline.health import Health
    from pipeline.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Run",
        epilog=examples(
            "ratemill worker --stage rate", "RATEMILL_SLOT=1 ratemill worker --stage rate"
        ),
    )(worker)


def worker(
    context: typer.Context,
    stage: Annotated[
        Literal["normalise", "rate", "load", "watch"], typer.Option(help="Which stage to run.")
    ],
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Write log lines as JSON, for a collector.")
    ] = False,
) -> None:
    """Run one stage until TERM or Ctrl-C: normalise, rate, load, or watch, which follows sources.

    `ratemill up` does this for you. Start more of them, here or on other machines, and Kafka
    spreads the partitions over them. Waits for a broker and a database that do not answer yet.
    """
    session = session_of(context)
    from pipeline import correlation
    from pipeline.logs import configure_logs

    settings = session.settings
    configure_logs(level="DEBUG" if session.debug else "INFO", json=json_logs)
    if json_logs:  # else a file is of one stage, for one reader
        correlation.of_worker(installation=settings.installation, stage=stage)
    from pipeline.monitor import start_monitor

    # First: a port that is taken is told at once, and who asks is answered while we wait.
    monitor = start_monitor(settings, stage=stage)
    bootstrap, dsn = asyncio.run(
        _alive_while_waiting(settings, monitor.health, needs_postgres=stage == "load")
    )
    from pipeline.app import build_app, run_worker

    if stage == "watch":
        from pipeline.watching.app import build_watch_app
        from pipeline.watching.worker import run_watch_worker

        run_watch_worker(build_watch_app(settings, bootstrap=bootstrap, monitor=monitor))
        return
    filled = settings.model_copy(update={"kafka_bootstrap": bootstrap, "postgres_dsn": dsn})
    app = build_app(filled, stage=stage, bootstrap=bootstrap, dsn=dsn, monitor=monitor)
    run_worker(app)


async def _alive_while_waiting(
    settings: Settings, health: Health, *, needs_postgres: bool
) -> tuple[str, str | None]:
    from pipeline.health import keep_beating

    beating = asyncio.create_task(keep_beating(health))
    try:
        return await _when_reachable(settings, needs_postgres=needs_postgres)
    finally:
        beating.cancel()


async def _when_reachable(settings: Settings, *, needs_postgres: bool) -> tuple[str, str | None]:
    """Return broker and database once they have answered; waits longer each time.

    Normalise and rate do without the database, so they do not wait for it.
    """
    import structlog
    from aiokafka.errors import KafkaError

    from pipeline.backoff import Backoff
    from pipeline.errors import BrokerUnavailable
    from sinks.errors import SinkUnavailable

    log = structlog.get_logger("ratemill.worker")
    backoff = Backoff()
    while True:
        try:
            return await _reached(settings, needs_postgres=needs_postgres)
        except (NothingRuns, BrokerUnavailable, SinkUnavailable, KafkaError) as error:
            log.warning("waiting_for_services", reason=str(error) or repr(error))
            await backoff.wait()


async def _reached(settings: Settings, *, needs_postgres: bool) -> tuple[str, str | None]:
    from pipeline.genesis import checked_cluster_id

    bootstrap, dsn = settings.kafka_bootstrap, settings.postgres_dsn
    if bootstrap is None or (needs_postgres and dsn is None):
        endpoints = await connect(settings)
        bootstrap, dsn = endpoints.kafka_bootstrap, endpoints.postgres_dsn
    await checked_cluster_id(settings, bootstrap=bootstrap)
    if needs_postgres:
        from sinks.connection import open_pool

        assert dsn is not None
        async with open_pool(dsn, installation=settings.installation, max_size=1):
            pass
    return bootstrap, dsn
