"""`ratemill generate`: usage that looks real, with the truth about every record of it."""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import messages, program, results, table, tell, write_json
from pipeline.cli.session import session_of

if TYPE_CHECKING:
    from sources.generate.stream import Request
    from sources.generate.truth import Summary

_DAY_MS = 86_400_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Try",
        epilog=examples(
            "ratemill generate usage/ --records 10000 --seed 7",
            "ratemill generate calls/ --scenario telco --catalogue tariffs/",
            "ratemill generate network/ --scenario operator",
        ),
    )(generate)


def generate(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder to write to.")],
    records: Annotated[int, typer.Option(min=100, max=50_000_000)] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    scenario: Annotated[
        Literal["mixed", "operator", "telco", "iot", "video"],
        typer.Option(
            help="Which network elements write: iot: gateways of devices and meters, and an API; "
            "telco: two FreeSWITCH and an Asterisk with calls; video: a video gateway; mixed: all of "
            "these; operator: mixed, and a mobile switching centre with charging records in BER."
        ),
    ] = "mixed",
    start: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First day, UTC (default: the days end yesterday)."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366)] = 20,
    accounts: Annotated[
        int | None, typer.Option(min=2, help="How many accounts (default: by the records).")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Whose plans (default: the sample's)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Write usage files, the accounts they belong to, and the truth about every record.

    Among ordinary records there are duplicates, late, broken and unknown ones, in stated shares.
    Load the accounts with `ratemill reference load FOLDER/reference/accounts.jsonl`, read the
    files with `ratemill ingest`: what is printed says how.
    """
    from pipeline.cli.catalogue import catalogue_files
    from pipeline.cli.generating import request_of
    from pipeline.clock import SystemClock
    from pipeline.demo.sample import sample_catalogue
    from rating.catalogue import check
    from sources.generate.stream import NobodyUsesIt

    checked = check(catalogue_files(catalogue or sample_catalogue()))
    if checked.document is None:
        tell(f"{catalogue} is not in order: `ratemill catalogue check` says what is wrong.")
        raise typer.Exit(Exit.REFUSED)
    try:
        request = request_of(
            checked.document,
            records=records,
            seed=seed,
            today=SystemClock().now().date(),
            scenario=scenario,
            start=None if start is None else dt.date.fromisoformat(start),
            days=days,
            accounts=accounts,
            horizon_days=session_of(context).settings.dedup_horizon_ms // _DAY_MS,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start") from None
    try:
        summary = _written(request, folder)
    except NobodyUsesIt as error:
        raise typer.BadParameter(
            f"{error}. Choose another --scenario, more --accounts, or a catalogue that prices it.",
            param_hint="--scenario",
        ) from None
    if as_json:
        write_json(summary)
        return
    results().print(
        table(
            f"{summary.records:,} records in {folder}",
            ["Source", "Format", "Zone", ">Files", ">Records"],
            [
                [
                    one.source,
                    one.format,
                    one.zone,
                    sum(file.source == one.source for file in summary.files),
                    sum(
                        file.lines - file.headers
                        for file in summary.files
                        if file.source == one.source
                    ),
                ]
                for one in summary.sources
            ],
        )
    )
    shown = shlex.quote(str(folder))
    tell(f"Next: {program()} reference load {shown}/reference/accounts.jsonl")
    for one in summary.sources:
        zone = f" --zone {one.zone}" if one.zone else ""
        tell(
            f"      {program()} ingest {shown}/{one.folder} --source {one.source} "
            f"--format {one.format}{zone}"
        )


def _written(request: Request, folder: Path) -> Summary:
    """Return what was written, with a bar for it on a terminal."""
    from rich.progress import Progress

    from sources.generate.write import generate as write

    with Progress(console=messages(), transient=True) as progress:
        task = progress.add_task("Writing usage", total=request.records)
        return write(
            request, folder, on_progress=lambda done: progress.update(task, completed=done)
        )
