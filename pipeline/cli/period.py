"""`ratemill period`: closing a period of accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from schemas.raw import ClosePeriodCommand
    from schemas.reference import Account

MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")

period = typer.Typer(no_args_is_help=True, help="Billing periods: close.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(period, name="period", rich_help_panel="Use")


@period.callback()
def group() -> None:
    """Billing periods: calendar months in each account's own zone."""


@period.command(
    epilog=examples(
        "ratemill period close --month 2026-10 --account acme",
        "ratemill period close --month 2026-10 --all",
    )
)
def close(
    context: typer.Context,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month to close.")],
    account: Annotated[
        list[str] | None, typer.Option(help="An account; may be given again.")
    ] = None,
    all_accounts: Annotated[bool, typer.Option("--all", help="Every account.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Close a month: usage of it that comes later is billed in the first open one.

    A command for each account goes through the same topics as its usage, so it takes effect in
    order with it. A closed period stays closed. Repeating it changes nothing. A month that is not
    over in an account's zone is refused.
    """
    found = MONTH.fullmatch(month)
    if found is None:
        raise typer.BadParameter(f"{month!r} is not such as 2026-10", param_hint="--month")
    look_at_accounts(account, all_accounts=all_accounts)
    year, number = int(found[1]), int(found[2])
    queued, asked = run_to_end(
        _close(session_of(context).settings, year, number, tuple(account or ()))
    )
    if as_json:
        write_json({"month": month, "accounts": asked, "queued": queued})
    else:
        tell(
            f"{queued:,} of {asked:,} accounts: the close of {month} is on its way; the others "
            "were closed before."
            if queued < asked
            else f"{queued:,} accounts: the close of {month} is on its way."
        )


def look_at_accounts(account: list[str] | None, *, all_accounts: bool) -> None:
    """Raise `typer.BadParameter` unless either accounts are named, or all are meant."""
    if account and all_accounts:
        raise typer.BadParameter("name accounts, or --all; not both", param_hint="--account")
    if not account and not all_accounts:
        raise typer.BadParameter(
            "say of which accounts: name each, or --all for every one", param_hint="--account"
        )


async def _close(
    settings: Settings, year: int, month: int, wanted: tuple[str, ...]
) -> tuple[int, int]:
    from pipeline.cli.versions import published_accounts
    from sinks.connection import open_pool
    from sinks.outbox import queue_period_closes

    endpoints = await connect(settings)
    known = (await published_accounts(settings, bootstrap=endpoints.kafka_bootstrap)).accounts
    unknown = [name for name in wanted if name not in known]
    if unknown:
        tell(f"There is no account {', '.join(unknown)}; nothing was closed.")
        raise typer.Exit(Exit.REFUSED)
    accounts = [known[name] for name in wanted or sorted(known)]
    await _check_plans(settings, endpoints.kafka_bootstrap, accounts)
    commands = [_command(account, year, month) for account in accounts]
    dsn = endpoints.postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        return await queue_period_closes(pool, commands), len(commands)


async def _check_plans(settings: Settings, bootstrap: str, accounts: list[Account]) -> None:
    """Refuse where a subscription's plan is not published: what its prices ask for at the close
    would be lost, for a month is closed once."""
    from pipeline.cli.versions import published_catalogue

    catalogue = await published_catalogue(settings, bootstrap=bootstrap)
    known = set() if catalogue is None else {plan.code for plan in catalogue.document.plans}
    missing = {
        entry.plan: account.account_id
        for account in accounts
        for entry in account.subscriptions
        if entry.plan not in known
    }
    if missing:
        plan, account_id = next(iter(sorted(missing.items())))
        tell(
            f"Plan {plan} of account {account_id} is not in the published catalogue"
            + (f", nor are {len(missing) - 1} others" if len(missing) > 1 else "")
            + "; nothing was closed. Publish a catalogue that has it, or correct the subscription."
        )
        raise typer.Exit(Exit.REFUSED)


def _command(account: Account, year: int, month: int) -> ClosePeriodCommand:
    from pipeline.clock import SystemClock
    from schemas.period import month_of, month_start_ms, to_ms
    from schemas.raw import ClosePeriodCommand

    start_ms = month_start_ms(account.zone, year, month)
    _, end_ms = month_of(start_ms, zone=account.zone)
    if end_ms > to_ms(SystemClock().now()):
        tell(
            f"{year}-{month:02d} is not over for {account.account_id} (zone {account.zone}); "
            "nothing was closed."
        )
        raise typer.Exit(Exit.REFUSED)
    return ClosePeriodCommand(
        tenant=account.tenant,
        account_id=account.account_id,
        period_start_ms=start_ms,
        period_end_ms=end_ms,
    )
