"""`ratemill doctor`: whether broker and database are set so that no money is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, require_topics, session_of

if TYPE_CHECKING:
    from pipeline.findings import Finding
    from pipeline.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "doctor",
        rich_help_panel="Look",
        epilog=examples("ratemill doctor", "ratemill doctor --json"),
    )(doctor)


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Check the settings of broker and database that money depends on.

    Ends with 1 when one of them does not fit; each such line says what to do.
    """
    findings = run_to_end(_examine(session_of(context).settings))
    wrong = [one for one in findings if not one.fits]
    if as_json:
        write_json({"fits": not wrong, "findings": findings})
    elif wrong:
        results().print(
            table(
                "Does not fit",
                ["Where", "Setting", "Expected", "Found", "To do"],
                [[one.where, one.setting, one.expected, one.found, one.action] for one in wrong],
            )
        )
    else:
        tell(f"All {len(findings)} settings fit.")
    if not as_json:
        (hot_path,) = [one.found for one in findings if one.setting == "hot path"]
        tell(f"Hot path: {hot_path}.")
    if wrong:
        raise typer.Exit(Exit.FAILED)


async def _examine(settings: Settings) -> list[Finding]:
    from pipeline.clock import SystemClock
    from pipeline.doctor import examine

    endpoints = await connect(settings)
    await require_topics(settings, bootstrap=endpoints.kafka_bootstrap)
    return await examine(
        settings,
        bootstrap=endpoints.kafka_bootstrap,
        dsn=endpoints.postgres_dsn,
        clock=SystemClock(),
    )
