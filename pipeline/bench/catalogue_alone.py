"""The catalogue alone: checked from files; then loaded as a worker loads it, and looked up in."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pipeline.bench.processes import used_by
from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.bench.workload import Workload
from pipeline.cli.catalogue import catalogue_files
from pipeline.clock import process_cpu_ns
from pipeline.packed_chunks import PackedChunks
from pipeline.settings import Settings
from rating.catalogue import check, compile_parts, document_to_parts
from rating.catalogue.compiled import CardPrice
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw

_PARTS = "catalogue.parts"
_PREFIXES = "catalogue.prefixes"

_LOOK_UPS = 200_000
_DAY = 20_400  # local days since 1970: every row is in force
_MB = 1_000_000


class Published(msgspec.Struct, frozen=True, array_like=True):
    """A catalogue on its way to the process that loads it."""

    head: bytes
    chunks: dict[str, bytes]


async def catalogue(task: Task, settings: Settings) -> Figures:
    """Return the CPU time that checking the files takes; leave what is published of them."""
    files = catalogue_files(Workload(Path(task.workload)).catalogue)
    started_ns = process_cpu_ns()
    document = check(files).document
    assert document is not None
    checked_ns = process_cpu_ns()
    head, chunks = document_to_parts(document)
    prefixes = sorted({row.prefix for card in document.cards for row in card.rows})
    scratch = Path(task.scratch)
    (scratch / _PARTS).write_bytes(msgspec.msgpack.encode(Published(head, chunks)))
    (scratch / _PREFIXES).write_bytes(msgspec.msgpack.encode(prefixes))
    return {
        "catalogue_check_s": (checked_ns - started_ns) / 1e9,
        "catalogue_bytes": len(head) + sum(map(len, chunks.values())),
    }


async def card(task: Task, settings: Settings) -> Figures:
    """Return the CPU time that loading takes and a look-up by prefix, and the memory.

    A process of its own: in the one that checked the files, memory is free that a worker takes.
    """
    scratch = Path(task.scratch)
    before_bytes = used_by(os.getpid()).resident_bytes
    published = msgspec.msgpack.decode((scratch / _PARTS).read_bytes(), type=Published)
    read_ns = process_cpu_ns()
    chunks = PackedChunks()
    chunks.add(published.chunks)
    head = published.head
    del published
    compiled = compile_parts(head, chunks, 1)
    compiled_ns = process_cpu_ns()
    after_bytes = used_by(os.getpid()).resident_bytes
    model = compiled.plans["voice-basic"].offers["voice"].entries[0].rules[0].model
    assert isinstance(model, CardPrice)
    prefixes = msgspec.msgpack.decode((scratch / _PREFIXES).read_bytes(), type=list[str])
    draw = Draw(1, "look-ups")
    destinations = Destinations(prefixes, draw)
    numbers = [destinations.number(draw) for _ in range(_LOOK_UPS)]
    looking_ns = process_cpu_ns()
    find = model.card.find
    for number in numbers:
        find(number, day=_DAY, band="peak")
    looked_ns = process_cpu_ns()
    return {
        "catalogue_load_s": (compiled_ns - read_ns) / 1e9,
        "catalogue_memory_mb": (after_bytes - before_bytes) / _MB,
        "catalogue_look_up_us": (looked_ns - looking_ns) / 1e3 / _LOOK_UPS,
    }
