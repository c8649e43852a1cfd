"""`ratemill suspense recycle` and `write-off`: what waits goes through again, or is given up."""

from __future__ import annotations

import datetime as dt
import getpass
import re
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import counted, money, results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import session_of
from pipeline.cli.suspense_filters import (
    OfAccount,
    OfReason,
    OfSource,
    Since,
    Until,
    in_utc,
    known_reason,
)
from schemas.outcome import Settled

if TYPE_CHECKING:
    from pipeline.cli.settling import Asked, Came
    from pipeline.settings import Settings

_MOST_TEXT = 200
_SUSPENSE_ID = re.compile(r"[0-9a-f]{32}")

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Ids of records, as `suspense list` shows them."),
]
All = Annotated[bool, typer.Option("--all", help="Every record that waits.")]
Apply = Annotated[
    bool, typer.Option("--apply", help="Do it; without this, only what would be is shown.")
]
By = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decides it (default: the user of this machine)."),
]
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why: a few words, kept with it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to `ratemill suspense`."""
    group.command(
        epilog=examples(
            "ratemill suspense recycle 4f1c...",
            "ratemill suspense recycle --reason rating.unknown_destination --apply",
            "ratemill suspense recycle --source gateway-1 --since 2026-10-01 --apply",
        )
    )(recycle)
    group.command(
        "write-off",
        epilog=examples(
            "ratemill suspense write-off 4f1c... --because 'a test device'",
            "ratemill suspense write-off --source lab --because 'a test network' --apply",
        ),
    )(write_off)


def recycle(
    context: typer.Context,
    suspense_ids: Ids = None,
    reason: OfReason = None,
    source: OfSource = None,
    account: OfAccount = None,
    since: Since = None,
    until: Until = None,
    all_records: All = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Send those too that would be refused again.")
    ] = False,
    because: Because = "",
    by: By = None,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Send records through again, once their cause is gone: each of them once, ever.

    Without --apply it shows what they would come to under the newest catalogue and reference data.
    Amounts are those of months without other usage, as with `ratemill rate`. What would be refused
    again is left where it is.

    A record that is refused again waits again, under a new id, with one attempt more.
    """
    asked = _asked(
        Settled.RECYCLED,
        suspense_ids,
        (reason, source, since, until),
        accounts=account,
        all_records=all_records,
        anyway=anyway,
        apply=apply,
        by=by,
        because=because,
    )
    _run(session_of(context).settings, asked, as_json=as_json)


def write_off(
    context: typer.Context,
    because: Because,
    suspense_ids: Ids = None,
    reason: OfReason = None,
    source: OfSource = None,
    account: OfAccount = None,
    since: Since = None,
    until: Until = None,
    all_records: All = False,
    by: By = None,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Give records up: they wait no longer, and never come back.

    Without --apply it shows what they would come to if they were recycled now: what is given up. Their
    bytes stay in the table `suspense`. A copy that arrives later is a duplicate, for as long as others
    are known.
    """
    asked = _asked(
        Settled.WRITTEN_OFF,
        suspense_ids,
        (reason, source, since, until),
        accounts=account,
        all_records=all_records,
        anyway=True,
        apply=apply,
        by=by,
        because=because,
    )
    if not because.strip():
        raise typer.BadParameter("say why", param_hint="--because")
    _run(session_of(context).settings, asked, as_json=as_json)


def _asked(
    settled: Settled,
    suspense_ids: list[str] | None,
    wanted: tuple[str | None, str | None, dt.datetime | None, dt.datetime | None],
    *,
    accounts: list[str] | None,
    all_records: bool,
    anyway: bool,
    apply: bool,
    by: str | None,
    because: str,
) -> Asked:
    """Return what is asked for; `typer.BadParameter` where that is not clear."""
    from pipeline.cli.settling import Asked
    from sinks.suspended import Wanted

    ids = tuple(dict.fromkeys(suspense_ids or ()))
    for each in ids:
        if _SUSPENSE_ID.fullmatch(each) is None:
            raise typer.BadParameter(f"{each!r} is not 32 hex digits", param_hint="ID")
    has_filter = bool(accounts) or any(each is not None for each in wanted)
    if [bool(ids), has_filter, all_records].count(True) != 1:
        raise typer.BadParameter(
            "name records by their ids, or by options such as --reason, or all of them with --all: one "
            "of the three",
            param_hint="ID",
        )
    for text, hint in ((because, "--because"), (by or "", "--by")):
        if len(text) > _MOST_TEXT or not text.isprintable():
            raise typer.BadParameter(
                f"at most {_MOST_TEXT} characters on one line", param_hint=hint
            )
    reason, source, since, until = wanted
    return Asked(
        settled,
        ids,
        Wanted(known_reason(reason), source, in_utc(since), in_utc(until)),
        frozenset(accounts or ()),
        anyway,
        apply,
        by or _user(),
        because,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter(
            "this machine has no name for its user: say who decides it", param_hint="--by"
        ) from None


def _run(settings: Settings, asked: Asked, *, as_json: bool) -> None:
    came = run_to_end(_settle(settings, asked))
    if as_json:
        write_json(
            {
                "applied": asked.apply,
                "looked_at": came.looked_at,
                "selected": came.selected,
                "queued": came.queued,
                "decided_before": came.decided_before,
                "outcomes": came.outcomes,
                "amounts": came.amounts,
                "stays": came.stays,
                "records_that_stay": [each._asdict() for each in came.shown],
            }
        )
        return
    _show(came, asked)


def _show(came: Came, asked: Asked) -> None:
    done = asked.settled.value.replace("_", " ")
    if came.selected:
        rows = [[outcome, count] for outcome, count in came.outcomes.most_common()]
        results().print(
            table("Comes to" if asked.apply else "Would come to", ["Outcome", ">Items"], rows)
        )
        if came.amounts:
            amounts = [[money(came.amounts[each], each, places=2)] for each in sorted(came.amounts)]
            results().print(table("In all", [">Amount"], amounts))
    if came.stays:
        rows = [[why, count] for why, count in came.stays.most_common()]
        results().print(table("Left as they are", ["Why", ">Records"], rows))
    if came.decided_before:
        were = "record was" if came.decided_before == 1 else "records were"
        tell(f"{came.decided_before:,} {were} {done} before: nothing changes.")
    if not came.selected:
        tell(f"There is nothing to do. {came.none_such}".rstrip())
    elif asked.apply:
        tell(
            f"{came.queued:,} of {counted(came.selected, 'record')} on their way; `ratemill suspense show ID` "
            "says what became of one, and `ratemill suspense stats` of all."
        )
    else:
        tell(
            f"Nothing was changed: {counted(came.selected, 'record')} would be {done}; --apply does it."
        )


async def _settle(settings: Settings, asked: Asked) -> Came:
    from pipeline.cli.settling import Settling

    async with Settling.opened(settings) as settling:
        return await settling.settle(
            asked, lambda looked_at: tell(f"{looked_at:,} records are looked at")
        )
