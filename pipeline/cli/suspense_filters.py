"""Which records in suspense are meant: the options that say it, and what is told where there are none."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sinks.connection import Pool
    from sinks.queries import SuspenseCount

_MOST_SOURCES = 8  # that are named

OfReason = Annotated[str | None, typer.Option(help="Of this reason only.")]
OfSource = Annotated[str | None, typer.Option(help="Of this source only.")]
OfAccount = Annotated[
    list[str] | None,
    typer.Option(help="Of this account only, as far as it is known; may be given again."),
]
Since = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Arrived at this instant or later, UTC."
    ),
]
Until = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Arrived before this instant, UTC."
    ),
]


def known_reason(reason: str | None) -> str | None:
    """Return the reason; `typer.BadParameter` where no record is ever refused for it."""
    from rating.meant import meant_name
    from schemas.refusal import RefusalReason

    known = [each.value for each in RefusalReason]
    if reason is None or reason in known:
        return reason
    meant = meant_name(reason, known) or f" Reasons are {', '.join(known)}."
    raise typer.BadParameter(f"{reason!r} is no reason.{meant}", param_hint="--reason")


def in_utc(at: dt.datetime | None) -> dt.datetime | None:
    """Return an instant of an option, which names no zone, as the UTC that it is."""
    return None if at is None else at.replace(tzinfo=dt.UTC)


async def none_such(
    pool: Pool, counts: Sequence[SuspenseCount], *, source: str | None, accounts: Collection[str]
) -> str:
    """Return that no record is as it was asked for, and what there is. ``counts``: of all that waits."""
    from sinks.account_queries import unknown_accounts

    return words_of_none(
        counts, source=source, unknown=await unknown_accounts(pool, sorted(accounts))
    )


def words_of_none(
    counts: Sequence[SuspenseCount], *, source: str | None, unknown: Sequence[str]
) -> str:
    """Return the sentences of `none_such`; ``unknown``: accounts asked for that are not loaded."""
    said = [f"There is no account {each}." for each in unknown]
    by_source: Counter[str] = Counter()
    for one in counts:
        by_source[one.source] += one.records
    if not by_source:
        return " ".join([*said, "Nothing waits in suspense."])
    if source is not None and source not in by_source:
        said.append(f"Nothing of source {source} waits in suspense.")
    elif not unknown:
        said.append("No such record waits for a decision.")
    named = [f"{name or 'no source'} {count:,}" for name, count in by_source.most_common()]
    more = ["and others"] if len(named) > _MOST_SOURCES else []
    said.append(f"What waits is of these sources: {', '.join(named[:_MOST_SOURCES] + more)}.")
    return " ".join(said)
