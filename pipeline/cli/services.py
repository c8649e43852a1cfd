"""`ratemill up` and `ratemill down`: everything on this machine, started and stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, tell, write_json
from pipeline.cli.running import NOTHING_LEFT, run_to_end
from pipeline.cli.session import session_of


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(
        rich_help_panel="Run",
        epilog=examples(
            "ratemill up",
            "ratemill --installation eu up --detach",
            "RATEMILL_KAFKA_BOOTSTRAP=kafka:9092 RATEMILL_POSTGRES_DSN=postgresql://... ratemill up",
        ),
    )(up)
    app.command(rich_help_panel="Run", epilog=examples("ratemill down"))(down)
    app.command(hidden=True)(supervise)


def up(
    context: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything runs, and leave it so.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --detach: write one JSON document.")
    ] = False,
) -> None:
    """Start this installation: services, topics, tables, and a worker for each stage.

    Kafka and PostgreSQL are started in the data folder unless yours are given. Shows what the
    stages do until Ctrl-C, which stops all of it again; with --detach it runs until
    `ratemill down`. A second call finds that it runs, and says so. A mapping that cannot be used is
    told before anything starts, with exit code 2.
    """
    if as_json and not detach:
        raise typer.BadParameter(
            "needs --detach: without it, up runs until it is stopped.", param_hint="--json"
        )
    settings = session_of(context).settings
    from pipeline.cli import keeper

    if detach:
        running = run_to_end(keeper.start_detached(settings, debug=session_of(context).debug))
        if as_json:
            write_json(running)
        else:
            results().print(keeper.described(running), markup=False)
    else:
        run_to_end(keeper.keep_in_foreground(settings), stopped=NOTHING_LEFT)


def supervise(context: typer.Context) -> None:
    """Keep an installation running without a terminal; what `up --detach` starts."""
    from pipeline.cli import keeper

    run_to_end(keeper.keep_detached(session_of(context).settings))


def down(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Stop what runs here: the workers of this installation and the services of its folder.

    Nothing is lost: started again, every stage goes on where it was. The services stay where
    another installation of the same folder still runs.
    """
    settings = session_of(context).settings
    from pipeline.cli import keeper

    stopped = run_to_end(keeper.stop(settings))
    if as_json:
        write_json(stopped)
    elif not stopped.workers and not stopped.services:
        tell(keeper.nothing_of(settings.installation, settings.data, stopped.still_used_by))
    else:
        if stopped.workers:
            tell(f"Stopped {settings.installation}.")
        if stopped.services:
            tell("Stopped the embedded Kafka and PostgreSQL.")
        elif stopped.still_used_by:
            names = ", ".join(stopped.still_used_by)
            tell(f"Kafka and PostgreSQL stay: {names} still runs in {settings.data}.")
