"""Normalise alone by format: what an event of each costs, whatever share of the workload it has."""

from __future__ import annotations

from pathlib import Path

from pipeline.bench.result import Figures
from pipeline.bench.step_alone import figures_of, normalise_lanes
from pipeline.bench.task import Task
from pipeline.settings import Settings

# Name in the figures -> mappings.
FORMATS = {
    "rows": ("freeswitch-csv", "asterisk"),
    "cloudevents": ("cloudevents-iot",),
    "charging": ("3gpp-msc",),
}


async def formats(task: Task, settings: Settings) -> Figures:
    """Return what normalise takes for the events of each format, with dedup and without."""
    found: Figures = {}
    for name, mappings in FORMATS.items():
        lanes, events = normalise_lanes(task, settings, state=None, formats=mappings)
        found |= figures_of(f"normalise_{name}_without_dedup", lanes, events=events)
        folder = Path(task.scratch) / f"state-of-{name}"
        lanes, events = normalise_lanes(task, settings, state=folder, formats=mappings)
        found |= figures_of(f"normalise_{name}", lanes, events=events)
    return found
