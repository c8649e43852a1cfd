"""The catalogue alone: checked from files, compiled, looked up in."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.bench.processes import used_by
from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.bench.workload import Workload
from pipeline.cli.catalogue import catalogue_files
from pipeline.clock import process_cpu_ns
from pipeline.settings import Settings
from rating.catalogue import check, document_from_parts, document_to_parts
from rating.catalogue import compile as compile_catalogue
from rating.catalogue.compiled import CardPrice
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw

_LOOK_UPS = 200_000
_DAY = 20_400  # local days since 1970: every row is in force
_MB = 1_000_000


async def catalogue(task: Task, settings: Settings) -> Figures:
    """Return the CPU time that loading takes and a look-up by prefix, and the memory."""
    files = catalogue_files(Workload(Path(task.workload)).catalogue)
    started_ns = process_cpu_ns()
    document = check(files).document
    assert document is not None
    checked_ns = process_cpu_ns()
    head, chunks = document_to_parts(document)
    prefixes = sorted({row.prefix for card in document.cards for row in card.rows})
    files.clear()
    del document
    before_bytes = used_by(os.getpid()).resident_bytes
    read_ns = process_cpu_ns()
    compiled = compile_catalogue(document_from_parts(head, chunks), 1)
    compiled_ns = process_cpu_ns()
    model = compiled.plans["voice-basic"].offers["voice"].entries[0].rules[0].model
    assert isinstance(model, CardPrice)
    draw = Draw(1, "look-ups")
    destinations = Destinations(prefixes, draw)
    numbers = [destinations.number(draw) for _ in range(_LOOK_UPS)]
    looking_ns = process_cpu_ns()
    find = model.card.find
    for number in numbers:
        find(number, day=_DAY, band="peak")
    looked_ns = process_cpu_ns()
    return {
        "catalogue_check_s": (checked_ns - started_ns) / 1e9,
        "catalogue_load_s": (compiled_ns - read_ns) / 1e9,
        "catalogue_bytes": len(head) + sum(map(len, chunks.values())),
        "catalogue_memory_mb": (used_by(os.getpid()).resident_bytes - before_bytes) / _MB,
        "catalogue_look_up_us": (looked_ns - looking_ns) / 1e3 / _LOOK_UPS,
    }
