"""The curve: 1, 2 and 4 partitions of each kind, with as many processes of each stage."""

from __future__ import annotations

from itertools import takewhile

from pipeline.bench.charging_files import is_file_header
from pipeline.bench.end_to_end import publish, reconcile
from pipeline.bench.ground import Ground, own_installation
from pipeline.bench.live import Live, live_installation
from pipeline.bench.processes import spent
from pipeline.demo.through import until_loaded, until_through
from sources.records import RawRecord

STEPS = (1, 2, 4)
_EVENTS = 200_000  # at most, for each step


async def scaling(ground: Ground) -> None:
    """Note for each number of partitions and processes how fast the events arrive."""
    records, events = _head(ground, min(_EVENTS, ground.workload.facts.items))
    for number in STEPS:
        ground.tell(f"Scaling: {number} partitions, {number} processes of each stage")
        async with own_installation(ground, f"scale{number}", partitions=number) as settings:
            async with live_installation(ground, settings, of_each=number) as live:
                await _one_step(live, records, number=number, events=events)
            ground.findings.reconciled(await reconcile(live))


def _head(ground: Ground, wanted: int) -> tuple[list[RawRecord], int]:
    """Return the first raw records of the workload with about so many events."""
    events = 0

    def more(record: RawRecord) -> bool:
        nonlocal events
        if events >= wanted:
            return False
        events += 0 if is_file_header(record) else record.items
        return True

    return list(takewhile(more, ground.workload.blocks())), events


async def _one_step(live: Live, records: list[RawRecord], *, number: int, events: int) -> None:
    before = live.used()
    started_s = live.ground.now_s()
    await publish(live, records)
    await until_loaded(live.settings, bootstrap=live.bootstrap, pool=live.pool)
    took_s = live.ground.now_s() - started_s
    used = spent(before, live.used())
    # Invoices are no part of the figure, but of what is reconciled once the workers have ended.
    await until_through(live.settings, bootstrap=live.bootstrap, pool=live.pool)
    cpu_s = sum(one.cpu_s for one in used.values())
    ours_s = sum(used[stage].cpu_s for stage in ("normalise", "rate", "load"))
    live.ground.findings.note(
        **{
            f"scaling_{number}_events_per_s": events / took_s,
            f"scaling_{number}_cpu_us_per_event": cpu_s * 1e6 / events,
            f"scaling_{number}_cpu_ours_us_per_event": ours_s * 1e6 / events,
            f"scaling_{number}_cores_busy": cpu_s / took_s,
        }
    )
