"""End to end, with real processes: from the raw topic to the commit in Postgres."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pipeline.bench.live import Live, SeriesView, shown
from pipeline.bench.processes import Used, spent, used_by
from pipeline.bench.result import Point
from pipeline.bench.stored import stored_by
from pipeline.cli.workers import StageNumbers
from pipeline.demo.through import until_loaded, until_through
from pipeline.publish import raw_publisher
from pipeline.verify import verify
from pipeline.verify.report import to_text
from sources.records import RawRecord

PROCESSES = ("normalise", "rate", "load", "kafka", "postgres", "feeder")
_MB = 1_000_000
_POINTS = 40  # of a series that are kept


async def end_to_end(live: Live) -> None:
    """Send all events at once and note how fast they arrive, and what each process takes for them."""
    ground, findings = live.ground, live.ground.findings
    events = ground.workload.facts.items
    view = SeriesView(live.settings)
    stored = stored_by(live.settings)
    before = _used(live)
    started_s = ground.now_s()
    async with shown(view, "End to end"):
        await publish(live, ground.workload.blocks())
        published_s = ground.now_s()
        await until_loaded(live.settings, bootstrap=live.bootstrap, pool=live.pool)
        loaded_s = ground.now_s()
        used = spent(before, _used(live))
        await until_through(live.settings, bootstrap=live.bootstrap, pool=live.pool)
        invoiced_s = ground.now_s()
        await view.look()
    took_s = loaded_s - started_s
    findings.note(
        end_to_end_events_per_s=events / took_s,
        end_to_end_s=took_s,
        end_to_end_feed_s=published_s - started_s,
        end_to_end_invoices_after_s=invoiced_s - loaded_s,
        end_to_end_invoices=view.latest["load"].invoices,
        end_to_end_cores_busy=sum(one.cpu_s for one in used.values()) / took_s,
        **{f"end_to_end_most_behind_{name}": most for name, most in view.most_behind().items()},
    )
    findings.series["end_to_end"] = thinned(view.series)
    note_cpu(live, used, events=events)
    _note_traffic(live, view.latest, used, stored, events=events)
    rows = sum(view.latest["load"].rows.get(table, 0) for table in ("rated_usage", "suspense"))
    if "load" in used and used["load"].cpu_s:
        findings.note(load_process_rows_per_core_s=rows / used["load"].cpu_s)


async def publish(live: Live, records: Iterable[RawRecord]) -> None:
    """Return when the records are durable in the raw topic."""
    async with raw_publisher(live.settings, bootstrap=live.bootstrap) as publisher:
        await publisher.publish(records, on_durable=lambda _: None)


async def reconcile(live: Live) -> bool:
    """Return whether every record of the installation has its one outcome, to the last digit."""
    live.ground.tell("Reconciling topics and tables")
    report = await verify(
        live.settings, bootstrap=live.bootstrap, dsn=live.ground.endpoints.postgres_dsn
    )
    exact = report.consistent and report.complete
    if not exact:
        live.ground.tell(to_text(report))
    return exact


def note_cpu(live: Live, used: dict[str, Used], *, events: int, prefix: str = "") -> None:
    """Note CPU time per event and memory of each process."""
    note = live.ground.findings.note
    for name in PROCESSES:
        if name in used:
            note(**{f"{prefix}cpu_{name}_us_per_event": used[name].cpu_s * 1e6 / events})
    ours = sum(used[name].cpu_s for name in ("normalise", "rate", "load"))
    note(**{f"{prefix}cpu_ours_us_per_event": ours * 1e6 / events})
    if {"kafka", "postgres"} <= set(used):
        everything = sum(used[name].cpu_s for name in PROCESSES if name != "feeder")
        note(**{f"{prefix}cpu_all_us_per_event": everything * 1e6 / events})
    for name in ("normalise", "rate", "load", "kafka"):
        if name in used:
            note(**{f"{prefix}memory_{name}_process_mb": used[name].resident_bytes / _MB})


def _used(live: Live) -> dict[str, Used]:
    return {**live.used(), "feeder": used_by(os.getpid())}


def _note_traffic(
    live: Live,
    numbers: Mapping[str, StageNumbers],
    used: dict[str, Used],
    stored: dict[str, int],
    *,
    events: int,
) -> None:
    """Note what the events weigh on the disk, and how many transactions they took."""
    note = live.ground.findings.note
    for stage, one in numbers.items():
        note(**{f"transactions_{stage}_per_million_events": one.batches * 1e6 / events})
    now = stored_by(live.settings)
    for name, size in now.items():
        note(**{f"disk_{name}_bytes_per_event": (size - stored.get(name, 0)) / events})
    for name in ("kafka", "postgres"):
        if name in used:
            note(**{f"written_{name}_bytes_per_event": used[name].written_bytes / events})


def thinned(series: list[Point]) -> list[Point]:
    """Return some of the points, evenly apart, the last one among them."""
    step = max(1, len(series) // _POINTS)
    kept = series[::step]
    return kept if not series or kept[-1] == series[-1] else [*kept, series[-1]]
