"""What the events that the Faust agent is given come to in Ratemill: the agent must agree."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from mediation.decode import cdr_file
from pipeline.bench.charging_files import is_file_header
from pipeline.bench.lanes import Lane
from pipeline.bench.result import Figures
from pipeline.bench.step_alone import known_steps
from pipeline.bench.task import Task
from pipeline.bench.workload import Workload
from pipeline.settings import Settings
from schemas import ledger, raw
from schemas.flow import Channel
from sources.records import RawRecord


def single_records(workload: Workload, count: int) -> Iterator[RawRecord]:
    """Yield the first events of the workload, each a raw record of its own."""
    return islice(_single(workload), count)


def _single(workload: Workload) -> Iterator[RawRecord]:
    for block in workload.blocks():
        names = dict(block.headers)
        if block.items == 0 or raw.OVERSIZE_BYTES in names or is_file_header(block):
            continue
        kept = (raw.TENANT, raw.SOURCE, raw.STREAM, raw.FORMAT, raw.ZONE)
        headers = tuple((name, value) for name, value in block.headers if name in kept)
        headers += ((raw.RECORD, raw.RECORD_MESSAGE),)
        for item in _items(block.value, names.get(raw.CONTENT_TYPE, b"")):
            yield RawRecord(block.key, item, headers, 1)


def _items(value: bytes, content_type: bytes) -> list[bytes]:
    if content_type == raw.CDRS.encode():
        return [value[span.begin : span.end] for span in cdr_file.spans(value)]
    return value.splitlines()


async def expected(task: Task, settings: Settings) -> Figures:
    """Return how many charges there are, and their sum in ten-thousandths, rounded down."""
    settings = settings.model_copy(update={"raw_partitions": 1, "rating_partitions": 1})
    workload = Workload(Path(task.workload))
    normalising, rating = known_steps(workload, settings)
    folder = Path(task.scratch) / "expected"
    first = Lane(normalising, settings, 0, folder=folder / "normalise")
    second = Lane(rating, settings, 0, folder=folder / "rate")
    for record in single_records(workload, task.most_events):
        first.add(record.key, record.value, record.headers, at_ms=task.now_ms)
    for appends in first.batches():
        for one in appends:
            if one.channel is Channel.NORMALISED:
                second.add(one.key, one.value, (), at_ms=task.now_ms)
    charges, amount = 0, Decimal(0)
    for appends in second.batches():
        for one in appends:
            if one.channel is Channel.LEDGER:
                charge = ledger.from_wire(one.value)
                if isinstance(charge, ledger.Charge):
                    charges += 1
                    amount += Decimal(charge.amount)
    return {"charges": charges, "amount_in_ten_thousandths": int(amount * 10_000)}
