"""`ratemill suspense`: what was refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import suspense_look, suspense_settle
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.places import Place, Places
    from pipeline.settings import Settings
    from sinks.queries import SuspendedRow, SuspenseCount

suspense = typer.Typer(
    no_args_is_help=True, help="Refused records: list, show, stats, recycle, write off."
)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(suspense, name="suspense", rich_help_panel="Look")


@suspense.callback()
def group() -> None:
    """Suspense: records that were refused wait here with their reason, bytes and position."""


@suspense.command(
    "list",
    epilog=examples(
        "ratemill suspense list", "ratemill suspense list --reason rating.unknown_destination"
    ),
)
def list_suspense(
    context: typer.Context,
    reason: Annotated[str | None, typer.Option(help="Of this reason only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many of them.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show how many records wait by reason and source, and the first of them.

    Each with the file and line that it came from. Where its source named none, or raw usage is
    trimmed, it is known by its position in a topic.

    Raw bytes may hold subscriber numbers: they are in the table `suspense`, not here.
    """
    counts, rows, (places, asked) = run_to_end(_read(session_of(context).settings, reason, limit))
    if not asked:
        tell(
            "The broker does not answer: where raw usage must be asked, there is no file and line."
        )
    if as_json:
        records = [_fields(row, place) for row, place in zip(rows, places, strict=True)]
        write_json({"counts": [c._asdict() for c in counts], "records": records})
        return
    if not counts:
        tell("Nothing waits in suspense.")
        return
    results().print(
        table(
            "Waiting",
            ["Reason", "Source", ">Records"],
            [[one.reason, one.source, one.records] for one in counts],
        )
    )
    results().print(
        table(
            f"The first {len(rows):,}",
            ["Id", "Source", "Reason", "Detail", "File and line, or topic/partition offset:item"],
            [
                [row.suspense_id, row.source, row.reason, row.detail, _from(row, place)]
                for row, place in zip(rows, places, strict=True)
            ],
        )
    )


suspense_look.add_to(suspense)
suspense_settle.add_to(suspense)


def _from(row: SuspendedRow, place: Place) -> str:
    return str(place) or f"{row.topic}/{row.partition} {row.offset}:{row.item}"


def _fields(row: SuspendedRow, place: Place) -> dict[str, object]:
    """Return a record without its bytes and headers: they may hold subscriber numbers."""
    fields = {name: value for name, value in row._asdict().items() if not name.startswith("raw")}
    return {**fields, **place._asdict()}


async def _read(
    settings: Settings, reason: str | None, limit: int
) -> tuple[list[SuspenseCount], list[SuspendedRow], Places]:
    from pipeline.cli.places import places_of
    from pipeline.topics import topics_of
    from sinks.connection import open_pool
    from sinks.queries import suspended, suspense_counts

    endpoints = await connect(settings)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        counts = await suspense_counts(pool)
        rows = await suspended(pool, reason=reason, most=limit)
    places = await places_of(
        rows,
        raw_topic=topics_of(settings).raw.name,
        bootstrap=endpoints.kafka_bootstrap,
    )
    return [one for one in counts if reason in (None, one.reason)], rows, places
