"""`ratemill verify`: the proof that nothing is lost, doubled or changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import messages, results
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.verify import OnProgress, Report


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look", epilog=examples("ratemill verify", "ratemill verify --json")
    )(verify)


def verify(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Recompute counts, sums and set hashes from topics and tables, and compare the proofs.

    Stage by stage, from raw to the invoices; names the first range that does not fit. May run at
    any time: what is still on its way is told apart from what is wrong. Exit code 1 when something
    does not fit.
    """
    import sys

    report = run_to_end(_verify(session_of(context).settings))
    from pipeline.verify.report import to_json, to_text

    if as_json:
        sys.stdout.write(to_json(report).decode() + "\n")
    else:
        results().print(to_text(report), markup=False)
    if not report.consistent:
        raise typer.Exit(Exit.FAILED)


async def _verify(settings: Settings) -> Report:
    from pipeline.verify import verify as reconcile

    endpoints = await connect(settings)
    with _progress() as on_progress:
        return await reconcile(
            settings,
            bootstrap=endpoints.kafka_bootstrap,
            dsn=endpoints.postgres_dsn,
            on_progress=on_progress,
        )


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Yield what shows how far a reconciliation is: a bar on a terminal, nothing elsewhere."""
    if not messages().is_terminal:
        yield lambda progress: None
        return
    from rich.progress import Progress

    with Progress(console=messages(), transient=True) as bars:
        task = bars.add_task("Reading", total=None)
        yield lambda at: bars.update(
            task, description=at.reading, completed=at.done, total=max(at.of, 1)
        )
