"""Load alone: ledger batches into Postgres over one connection, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.bench.frames import read_frames
from pipeline.bench.lanes import CLUSTER, GENESIS, genesis
from pipeline.bench.result import Figures
from pipeline.bench.step_alone import LEDGER
from pipeline.bench.task import Task
from pipeline.clock import SystemClock, process_cpu_ns
from pipeline.settings import Settings
from pipeline.stages import rate_stage
from pipeline.topics import topics_of
from sinks.connection import open_pool
from sinks.installation import Identity, Start, register
from sinks.ledger_batch import LedgerBatch, LedgerBatches
from sinks.load import load_ledger
from sinks.migrate import migrate
from sinks.partitions import ensure_partitions
from sinks.progress import read_progress


async def load(task: Task, settings: Settings) -> Figures:
    """Return what load takes for the ledger that rate has left behind."""
    clock, name, dsn = SystemClock(), settings.installation, settings.postgres_dsn
    assert dsn is not None
    topic = topics_of(settings).ledger.name
    first = genesis(rate_stage(settings, bootstrap="").spec, settings, 0)
    await migrate(dsn, installation=name)
    await ensure_partitions(dsn, installation=name, at=clock.now())
    async with open_pool(dsn, installation=name, max_size=1) as pool:
        start = Start(topic, 0, 1, first.chain, first.next)
        await register(pool, Identity(name, CLUSTER, GENESIS), [start])
        progress = await read_progress(pool, installation=name, topic=topic, partition=0)
        cut = LedgerBatches(progress.name)
        rows = 0
        started_ns, cpu_ns = clock.monotonic_ns(), process_cpu_ns()
        for values in _transactions(Path(task.scratch) / LEDGER, settings.load_batch_records):
            batches: list[LedgerBatch] = []
            for offset, value in values:
                batch = cut.add(offset, value)
                if batch is not None:
                    batches.append(batch)
            if batches:
                loaded = await load_ledger(pool, after=progress, batches=batches)
                progress = loaded.progress
                rows += loaded.charges
        took_s = (clock.monotonic_ns() - started_ns) / 1e9
        cpu_s = (process_cpu_ns() - cpu_ns) / 1e9
    return {
        "load_rows": rows,
        "load_rows_per_s": rows / took_s,
        "load_rows_per_core_s": rows / cpu_s,
        "load_us_per_row": cpu_s * 1e6 / rows,
    }


def _transactions(path: Path, size: int) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the records of the ledger with their offsets, as many at a time as load gathers."""
    held: list[tuple[int, bytes]] = []
    for offset, value in enumerate(read_frames(path, bytes), start=1):
        held.append((offset, value))
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held
