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
    from sinks.queries import SuspendedRow, SuspenseCount

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
    limit: Annotated[int, typer.Option(min=1, help="Show so many of them.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show how many records wait by reason and source, and the first of them.

    Raw bytes may hold subscriber numbers: they are in the table `suspense`, not here.
    """
    counts, rows = run_to_end(_read(session_of(context).settings, reason, limit))
    if as_json:
        write_json({"counts": [c._asdict() for c in counts], "records": [_shown(r) for r in rows]})
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
            ["Source", "Reason", "Detail", "Topic, partition, offset, item"],
            [
                [
                    row.source,
                    row.reason,
                    row.detail,
                    f"{row.topic}/{row.partition} {row.offset}:{row.item}",
                ]
                for row in rows
            ],
        )
    )


def _shown(row: SuspendedRow) -> dict[str, object]:
    """Return a record without its bytes: they may hold subscriber numbers."""
    return {name: value for name, value in row._asdict().items() if name != "raw"}


async def _read(
    settings: Settings, reason: str | None, limit: int
) -> tuple[list[SuspenseCount], list[SuspendedRow]]:
    from sinks.connection import open_pool
    from sinks.queries import suspended, suspense_counts

    dsn = (await connect(settings)).postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        counts = await suspense_counts(pool)
        rows = await suspended(pool, reason=reason, most=limit)
    return [one for one in counts if reason in (None, one.reason)], rows
