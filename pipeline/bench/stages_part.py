"""Every stage alone, one after the other, each in a process of its own."""

from __future__ import annotations

from pipeline.bench.ground import Ground, own_installation
from pipeline.bench.task import Task, measured
from pipeline.embedded.layout import layout_of
from schemas.period import to_ms

_IN_ORDER = (  # each leaves for the next, but that of the formats
    "normalise_formats",
    "normalise_without_dedup",
    "normalise",
    "rate",
    "load",
)


async def stages(ground: Ground) -> None:
    """Note what each stage takes without Kafka; load with the database, over one connection."""
    scratch = str(ground.scratch("alone"))
    log = layout_of(ground.settings.data).logs / "alone.log"
    async with own_installation(ground, "alone") as settings:
        for name in _IN_ORDER:
            ground.tell(f"Measuring {name.replace('_', ' ')} alone")
            task = Task(
                name=name,
                workload=str(ground.workload.folder),
                scratch=scratch,
                now_ms=to_ms(ground.clock.now()),
            )
            before = ground.services_used()
            figures = await measured(task, settings, ground.endpoints, log=log)
            ground.findings.note(**figures)
            if name == "load" and "postgres" in before:
                used_s = ground.services_used()["postgres"].cpu_s - before["postgres"].cpu_s
                ground.findings.note(load_postgres_us_per_row=used_s * 1e6 / figures["load_rows"])


async def catalogue(ground: Ground) -> None:
    """Note what loading the catalogue takes, a look-up in its card, and the tariff of a call."""
    ground.tell("Measuring the catalogue")
    scratch = str(ground.scratch("catalogue"))
    for name in ("catalogue", "card", "call"):  # the first leaves what the second loads
        figures = await measured(
            Task(name=name, workload=str(ground.workload.folder), scratch=scratch),
            ground.settings,
            ground.endpoints,
            log=layout_of(ground.settings.data).logs / "alone.log",
        )
        ground.findings.note(**figures)
