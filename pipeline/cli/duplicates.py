"""`ratemill duplicates`: records that came more than once, and were charged once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.places import Place, Places
    from pipeline.settings import Settings
    from sinks.duplicate_queries import DuplicateCount, DuplicateRow

duplicates = typer.Typer(no_args_is_help=True, help="Copies of records: list.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(duplicates, name="duplicates", rich_help_panel="Look")


@duplicates.callback()
def group() -> None:
    """Duplicates: copies of records that were there before; they are listed, and charge nothing."""


@duplicates.command(
    "list", epilog=examples("ratemill duplicates list", "ratemill duplicates list --source fs-1")
)
def list_duplicates(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=250, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show how many copies each source delivered, and the newest of them with their first copy.

    A source with many copies sends files twice, or repeats what was acknowledged too late. A record
    that has the same id and says something else is no copy: it is in suspense, as
    `mediation.conflict`.
    """
    counts, rows, copies, firsts = run_to_end(_read(session_of(context).settings, source, limit))
    if not copies.asked:
        tell("The broker does not answer: without it there is no file and line.")
    pairs = list(zip(rows, copies.places, firsts.places, strict=True))
    if as_json:
        records = [
            {**row._asdict(), **copy._asdict(), "first_copy": first._asdict()}
            for row, copy, first in pairs
        ]
        write_json({"counts": [each._asdict() for each in counts], "records": records})
        return
    if not counts:
        tell("No record came twice.")
        return
    results().print(table("Copies", ["Source", ">Copies", ">Of records"], counts))
    results().print(
        table(
            f"The newest {len(rows):,}",
            ["Read", "Source", "Copy", "First copy"],
            [
                [
                    row.appended_at,
                    row.source,
                    _shown(copy, row, row.offset, row.item),
                    _shown(first, row, row.first_offset, row.first_item),
                ]
                for row, copy, first in pairs
            ],
        )
    )


def _shown(place: Place, row: DuplicateRow, offset: int | None, item: int | None) -> str:
    if str(place):
        return str(place)
    return "" if offset is None else f"{row.topic}/{row.partition} {offset}:{item}"


async def _read(
    settings: Settings, source: str | None, limit: int
) -> tuple[list[DuplicateCount], list[DuplicateRow], Places, Places]:
    from pipeline.cli.places import places_at
    from pipeline.topics import topics_of
    from sinks.connection import open_pool
    from sinks.duplicate_queries import duplicate_counts, newest_duplicates

    endpoints = await connect(settings)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        counts = await duplicate_counts(pool, source=source)
        rows = await newest_duplicates(pool, source=source, most=limit)
    copies = [(row.partition, row.offset, row.item) for row in rows]
    firsts = [
        None
        if row.first_offset is None or row.first_item is None
        else (row.partition, row.first_offset, row.first_item)
        for row in rows
    ]
    both = await places_at(
        [*copies, *firsts],
        raw_topic=topics_of(settings).raw.name,
        bootstrap=endpoints.kafka_bootstrap,
    )
    here = len(rows)
    return (
        counts,
        rows,
        both._replace(places=both.places[:here]),
        both._replace(places=both.places[here:]),
    )
