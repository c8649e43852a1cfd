"""`ratemill worker`: one stage in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.session import NothingRuns, connect, endpoint_settings, session_of

if TYPE_CHECKING:
    from pipeline.embedded import Endpoints
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
        Literal["normalise", "rate", "load"], typer.Option(help="Which stage to run.")
    ],
    json_logs: Annotated[
        bool, typer.Option("--json-logs", help="Write log lines as JSON, for a collector.")
    ] = False,
) -> None:
    """Run one stage until TERM or Ctrl-C: normalise, rate or load.

    `ratemill up` does this for you. Start more of them, here or on other machines, and Kafka
    spreads the partitions over them. Waits for a broker and a database that do not answer yet.
    """
    session = session_of(context)
    from pipeline.logs import configure_logs

    settings = session.settings
    configure_logs(level="DEBUG" if session.debug else "INFO", json=json_logs)
    trap_inexact_money()
    endpoints = asyncio.run(_when_reachable(settings))
    from pipeline.app import build_app, run_worker

    run_worker(
        build_app(
            endpoint_settings(settings, endpoints),
            stage=stage,
            bootstrap=endpoints.kafka_bootstrap,
            dsn=endpoints.postgres_dsn,
        )
    )


def trap_inexact_money() -> None:
    """Make silent rounding and binary floats raise, here and in every thread started later."""
    import decimal

    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.traps[decimal.FloatOperation] = True
        context.traps[decimal.Inexact] = True


async def _when_reachable(settings: Settings) -> Endpoints:
    """Return where the services are once both have answered; waits longer each time."""
    import structlog
    from aiokafka.errors import KafkaError

    from pipeline.backoff import Backoff
    from pipeline.errors import BrokerUnavailable
    from sinks.errors import SinkUnavailable

    log = structlog.get_logger("ratemill.worker")
    backoff = Backoff()
    while True:
        try:
            endpoints = await connect(settings)
            await check_services(endpoints)
        except (NothingRuns, BrokerUnavailable, SinkUnavailable, KafkaError) as error:
            log.warning("waiting_for_services", reason=str(error) or repr(error))
            await backoff.wait()
        else:
            return endpoints


async def check_services(endpoints: Endpoints) -> None:
    """Return when broker and database have answered; else raise what one of them said."""
    from sinks.connection import ping

    from pipeline.kafka import cluster_id

    await cluster_id(endpoints.kafka_bootstrap)
    await ping(endpoints.postgres_dsn)
