"""The reconciliation: reads all topics once, in the order of the flow, and the tables beside them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import msgspec
from aiokafka import TopicPartition

from pipeline.settings import Settings
from pipeline.verify.context import Context, OnProgress
from pipeline.verify.normalise import check_normalise
from pipeline.verify.rate import check_rate
from pipeline.verify.report import Check, Lag, Report, Totals
from pipeline.verify.suspense import check_suspense
from pipeline.verify.tables import check_tables
from schemas.decimals import to_text
from sinks.connection import open_pool
from sinks.reconcile import TablesSnapshot, tables_snapshot


async def verify(
    settings: Settings,
    bootstrap: str,
    dsn: str | None,
    *,
    on_progress: OnProgress = lambda _: None,
) -> Report:
    """Return the reconciliation of an installation; without a ``dsn``, of its topics alone.

    Everything is recomputed from the records. The proofs are what it is held to, and the chain of
    proofs is what they are held to. It may run while the stages do: what is still on its way is
    lag. Memory grows with batches, rating keys and counters, a few hundred bytes each, not with
    records.
    """
    async with AsyncExitStack() as stack:
        tables, loaded = None, {}
        if dsn is not None:
            pool = await stack.enter_async_context(
                open_pool(dsn, installation=settings.installation, max_size=1)
            )
            tables = await stack.enter_async_context(tables_snapshot(pool))
            # Before any topic is looked at: what is loaded now is in the topics by then.
            loaded = {
                TopicPartition(row.topic, row.partition): row for row in await tables.progress()
            }
        context = Context(
            settings, bootstrap=bootstrap, tables=tables, loaded=loaded, on_progress=on_progress
        )
        await context.fix_ends()
        for number in range(context.topics.raw.partitions):
            await check_normalise(context, number)
        for number in range(context.topics.ledger.partitions):
            await check_rate(context, number)
        await check_suspense(context)
        if tables is None:
            return _report(context)
        await check_tables(context, tables)
        await context.settled_suspense.compare(tables)
        return await _with_tables(_report(context), tables)


def _report(context: Context) -> Report:
    tally = context.tally
    without_tables = context.tables is None
    return Report(
        installation=context.installation,
        findings=context.findings.in_order(),
        mismatches=context.findings.count,
        lag=Lag(
            raw_records=tally.raw_lag,
            events=tally.event_lag,
            ledger_records=tally.ledger_lag,
            suspense_records=tally.suspense_lag,
            proofs=tally.proof_lag,
        ),
        totals=Totals(
            raw_records=tally.raw_records,
            items=tally.items,
            item_outcomes=dict(sorted(tally.item_outcomes.items())),
            events=tally.events,
            event_outcomes=dict(sorted(tally.event_outcomes.items())),
            refusals=dict(sorted(tally.refusals.items())),
            charges={name: to_text(sum_) for name, sum_ in sorted(tally.charges.items())},
            ledger_records=tally.ledger_records,
            limits_reached=tally.limits_reached,
            rated_rows=tally.rated_rows,
            settled=dict(sorted(tally.settled.items())),
            recycled_items=dict(sorted(tally.recycled_items.items())),
            recycled_events=dict(sorted(tally.recycled_events.items())),
        ),
        checked=tuple(
            check for check in Check if not (without_tables and check.startswith("postgres."))
        ),
        not_checked=(
            *context.not_checked,
            *(["Postgres: no database was given"] if without_tables else []),
        ),
    )


async def _with_tables(report: Report, tables: TablesSnapshot) -> Report:
    """Return the report with what only the tables can tell of lag and totals."""
    invoices = await tables.invoices()
    replace = msgspec.structs.replace
    return replace(
        report,
        lag=replace(report.lag, invoice_requests=invoices.pending),
        totals=replace(
            report.totals,
            invoices=invoices.count,
            invoiced={name: to_text(sum_) for name, sum_ in invoices.totals.items()},
        ),
    )
