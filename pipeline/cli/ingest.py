"""`ratemill ingest`: files of usage, into the raw topic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import session_of

if TYPE_CHECKING:
    from mediation.decode.item import Decoder
    from pipeline.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Use",
        epilog=examples(
            "ratemill ingest /var/log/freeswitch/cdr-csv --source fs-1 --format freeswitch-csv "
            "--zone Europe/Berlin",
            "ratemill ingest events.jsonl --source meters --format cloudevents-iot",
            "ratemill ingest /var/cdr/pgw-1 --source pgw-1 --format 3gpp-pgw",
        ),
    )(ingest)


def ingest(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE|FOLDER", help="Files, packed by gzip or not; folders."),
    ],
    source: Annotated[str, typer.Option(help="Who wrote the files: a switch, a fleet, a system.")],
    format_name: Annotated[
        str, typer.Option("--format", help="The mapping that reads them, such as asterisk.")
    ],
    stream: Annotated[
        str | None,
        typer.Option(
            help="Part of the source that keeps its order: a trunk (default: the source)."
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="Zone of local times in the files, such as Europe/Berlin."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose usage it is.")] = "default",
    again: Annotated[
        bool, typer.Option("--again", help="Read files too that were ingested before.")
    ] = False,
    settle: Annotated[
        int,
        typer.Option(min=0, help="Seconds a file must rest when its last line is unfinished."),
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Read files into the raw topic; the stages do the rest.

    Of one source nothing is ever charged twice: a file that was ingested before is passed over, and
    a copy of a record is recognised whatever file it comes in. Always name a source the same: under
    another --source the copies would be charged again. A file that was read from another source,
    one that is still being written and one that is damaged is refused, the others go on, and the
    exit code is 4.
    """
    from pipeline.app import run_folder
    from pipeline.cli.ingesting import Ingest, ingest_files
    from pipeline.cli.mappings_at_work import not_loaded

    settings = session_of(context).settings
    decoder = known_format(settings, format_name)
    wanted = Ingest(
        paths=tuple(paths),
        tenant=tenant,
        source=source,
        stream=stream or source,
        format=format_name,
        zone=known_zone(zone),
        names_columns=decoder.names_columns,
        reads_cdr_files=decoder.reads_cdr_files,
        again=again,
        settle_s=settle,
    )
    warning = not_loaded(decoder, folder=run_folder(settings))
    if warning:
        tell(warning)
    report = run_to_end(ingest_files(settings, wanted))
    if as_json:
        write_json(report)
    else:
        tell(report.in_words())
    if report.refused:
        raise typer.Exit(Exit.REFUSED)


def known_format(settings: Settings, name: str) -> Decoder:
    """Return the mapping of that name (and version) if there is one; else a usage error."""
    from pipeline.mappings import load_mappings

    mappings = load_mappings(settings)
    plain, _, version = name.partition("@")
    decoder = mappings.get(plain)
    if decoder is None:
        from rating.meant import meant_name

        known = ", ".join(sorted(mappings))
        meant = meant_name(plain, mappings)
        raise typer.BadParameter(f"{plain!r} is none of {known}.{meant}", param_hint="--format")
    if version and version != str(decoder.version):
        raise typer.BadParameter(
            f"{plain} is at version {decoder.version} here", param_hint="--format"
        )
    return decoder


def known_zone(name: str | None) -> str | None:
    """Return the zone if there is one of that name; else a usage error."""
    from schemas.period import zone_info

    if name is None:
        return None
    try:
        zone_info(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(
            f"{name!r} is no zone; write one such as Europe/Berlin or UTC", param_hint="--zone"
        ) from None
    return name
