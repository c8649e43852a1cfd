"""`ratemill explain`: why this amount, in sentences, back to the line it came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.explaining import Explained
    from pipeline.settings import Settings

_ID = re.compile(r"[0-9a-f]{32}")


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples("ratemill explain 1c1d7a52d5e3a5f8e4e2a9d0c9f9b7a1"),
    )(explain)


def explain(
    context: typer.Context,
    charge_id: Annotated[
        str, typer.Argument(metavar="CHARGE_ID", help="32 hex digits, with or without dashes.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Say why a charge is what it is: each step of its price, and the record it came from.

    An invoice, the ledger and the table rated_usage name the charge ids. Exit code 1 when there is
    no such charge.
    """
    wanted = charge_id.replace("-", "").lower()
    if not _ID.fullmatch(wanted):
        raise typer.BadParameter(f"{charge_id!r} is not 32 hex digits", param_hint="CHARGE_ID")
    explained = run_to_end(_explain(session_of(context).settings, wanted))
    if explained is None:
        tell(f"There is no charge {wanted}. It may not be loaded yet: see `ratemill status`.")
        raise typer.Exit(Exit.FAILED)
    if as_json:
        write_json(explained)
        return
    for line in explained.in_lines():
        results().print(line, markup=False)


async def _explain(settings: Settings, charge_id: str) -> Explained | None:
    from pipeline.cli.explaining import explain_charge

    return await explain_charge(settings, await connect(settings), charge_id)
