"""Generated usage as many small raw records, so that there are many batches to be hit in."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.publish import RawPublisher
from sources.block import Block, block_of
from sources.lines import cut_lines
from sources.records import Origin, RawRecord, records_of

_ITEMS = 20  # of one raw record


def raw_records(usage: Path) -> Iterator[RawRecord]:
    """Yield the records of all files, the sources in turn, each source in its own order."""
    summary = msgspec.json.decode((usage / "truth.json").read_bytes())
    waiting = deque(_of_source(usage, source) for source in summary["sources"])
    while waiting:
        records = waiting.popleft()
        record = next(records, None)
        if record is not None:
            yield record
            waiting.append(records)


def _of_source(usage: Path, source: dict[str, str]) -> Iterator[RawRecord]:
    origin = Origin(
        tenant="default",
        source=source["source"],
        stream=source["source"],
        format=source["format"],
        zone=source.get("zone"),
    )
    for path in sorted((usage / source["folder"]).iterdir()):
        yield from records_of(_small(path), origin=origin, file_name=path.name, file_id=path.name)


def _small(path: Path) -> Iterator[Block]:
    for block in cut_lines([path.read_bytes()]):
        if block.oversize:
            yield block
            continue
        lines = block.value.splitlines(keepends=True)
        for start in range(0, len(lines), _ITEMS):
            few = lines[start : start + _ITEMS]
            yield block_of(b"".join(few), items=len(few))


async def paced(publisher: RawPublisher, records: Sequence[RawRecord], *, pause_s: float) -> None:
    """Publish the records one by one, each durable before the next."""
    for record in records:
        await publisher.publish([record], on_durable=lambda _: None)
        await asyncio.sleep(pause_s)
