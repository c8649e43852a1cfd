"""`ratemill suspense`: what was refused, and why."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import suspense_look, suspense_settle
from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, width_of_results, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of
from pipeline.cli.suspense_filters import (
    OfAccount,
    OfReason,
    OfSource,
    Since,
    Until,
    in_utc,
    known_reason,
    none_such,
)
from pipeline.cli.suspense_lines import lines_of

if TYPE_CHECKING:
    from pipeline.cli.places import Place, Places
    from pipeline.settings import Settings
    from sinks.connection import Pool
    from sinks.queries import SuspendedRow, SuspenseCount
    from sinks.suspended import Wanted

    Such = tuple[str | None, str | None, dt.datetime | None, dt.datetime | None]

suspense = typer.Typer(
    no_args_is_help=True, help="Refused records: list, show, stats, recycle, write off."
)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(suspense, name="suspense", rich_help_panel="Look")


@suspense.callback()
def group() -> None:
    """Suspense: records that were refused wait here with their reason, bytes and position."""


@suspense.command(
    "list",
    epilog=examples(
        "ratemill suspense list",
        "ratemill suspense list --reason rating.unknown_destination",
        "ratemill suspense list --source gateway-1 --since 2026-10-01",
    ),
)
def list_suspense(
    context: typer.Context,
    reason: OfReason = None,
    source: OfSource = None,
    account: OfAccount = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many of them.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show how many records wait by reason and source, and the first of them.

    All options that are given must hold, as with `recycle`. Whose usage it is, is known where rate
    refused it, and of other records where today's reference data says it.

    Each with the file and line that it came from. Where its source named none, or raw usage is
    trimmed, it is known by its position in a topic.

    Of what nobody was found for, it says whom: of an identifier four digits at most, for it may be
    a subscriber's number. Raw bytes hold these: they are in the table `suspense`, and `ratemill
    suspense show` shows them, with what to do.
    """
    wanted = (known_reason(reason), source, in_utc(since), in_utc(until))
    counts, rows, (places, asked), unknown, none = run_to_end(
        _read(session_of(context).settings, wanted, frozenset(account or ()), limit)
    )
    if not asked:
        tell(
            "The broker does not answer: where raw usage must be asked, there is no file and line."
        )
    if as_json:
        records = [
            _fields(row, place, unknown.get(row.suspense_id, ()))
            for row, place in zip(rows, places, strict=True)
        ]
        write_json({"counts": [c._asdict() for c in counts], "records": records})
        return
    if not counts:
        tell(none)
        return
    results().print(
        table(
            "Waiting",
            ["Reason", "Source", ">Records"],
            [[one.reason, one.source, one.records] for one in counts],
        )
    )
    results().print(f"The first {len(rows):,}", style="bold")
    for row, place in zip(rows, places, strict=True):
        who = unknown.get(row.suspense_id, ())
        for line in lines_of(row, place, who, width=width_of_results()):
            results().print(line, markup=False)
    tell("`ratemill suspense show ID` says all of one record, and what to do.")


suspense_look.add_to(suspense)
suspense_settle.add_to(suspense)


def _fields(row: SuspendedRow, place: Place, unknown: Sequence[str]) -> dict[str, object]:
    """Return a record without its bytes and headers: they may hold subscriber numbers."""
    fields = {name: value for name, value in row._asdict().items() if not name.startswith("raw")}
    return {**fields, **place._asdict(), "unknown_identifiers": unknown}


async def _read(
    settings: Settings, such: Such, accounts: frozenset[str], limit: int
) -> tuple[list[SuspenseCount], list[SuspendedRow], Places, dict[str, tuple[str, ...]], str]:
    """Return the counts, the first rows and their places, and whom nobody knew by suspense id; and what
    there is where none is such."""
    from pipeline.cli.places import places_of
    from pipeline.topics import topics_of
    from sinks.connection import open_pool
    from sinks.queries import suspended, suspense_counts
    from sinks.suspended import Wanted

    wanted, none = Wanted(*such), ""
    endpoints = await connect(settings)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        if accounts:
            counts, rows = await _of_accounts(settings, pool, wanted, accounts, limit)
        else:
            counts = await suspense_counts(pool, **wanted._asdict())
            rows = await suspended(pool, **wanted._asdict(), most=limit)
        if not counts:
            there = await suspense_counts(pool)
            none = await none_such(pool, there, source=wanted.source, accounts=accounts)
        unknown = await _unknown(settings, pool, rows)
    places = await places_of(
        rows,
        raw_topic=topics_of(settings).raw.name,
        bootstrap=endpoints.kafka_bootstrap,
    )
    return counts, rows, places, unknown, none


async def _unknown(
    settings: Settings, pool: Pool, rows: Sequence[SuspendedRow]
) -> dict[str, tuple[str, ...]]:
    """Return whom nobody knew of those that were refused for it, by suspense id."""
    from pipeline.cli.suspense_whose import OF_NOBODY, whom_nobody_knew
    from pipeline.errors import SettingsError
    from pipeline.mappings import load_mappings
    from sinks.suspended import find_suspended

    ids = [row.suspense_id for row in rows if row.reason in OF_NOBODY]
    if not ids:
        return {}
    try:
        mappings = load_mappings(settings)
    except SettingsError:
        mappings = {}
        tell(
            "Mappings cannot be used as they are here, so identifiers are not named: `ratemill decode` "
            "says why."
        )
    return {
        record.waiting.suspense_id: whom_nobody_knew(record, mappings)
        for record in await find_suspended(pool, ids)
    }


async def _of_accounts(
    settings: Settings, pool: Pool, wanted: Wanted, accounts: frozenset[str], limit: int
) -> tuple[list[SuspenseCount], list[SuspendedRow]]:
    """Return what waits of these accounts: each record is tried, as before it is recycled."""
    from pipeline.cli.settling import Settling
    from sinks.queries import SuspenseCount
    from sinks.suspended import row_of, undecided

    found: Counter[tuple[str, str]] = Counter()
    rows: list[SuspendedRow] = []
    async with Settling.opened(settings) as settling:
        async for records in undecided(pool, wanted, or_decided=True):
            of_them = [one for one in records if settling.is_of(one, accounts)]
            found.update((one.waiting.reason, one.waiting.source) for one in of_them)
            rows += [row_of(one) for one in of_them[: limit - len(rows)]]
    by_count = sorted(found.items(), key=lambda each: (-each[1], each[0]))
    return [SuspenseCount(*names, count) for names, count in by_count], rows
