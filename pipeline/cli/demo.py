"""`ratemill demo`: everything once, on this machine alone."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import tell, write_json
from pipeline.cli.running import NOTHING_LEFT, run_to_end
from pipeline.cli.session import session_of

DEFAULT_RECORDS = 100_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Try", epilog=examples("ratemill demo", "ratemill demo --seed 7 --json")
    )(demo)


def demo(
    context: typer.Context,
    records: Annotated[
        int, typer.Option(min=1000, max=10_000_000, help="Usage records to generate.")
    ] = DEFAULT_RECORDS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same usage.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="End with one JSON line instead of the summary.")
    ] = False,
) -> None:
    """Generate usage, run every stage on it, make invoices, and reconcile all of it.

    Starts a Kafka and a PostgreSQL in the data folder unless they run there or yours are given;
    what it started is stopped at the end and after Ctrl-C. Each run is an installation of its own.
    Exit code 1 when it does not reconcile.
    """
    from pipeline.clock import SystemClock
    from pipeline.demo.run import run_demo
    from pipeline.demo.show import show

    settings = session_of(context).settings
    result = run_to_end(
        run_demo(settings, records=records, seed=seed, clock=SystemClock(), tell=tell),
        stopped=NOTHING_LEFT,
    )
    if as_json:
        write_json(result.report)
    else:
        show(result)
    if not result.report.reconciled:
        raise typer.Exit(Exit.FAILED)
