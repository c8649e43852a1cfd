"""`ratemill replay`: what was rated, rated once more, and compared byte by byte."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import messages, results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of
from schemas.period import to_ms

if TYPE_CHECKING:
    from pipeline.replaying import Report, Window
    from pipeline.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "ratemill replay",
            "ratemill replay --since 2026-11-01T00:00Z --until 2026-11-02T00:00Z --json",
        ),
    )(replay)


def replay(
    context: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Batches rated from here on, such as 2026-11-01T00:00Z."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Batches rated before this.")
    ] = None,
    partition: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Of this partition only; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Rate once more what was rated, and compare each record with the ledger.

    Each batch is rated under the versions of catalogue and reference data that its proof names, from
    the counters as they were. The same bytes must come out: charges, limits reached, proofs. Where
    another release wrote a record in another way, with the same money and counters, it is told apart.

    Nothing is changed, and it may run while the stages do. Exit code 1 where a charge or a counter
    comes out otherwise, and where batches were rated in that time and none can be rated once more.
    """
    from pipeline.replaying import Window

    settings = session_of(context).settings
    for number in partition or ():
        if number >= settings.rating_partitions:
            raise typer.BadParameter(
                f"there are the partitions 0 to {settings.rating_partitions - 1}",
                param_hint="--partition",
            )
    window = Window(_instant(since, "--since"), _instant(until, "--until"))
    report = run_to_end(_replay(settings, window, partition or None))
    if as_json:
        write_json(_document(report))
    else:
        _show(report)
    if report.differing or (report.left_out and not report.batches):
        raise typer.Exit(Exit.FAILED)


def _instant(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is no instant with its zone, such as 2026-11-01T00:00Z", param_hint=option
        )
    return to_ms(at)


def _document(report: Report) -> dict[str, object]:
    return {
        "installation": report.installation,
        "same": bool(report.batches) and not report.differing,
        "batches": report.batches,
        "differing": report.differing,
        "left_out": report.left_out,
        "partitions": [
            {
                "partition": each.number,
                "batches": each.batches,
                "records": each.records,
                "same_bytes": each.same_bytes,
                "same_charges": each.same_charges,
                "differing": each.differing,
                "left_out": each.left_out,
                "written_hash": each.written_hash,
                "replayed_hash": each.replayed_hash,
                "differences": [one._asdict() for one in each.differences],
            }
            for each in report.partitions
        ],
    }


def _show(report: Report) -> None:
    results().print(
        table(
            None,
            [
                *(">Partition", ">Batches", ">Records", ">Same bytes", ">Written otherwise"),
                *(">Differ", "Hash of the ledger", "Hash of the replay"),
            ],
            [
                [
                    *(each.number, each.batches, each.records, each.same_bytes),
                    *(each.same_charges, each.differing, each.written_hash, each.replayed_hash),
                ]
                for each in report.partitions
            ],
        )
    )
    for each in report.partitions:
        for one in each.differences:
            results().print(
                f"Partition {each.number}, batch {one.batch}, {one.record}\n"
                f"    was: {one.was or 'not there'}\n    now: {one.is_now or 'not there'}",
                markup=False,
            )
    for why, batches in report.left_out.items():
        tell(f"{batches:,} batches are left out: {why}.")
    if report.differing:
        tell(f"{report.differing:,} of {report.batches:,} batches come out otherwise.")
    elif report.batches:
        tell(f"All {report.batches:,} batches come out the same.")
    elif report.left_out:
        tell("No batch could be rated once more: nothing is shown by this.")
    else:
        tell("No batch was rated in that time.")


async def _replay(settings: Settings, window: Window, partitions: list[int] | None) -> Report:
    from pipeline.replaying import replay as rate_again

    endpoints = await connect(settings)
    with _progress() as on_progress:
        return await rate_again(
            settings,
            bootstrap=endpoints.kafka_bootstrap,
            window=window,
            partitions=partitions,
            on_progress=on_progress,
        )


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how far a replay is: a bar on a terminal, nothing elsewhere."""
    if not messages().is_terminal:
        yield lambda done, of: None
        return
    from rich.progress import Progress

    with Progress(console=messages(), transient=True) as bars:
        task = bars.add_task("Rating once more", total=None)
        yield lambda done, of: bars.update(task, completed=done, total=max(of, 1))
