"""`ratemill correct`: charges taken back, months rated anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.cli.correct_lines import (
    columns_and_rows,
    document_of,
    said_of_changes,
    said_of_sending,
)
from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import counted, results, table, tell, write_json
from pipeline.cli.period import MONTH, look_at_accounts
from pipeline.cli.running import run_to_end
from pipeline.cli.session import session_of

if TYPE_CHECKING:
    from pipeline.cli.correcting import Corrections
    from pipeline.correcting.work_out import WorkedOut
    from pipeline.settings import Settings

_CHARGE_ID = re.compile(r"[0-9a-f]{32}")
_MOST_REASON = 200
_TOLD_EVERY = 50  # accounts

Reason = Annotated[
    str, typer.Option(help="Why, for the explanation of the charges: a few words.", metavar="TEXT")
]
Apply = Annotated[
    bool, typer.Option("--apply", help="Send it; without this, only what would change is shown.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]

correct = typer.Typer(no_args_is_help=True, help="Corrections: take charges back, rate anew.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(correct, name="correct", rich_help_panel="Use")


@correct.callback()
def group() -> None:
    """Correct what was charged. The past stays as it is: a correction is new charges in the ledger,
    billed in the first open period.

    A month is first rated once more as it was; only where that comes to what was charged, to the last
    digit, it is corrected.
    """


@correct.command(
    epilog=examples(
        "ratemill correct reverse 4f1c... --reason 'test call'",
        "ratemill correct reverse 4f1c... --reason 'test call' --apply",
    )
)
def reverse(
    context: typer.Context,
    charge_ids: Annotated[
        list[str], typer.Argument(metavar="CHARGE", help="Ids of charges of usage.")
    ],
    reason: Reason = "",
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Take charges back, as if their usage had never been.

    Each gets a charge of the same amount below zero. What that changes of the other charges of its
    month (tiers, allowances, caps) is corrected with it, in one charge for each that comes to
    something else.
    """
    _look_at_ids(charge_ids)
    _look_at_reason(reason)
    settings = session_of(context).settings
    done = run_to_end(_reverse(settings, list(dict.fromkeys(charge_ids)), reason, apply=apply))
    _show(done, as_json=as_json, apply=apply)


@correct.command(
    epilog=examples(
        "ratemill correct rerate 4f1c... --reason 'wrong zone'",
        "ratemill correct rerate --month 2026-10 --account acme",
        "ratemill correct rerate --month 2026-10 --all --reason 'new price list' --apply",
    )
)
def rerate(
    context: typer.Context,
    charge_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHARGE", help="Ids of charges of usage; without --month."),
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="The month of the usage.")
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="An account; may be given again.")
    ] = None,
    all_accounts: Annotated[
        bool, typer.Option("--all", help="Every account with charges in the month.")
    ] = False,
    sums: Annotated[
        bool, typer.Option("--sums", help="One correction for each price of a subscription.")
    ] = False,
    reason: Reason = "",
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Rate a month anew, or single charges of it, by the newest catalogue and reference data.

    For prices, plans or attributes that were wrong and have been published anew. Each charge that
    comes to something else gets a correction of the difference, which names it; where one command
    cannot hold them, and with --sums, each price gets one. Of single charges the rest of their month
    stays as it was rated, but for what moves with them in tiers, allowances and caps.
    """
    settings = session_of(context).settings
    if charge_ids:
        _look_at_ids(charge_ids)
        if month is not None or account or all_accounts or sums:
            raise typer.BadParameter(
                "name charges, or a month with its accounts; not both", param_hint="CHARGE"
            )
        _look_at_reason(reason)
        wanted = list(dict.fromkeys(charge_ids))
        done = run_to_end(_rerate_charges(settings, wanted, reason, apply=apply))
        _show(done, as_json=as_json, apply=apply)
        return
    if month is None:
        raise typer.BadParameter(
            "name charges, or a month with --month and its accounts", param_hint="CHARGE"
        )
    if MONTH.fullmatch(month) is None:
        raise typer.BadParameter(f"{month!r} is not such as 2026-10", param_hint="--month")
    look_at_accounts(account, all_accounts=all_accounts)
    _look_at_reason(reason)
    done = run_to_end(_rerate(settings, month, account or [], reason, is_summed=sums, apply=apply))
    _show(done, as_json=as_json, apply=apply)


def _look_at_ids(charge_ids: list[str]) -> None:
    wrong = [each for each in charge_ids if _CHARGE_ID.fullmatch(each) is None]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not 32 hex digits", param_hint="CHARGE")


def _look_at_reason(reason: str) -> None:
    if len(reason) > _MOST_REASON or not reason.isprintable():
        raise typer.BadParameter(
            f"at most {_MOST_REASON} characters on one line", param_hint="--reason"
        )


class _Done(NamedTuple):
    corrections: list[WorkedOut]
    unchanged: list[str]  # accounts
    queued: int
    failures: Sequence[str] = ()  # of accounts that were left as they are


async def _reverse(settings: Settings, charge_ids: list[str], reason: str, *, apply: bool) -> _Done:
    from pipeline.cli.correcting import Corrections

    async with Corrections.opened(settings) as jobs:
        corrections = []
        for account_id, ids in await _by_month(jobs, charge_ids):
            corrections += await jobs.reversal(account_id, ids, reason)
        return _Done(corrections, [], await jobs.send(corrections) if apply else 0)


async def _rerate_charges(
    settings: Settings, charge_ids: list[str], reason: str, *, apply: bool
) -> _Done:
    from pipeline.cli.correcting import Corrections

    async with Corrections.opened(settings) as jobs:
        corrections: list[WorkedOut] = []
        unchanged = []
        for account_id, ids in await _by_month(jobs, charge_ids):
            worked_out = await jobs.rerating_charges(account_id, ids, reason)
            corrections += worked_out
            if not worked_out:
                unchanged.append(account_id)
        return _Done(corrections, unchanged, await jobs.send(corrections) if apply else 0)


async def _by_month(
    jobs: Corrections, charge_ids: list[str]
) -> list[tuple[str, dict[int, frozenset[str]]]]:
    """Return charges of usage by account, and of it by month; an exit where one is none of usage."""
    from sinks.charge_history import find_charges

    found = await find_charges(jobs.pool, charge_ids)
    missing = sorted(set(charge_ids) - {each.charge_id for each in found})
    if missing:
        raise _refused(f"There is no charge {missing[0]}; nothing was changed.")
    others = [each for each in found if not each.is_usage]
    if others:
        raise _refused(
            f"Charge {others[0].charge_id} is of the kind {others[0].usage_kind}, for no usage of its "
            "own; name the charges of usage that it stems from. Nothing was changed."
        )
    months: dict[tuple[str, int], set[str]] = {}
    for each in found:
        months.setdefault((each.account_id, each.month_start_ms), set()).add(each.charge_id)
    accounts: dict[str, dict[int, frozenset[str]]] = {}
    for (account_id, start_ms), ids in sorted(months.items()):
        accounts.setdefault(account_id, {})[start_ms] = frozenset(ids)
    return list(accounts.items())


async def _rerate(
    settings: Settings,
    month: str,
    wanted: list[str],
    reason: str,
    *,
    is_summed: bool,
    apply: bool,
) -> _Done:
    from pipeline.cli.correcting import Corrections
    from pipeline.errors import CannotCorrect
    from sinks.charge_history import accounts_charged

    async with Corrections.opened(settings) as jobs:
        charged = await accounts_charged(jobs.pool, month=month)
        unknown = [name for name in wanted if name not in charged]
        if unknown:
            raise await _refused_account(jobs, unknown[0], month)
        if not charged:
            raise _refused(f"There are no charges in {month}; nothing was changed.")
        corrections, unchanged = [], []
        names = list(dict.fromkeys(wanted)) or sorted(charged)
        failures: list[str] = []
        for number, account_id in enumerate(names):
            if number and number % _TOLD_EVERY == 0:
                tell(f"{number:,} of {len(names):,} accounts are worked out")
            try:
                worked_out = await jobs.rerating(
                    account_id, charged[account_id], reason, is_summed=is_summed
                )
            except CannotCorrect as error:
                failures.append(str(error))
                continue
            if worked_out is None:
                unchanged.append(account_id)
            else:
                corrections.append(worked_out)
        queued = await jobs.send(corrections) if apply else 0
        return _Done(corrections, unchanged, queued, failures)


async def _refused_account(jobs: Corrections, account_id: str, month: str) -> typer.Exit:
    from sinks.account_queries import meant_account, unknown_accounts

    if await unknown_accounts(jobs.pool, [account_id]):
        meant = await meant_account(jobs.pool, account_id)
        return _refused(f"There is no account {account_id}; nothing was changed.{meant}")
    return _refused(f"Account {account_id} has no charges in {month}; nothing was changed.")


def _refused(text: str) -> typer.Exit:
    tell(text)
    return typer.Exit(Exit.REFUSED)


def _show(done: _Done, *, as_json: bool, apply: bool) -> None:
    if as_json:
        write_json(
            {
                "applied": apply,
                "queued": done.queued,
                "unchanged": done.unchanged,
                "failures": list(done.failures),
                "corrections": [document_of(each) for each in done.corrections],
            }
        )
        _fail(done)
        return
    columns, rows = columns_and_rows(done.corrections)
    if rows:
        results().print(table(None, columns, rows))
    is_sent = done.queued > 0
    for said in said_of_changes(done.corrections, is_sent=is_sent, is_shown_only=not apply):
        tell(said)
    if done.unchanged:
        comes = "comes to what it was" if len(done.unchanged) == 1 else "come to what they were"
        tell(f"{counted(len(done.unchanged), 'account')} {comes} charged.")
    if not done.corrections:
        if not done.failures:
            tell("There is nothing to correct.")
    elif not apply:
        tell("Nothing was changed: this is what would be; --apply sends it.")
    else:
        for said in said_of_sending(done.corrections, done.queued):
            tell(said)
    _fail(done)


def _fail(done: _Done) -> None:
    """End with an error where accounts were left as they are, and say why."""
    for failure in done.failures:
        tell(failure)
    if done.failures:
        were = "was left as it is" if len(done.failures) == 1 else "were left as they are"
        tell(f"{counted(len(done.failures), 'account')} {were}.")
        raise typer.Exit(Exit.FAILED)
