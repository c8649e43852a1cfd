"""`ratemill reference`: accounts and subscriptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import counted, results, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.versions import PublishedAccounts
    from pipeline.settings import Settings
    from schemas.reference import Account

reference = typer.Typer(no_args_is_help=True, help="Accounts and subscriptions: load.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(reference, name="reference", rich_help_panel="Set up")


@reference.callback()
def group() -> None:
    """Accounts and subscriptions: who is charged, in which currency and zone, on which plan."""


@reference.command(
    epilog=examples("ratemill reference load accounts.yaml", "ratemill reference load *.csv --json")
)
def load(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="Files: .yaml, .jsonl or .csv."
        ),
    ],
    tenant: Annotated[str, typer.Option(help="Of accounts that name none.")] = "default",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the files only; needs no service.")
    ] = False,
    move_zones: Annotated[
        bool,
        typer.Option(
            "--move-zones",
            help="Also where accounts move to another zone; the running month begins anew there.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Add accounts, or replace them whole, as one new version of the reference data.

    Everything that is wrong is named by file and line, and then nothing is loaded (exit code 4).
    Accounts that did not change make no new version.
    """
    from sources.reference.accounts import read_accounts

    read = read_accounts({str(path): path.read_bytes() for path in files}, tenant=tenant)
    if read.problems:
        if as_json:
            write_json({"problems": [problem._asdict() for problem in read.problems]})
        for problem in () if as_json else read.problems:
            results().print(str(problem), markup=False)
        tell(f"{len(read.problems):,} errors, nothing was loaded.")
        raise typer.Exit(Exit.REFUSED)
    subscriptions = sum(len(account.subscriptions) for account in read.accounts)
    if dry_run:
        if as_json:
            write_json({"accounts": len(read.accounts), "subscriptions": subscriptions})
        tell(
            f"{counted(len(read.accounts), 'account')}, {counted(subscriptions, 'subscription')}; "
            "nothing is wrong."
        )
        return
    loaded = run_to_end(
        _load(session_of(context).settings, list(read.accounts), may_move=move_zones)
    )
    if as_json:
        write_json(loaded._asdict())
    elif loaded.changed:
        tell(
            f"Loaded {counted(loaded.changed, 'account')} as version {loaded.version}; "
            f"{loaded.unchanged:,} did not change."
        )
    else:
        are = (
            "The account is" if loaded.unchanged == 1 else f"All {loaded.unchanged:,} accounts are"
        )
        tell(f"{are} so in version {loaded.version} already.")


async def _load(
    settings: Settings, accounts: list[Account], *, may_move: bool
) -> PublishedAccounts:
    from pipeline.cli.versions import publish_accounts

    return await publish_accounts(settings, await connect(settings), accounts, may_move=may_move)
