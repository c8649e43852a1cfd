"""`ratemill status`: what runs, and how far each stage is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import WATCHING_ENDED, run_to_end
from pipeline.cli.session import connect, require_topics, session_of
from pipeline.cli.sources import SourceLine, source_text, sources_table, watched_sources

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.embedded import Endpoints
    from pipeline.settings import Settings
    from pipeline.status import Positions


class PartitionLine(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stage is in one partition."""

    topic: str
    partition: int
    position: int
    end: int
    behind: int


class StageLine(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. The counts are of the workers on this machine, since they started."""

    stage: str
    workers: int
    behind: int
    outcomes: dict[str, int]
    refusals: dict[str, int]
    partitions: tuple[PartitionLine, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The document of `ratemill status --json`."""

    installation: str
    kept_by: int | None  # pid of `ratemill up`, where it runs on this machine
    kafka_bootstrap: str
    embedded: bool
    through: bool  # every stage has read all there is
    stages: tuple[StageLine, ...]
    sources: tuple[SourceLine, ...] | None = None  # None: no watch worker runs here
    postgres: str = ""  # host:port/database
    postgres_user: str = ""
    postgres_password_file: str = ""  # of the embedded one


_WATCH_EVERY_S = 2.0


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples("ratemill status", "ratemill status --watch", "ratemill status --json"),
    )(status)


def status(
    context: typer.Context,
    partitions: Annotated[
        bool, typer.Option("--partitions", help="Show every partition of every stage.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every 2 s, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show what runs and how far each stage is behind, from its last committed position.

    Single sources are shown where the watch worker runs, as beside `ratemill up`.
    """
    if watch and (as_json or partitions):
        raise typer.BadParameter("stands alone.", param_hint="--watch")
    settings = session_of(context).settings
    if watch:
        run_to_end(_watch(settings), stopped=WATCHING_ENDED)
        return
    found = run_to_end(_status(settings))
    from pipeline.cli.database_place import DatabasePlace

    if as_json:
        write_json(found)
        return
    kept = f"kept running by process {found.kept_by}" if found.kept_by else "not kept running here"
    tell(f"{found.installation}: {kept}; Kafka at {found.kafka_bootstrap}.")
    place = DatabasePlace(found.postgres, found.postgres_user, found.postgres_password_file)
    tell(f"PostgreSQL at {place}; schema {found.installation}.")
    results().print(_stages_table(found))
    if found.sources:
        results().print(sources_table(found.sources))
    if partitions:
        results().print(
            table(
                None,
                ["Stage", "Topic", ">Partition", ">Position", ">End", ">Behind"],
                [
                    [one.stage, at.topic, at.partition, at.position, at.end, at.behind]
                    for one in found.stages
                    for at in one.partitions
                ],
            )
        )
    said = _without_workers(found, session_of(context).settings)
    if said:
        tell(said)


def _without_workers(found: Status, settings: Settings) -> str:
    """Return which stages have no worker here and should, else whether all is through; or nothing."""
    missing = [one.stage for one in found.stages if not one.workers]
    if missing and found.kept_by and settings.metrics_port >= 0:
        return (
            f"No worker of {', '.join(missing)} answers, though process {found.kept_by} keeps "
            f"{found.installation} running here: it may just start; if it stays so, read the end of "
            f"{settings.data}/logs/{found.installation}/{missing[0]}.log."
        )
    idle = [one.stage for one in found.stages if not one.workers and one.behind]
    if idle:
        return f"No worker of {', '.join(idle)} runs on this machine: `ratemill up --detach`."
    return "Everything that was received is through." if found.through else ""


def _stages_table(found: Status) -> RenderableType:
    return table(
        None,
        ["Stage", ">Workers here", ">Behind", "Outcomes since they started"],
        [[one.stage, one.workers, one.behind, _counts(one.outcomes)] for one in found.stages],
    )


async def _watch(settings: Settings) -> None:
    """Show the status again and again, until cancelled."""
    from rich.console import Group
    from rich.live import Live

    async with _looking(settings) as look:
        if not results().is_terminal:
            while True:
                for line in _lines(await look()):
                    results().print(line, markup=False)
                await asyncio.sleep(_WATCH_EVERY_S)
        with Live(console=results(), auto_refresh=False) as live:
            while True:
                found = await look()
                of_sources = () if found.sources is None else (sources_table(found.sources),)
                live.update(Group(_stages_table(found), *of_sources), refresh=True)
                await asyncio.sleep(_WATCH_EVERY_S)


def _lines(found: Status) -> list[str]:
    """Return a status for who has no terminal: one line of the stages, one of each source."""
    stages = "; ".join(
        f"{one.stage} {one.workers} at work, {one.behind:,} behind" for one in found.stages
    )
    return [stages, *map(source_text, found.sources or ())]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)


async def _status(settings: Settings) -> Status:
    async with _looking(settings) as look:
        return await look()


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[Status]]]:
    """Yield what gives the status of now; asked again, it uses the same connections."""
    endpoints = await connect(settings)
    looking = _positions(settings, bootstrap=endpoints.kafka_bootstrap, dsn=endpoints.postgres_dsn)
    async with looking as positions:

        async def look() -> Status:
            return await _status_at(settings, endpoints, await positions())

        yield look


async def _status_at(settings: Settings, endpoints: Endpoints, positions: Positions) -> Status:
    from pipeline.app import STAGES, run_folder
    from pipeline.cli.database_place import database_place
    from pipeline.cli.keeper import running_installation
    from pipeline.cli.workers import StageNumbers, announced_workers, numbers_of
    from pipeline.clock import SystemClock

    workers = announced_workers(run_folder(settings))
    numbers = await numbers_of(workers)
    keeper = running_installation(settings)
    place = database_place(settings, endpoints.postgres_dsn)
    stages = []
    for stage in STAGES:
        of_stage = numbers.get(stage, StageNumbers())
        stages.append(
            StageLine(
                stage=stage,
                workers=of_stage.workers,
                behind=positions.behind(stage),
                outcomes=dict(of_stage.outcomes or of_stage.rows),
                refusals=dict(of_stage.refusals),
                partitions=tuple(
                    PartitionLine(
                        topic=one.topic,
                        partition=one.partition,
                        position=one.position,
                        end=one.end,
                        behind=one.behind,
                    )
                    for one in positions.partitions
                    if one.stage == stage
                ),
            )
        )
    return Status(
        installation=settings.installation,
        kept_by=keeper.pid if keeper else None,
        kafka_bootstrap=endpoints.kafka_bootstrap,
        embedded=endpoints.embedded,
        through=positions.through,
        stages=tuple(stages),
        postgres=place.address,
        postgres_user=place.user,
        postgres_password_file=place.password_file,
        sources=await watched_sources(workers, now_s=SystemClock().now().timestamp()),
    )


async def current_positions(settings: Settings, *, bootstrap: str, dsn: str) -> Positions:
    """Return where each stage stands now."""
    async with _positions(settings, bootstrap=bootstrap, dsn=dsn) as positions:
        return await positions()


@asynccontextmanager
async def _positions(
    settings: Settings, *, bootstrap: str, dsn: str
) -> AsyncIterator[Callable[[], Awaitable[Positions]]]:
    from pipeline.status import positions_of, status_tails
    from sinks.connection import open_pool
    from sinks.progress import all_progress

    await require_topics(settings, bootstrap=bootstrap)
    async with (
        open_pool(dsn, installation=settings.installation, max_size=1) as pool,
        status_tails(settings, bootstrap=bootstrap) as tails,
    ):

        async def positions() -> Positions:
            rows = await all_progress(pool)
            loaded = {(row.topic, row.partition): row.next_position for row in rows}
            return positions_of(settings, await tails.read(), loaded=loaded)

        yield positions
