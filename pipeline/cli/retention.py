"""`ratemill retention`: deletes from the topics what nothing needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, require_topics, session_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.retention import PartitionPlan
    from pipeline.settings import Settings

_DAY_MS = 86_400_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        "retention",
        rich_help_panel="Run",
        epilog=examples(
            "ratemill retention --dry-run",
            "ratemill retention --keep-days 30",
            "ratemill retention --behind-group invoicing --json",
        ),
    )(retention)


def retention(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing; show what could go.")
    ] = False,
    keep_days: Annotated[
        int, typer.Option(min=0, help="Keep what the broker took in the last so many days.")
    ] = 7,
    behind_group: Annotated[
        list[str] | None,
        typer.Option(
            help="A consumer group that reads the ledger and must have read what goes; may be said "
            "again. One that is not named may lose records."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Trim topics behind proofs, load and snapshots; says for each partition why not further.

    Raw usage, events, ledger, suspense and proofs of normalise grow until this is run, by a timer
    for example; it may run while everything works. It deletes at once: see --dry-run. Charges and
    what was refused stay in Postgres, where `ratemill verify` checks them from then on; raw usage
    that was rated is gone, and `ratemill explain` no longer shows its line.
    """
    plans = run_to_end(
        _run(
            session_of(context).settings,
            dry_run=dry_run,
            keep_days=keep_days,
            groups=behind_group or [],
        )
    )
    if as_json:
        write_json({"dry_run": dry_run, "partitions": plans})
        return
    goes = "Could go" if dry_run else "Gone"
    headings = ["Topic", "Partitions", ">Offsets", f">{goes}", "Why not further", "Operator action"]
    results().print(table(None, headings, _rows(plans)))
    offsets = sum(one.offsets for one in plans)
    tell(
        f"{offsets:,} offsets {'could go' if dry_run else 'are gone'}; kept: the last {keep_days} days "
        "(--keep-days). An offset is a record or a mark of a transaction. --json has each partition."
    )


def _rows(plans: Sequence[PartitionPlan]) -> list[list[object]]:
    """Return a row for all partitions of a topic that are held back by the same."""
    alike: dict[tuple[str, str, str], list[PartitionPlan]] = {}
    for one in plans:
        alike.setdefault((one.topic, one.why, one.action), []).append(one)
    return [
        [
            topic,
            ", ".join(str(one.partition) for one in found),
            f"{sum(one.ends - one.begins for one in found):,}",
            f"{sum(one.offsets for one in found):,}",
            why,
            action,
        ]
        for (topic, why, action), found in alike.items()
    ]


async def _run(
    settings: Settings, *, dry_run: bool, keep_days: int, groups: Sequence[str]
) -> list[PartitionPlan]:
    from pipeline.clock import SystemClock
    from pipeline.retention import plan, trim
    from pipeline.retention_facts import read_facts
    from pipeline.topics import topics_of
    from sinks.connection import open_pool

    endpoints = await connect(settings)
    bootstrap = endpoints.kafka_bootstrap
    await require_topics(settings, bootstrap=bootstrap)
    now_ms = int(SystemClock().now().timestamp() * 1000)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        facts = await read_facts(
            settings,
            bootstrap=bootstrap,
            pool=pool,
            keep_from_ms=max(0, now_ms - keep_days * _DAY_MS) if keep_days else None,
            groups=groups,
        )
    plans = plan(topics_of(settings), facts)
    if not dry_run:
        await trim(bootstrap, plans)
    return plans
