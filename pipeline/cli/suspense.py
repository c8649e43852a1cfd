"""`ratemill suspense`: what was refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from sinks.queries import SuspenseCount, SuspenseRow

suspense = typer.Typer(no_args_is_help=True, help="Refused records: list.")


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
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show how many records wait by reason and source, and the newest of them.

    Raw bytes may hold subscriber numbers: they are in the table `suspense`, not here.
    """
    counts, rows = run_to_end(_read(session_of(context).settings, reason, source, limit))
    if as_json:
        write_json(
            {"counts": [c._asdict() for c in counts], "newest": [row._asdict() for row in rows]}
        )
        return
    if not counts:
        tell("Nothing waits in suspense.")
        return
    results().print(
        table(
            "Waiting",
            ["Reason", "Source", ">Records", "First", "Last"],
            [[c.reason, c.source, c.records, c.first_at, c.last_at] for c in counts],
        )
    )
    results().print(
        table(
            "Newest",
            ["Received", "Source", "Reason", "Detail", "Position"],
            [
                [
                    row.appended_at,
                    row.source,
                    row.reason,
                    row.detail,
                    f"{row.source_topic}/{row.source_partition} {row.source_offset}:{row.source_index}",
                ]
                for row in rows
            ],
        )
    )


async def _read(
    settings: Settings, reason: str | None, source: str | None, limit: int
) -> tuple[list[SuspenseCount], list[SuspenseRow]]:
    from sinks.connection import open_pool
    from sinks.queries import newest_suspense, suspense_counts

    dsn = (await connect(settings)).postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        return (
            await suspense_counts(pool, reason=reason, source=source),
            await newest_suspense(pool, reason=reason, source=source, most=limit),
        )
