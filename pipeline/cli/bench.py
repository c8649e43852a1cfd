"""`ratemill bench`: how fast all of it is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import tell, write_json
from pipeline.cli.running import NOTHING_LEFT, run_to_end
from pipeline.cli.session import session_of

if TYPE_CHECKING:
    from pipeline.bench.parts import Part
    from pipeline.bench.result import BenchResult

DEFAULT_EVENTS = 1_000_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Try",
        epilog=examples(
            "ratemill bench --events 20000",
            "ratemill bench --json --only end-to-end --only latency",
            "ratemill bench --compare earlier.json",
            "ratemill bench --only scaling --into result.json --docs docs",
        ),
    )(bench)


def bench(
    context: typer.Context,
    events: Annotated[
        int, typer.Option(min=5_000, max=50_000_000, help="Usage events of the workload.")
    ] = DEFAULT_EVENTS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same usage.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure this part alone; may be said again. An unknown one lists all."),
    ] = None,
    accounts: Annotated[int, typer.Option(min=100, help="Accounts whose usage it is.")] = 20_000,
    prefixes: Annotated[int, typer.Option(min=100, help="Prefixes of the rate card.")] = 170_000,
    partitions: Annotated[
        int, typer.Option(min=1, max=64, help="Partitions of raw and of rated usage, each.")
    ] = 2,
    compare: Annotated[
        Path | None, typer.Option(help="Show the change against an earlier result of --json.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Put each part into this result when it is done; it may be of several runs."
        ),
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(help="Write the measured blocks of performance.md and scaling.md there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON line.")] = False,
) -> None:
    """Measure the standard workload: every stage alone, then all of them as real processes.

    Starts a Kafka and a PostgreSQL of its own below the data folder and removes them at the end,
    after Ctrl-C too; with services of yours it refuses a broker that holds topics which no
    benchmark created. A figure is a figure: a slow one is no error. Exit code 1 when the events do
    not reconcile.
    """
    from pipeline.bench.documents import check_documents, write_documents
    from pipeline.bench.merged import Into
    from pipeline.bench.result import NotAResult, read_result
    from pipeline.bench.run import Wanted, run_bench
    from pipeline.bench.show import show, show_changes
    from pipeline.clock import SystemClock

    settings = session_of(context).settings
    wanted = Wanted(
        parts=_parts(only or []),
        events=events,
        seed=seed,
        accounts=accounts,
        prefixes=prefixes,
        partitions=partitions,
    )
    # Before an hour of work, not after it.
    try:
        earlier = None if compare is None else read_result(compare)
    except NotAResult as error:
        raise typer.BadParameter(str(error), param_hint="--compare") from error
    kept = None if into is None else Into(into)
    if docs is not None:
        check_documents(docs)

    def on_part(so_far: BenchResult) -> None:
        if kept is not None:
            kept.put(so_far)

    work = run_bench(settings, wanted, clock=SystemClock(), tell=tell, on_part=on_part)
    result = run_to_end(work, stopped=NOTHING_LEFT)
    if kept is not None:
        result = kept.put(result)
    if docs is not None:
        write_documents(docs, result, earlier=earlier)
    if as_json:
        write_json(result)
    else:
        show(result)
    if earlier is not None:
        show_changes(earlier, result, as_json=as_json)
    if result.exact is False:
        raise typer.Exit(Exit.FAILED)


def _parts(words: list[str]) -> list[Part]:
    from pipeline.bench.parts import Part

    unknown = [word for word in words if word not in list(Part)]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]} is no part of the benchmark; the parts are {', '.join(Part)}.",
            param_hint="--only",
        )
    return [part for part in Part if not words or part.value in words]
