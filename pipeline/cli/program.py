"""The program: its global options, its commands, and how an error leaves it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import (
    bench,
    catalogue,
    charges,
    correct,
    decode,
    demo,
    doctor,
    duplicates,
    explain,
    generate,
    ingest,
    invoices,
    margin,
    peek,
    period,
    rate,
    reference,
    replay,
    retention,
    scenarios,
    services,
    status,
    suspense,
    topics,
    verify,
    worker,
)
from pipeline.cli.arithmetic import trap_inexact_money
from pipeline.cli.exits import Exit
from pipeline.cli.help_text import unwrap
from pipeline.cli.hoist import hoisted
from pipeline.cli.output import messages, tell
from pipeline.cli.running import Stopped
from pipeline.cli.session import Session

app = typer.Typer(
    name="ratemill",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: [bold]ratemill demo[/] shows everything once, on this machine alone. "
    "[bold]ratemill up --detach[/] starts an installation of yours.\n\n"
    "The four options with an environment variable may stand anywhere on the line. "
    "Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 a service does not answer, "
    "4 refused, 130 Ctrl-C.",
)


@app.callback()
def options(
    context: typer.Context,
    installation: Annotated[
        str | None,
        typer.Option(
            envvar="RATEMILL_INSTALLATION",
            help="Which installation: the prefix of its topics, schema and folders "
            "(default: ratemill).",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="RATEMILL_DATA",
            help="Data folder of this machine: state, logs, embedded services "
            "(default: .ratemill).",
        ),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            envvar="RATEMILL_KAFKA_BOOTSTRAP",
            help="Brokers of yours, host:port,... (default: the embedded one).",
        ),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            envvar="RATEMILL_POSTGRES_DSN",
            show_envvar=True,
            help="Database of yours, postgresql://... (default: the embedded one).",
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of an error, and more logs.")
    ] = False,
) -> None:
    """Usage records in, rated and counted usage out: exact to the cent, exactly once."""
    given = {
        "installation": installation,
        "data": data,
        "kafka_bootstrap": kafka,
        "postgres_dsn": postgres,
    }
    overrides: dict[str, object] = {k: v for k, v in given.items() if v is not None}
    context.obj = Session(overrides=overrides, debug=debug)


for module in (
    services,
    demo,
    bench,
    status,
    doctor,
    topics,
    reference,
    catalogue,
    scenarios,
    generate,
    decode,
    ingest,
    worker,
    retention,
    verify,
    replay,
    charges,
    correct,
    explain,
    rate,
    margin,
    invoices,
    suspense,
    duplicates,
    peek,
    period,
):
    module.add_to(app)
unwrap(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code of one call; every error becomes one block on standard error."""
    trap_inexact_money()  # before any thread starts: a thread copies the context it finds
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=hoisted(words), prog_name="ratemill")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    except Stopped as stopped:
        tell(stopped.told)
        return stopped.exit_code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:
        # The outermost place: whatever went wrong is told in one form.
        return _told(error, debug="--debug" in words)
    return Exit.OK


def _told(error: Exception, *, debug: bool) -> int:
    from pipeline.cli.failures import block_of, failure_of

    if debug:
        messages().print_exception()
    failure = failure_of(error)
    tell(block_of(failure))
    return failure.code
