"""Usage as many small raw records, so that there are many batches to be hit in."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka.errors import KafkaError

from mediation.decode import cdr_file
from pipeline.errors import BrokerUnavailable
from pipeline.publish import raw_publisher
from pipeline.settings import Settings
from pipeline.topics import partition_of
from schemas import raw
from sources.block import Block, block_of
from sources.cdr_files import cut_cdr_file
from sources.generate.charging import SwitchingCentre
from sources.lines import cut_lines
from sources.records import Origin, RawRecord, records_of
from tests.chaos.verifier.truth import HEADER

ITEMS = 20  # of one raw record
_AGAIN_S = 0.5


class Fed(NamedTuple):
    """One raw record, and the numbers of the log's records that it holds."""

    record: RawRecord
    numbers: tuple[int, ...]


def raw_records(usage: Path, *, whole_files: bool = True, items: int = ITEMS) -> list[Fed]:
    """Return the records of all files, the sources in turn, each source in its own order.

    ``whole_files``: with the record at the end of each file, which says what was in it. Not where
    records are sent again or in another order.
    """
    summary = msgspec.json.decode((usage / "truth.json").read_bytes())
    lines = _numbers(usage / "truth.jsonl")
    waiting = deque(
        _of_source(usage, source, lines, whole_files=whole_files, items=items)
        for source in summary["sources"]
    )
    fed = []
    while waiting:
        records = waiting.popleft()
        record = next(records, None)
        if record is not None:
            fed.append(record)
            waiting.append(records)
    return fed


def _numbers(truth: Path) -> dict[tuple[str, int], int]:
    found = {}
    with truth.open("rb") as lines:
        for line in lines:
            said = msgspec.json.decode(line)
            found[said["file"], said["line"]] = said["record"]
    return found


def _of_source(
    usage: Path,
    source: dict[str, Any],
    lines: dict[tuple[str, int], int],
    *,
    whole_files: bool,
    items: int,
) -> Iterator[Fed]:
    origin = origin_of(source)
    for path in sorted((usage / source["folder"]).iterdir()):
        name = str(path.relative_to(usage))
        first = 1
        for record in records_of(
            _small(path, items), origin=origin, file_name=path.name, file_id=path.name
        ):
            if _is_file_header(record):
                first += record.items
                yield Fed(record, ())
            elif record.items:
                numbers = tuple(lines[name, first + place] for place in range(record.items))
                first += record.items
                yield named(record, numbers)
            elif whole_files:
                yield Fed(record, ())


def origin_of(source: dict[str, Any]) -> Origin:
    """Return what the raw records of one of the log's sources say of it."""
    return Origin(
        tenant="default",
        source=source["source"],
        stream=source["source"],
        format=source["format"],
        zone=source.get("zone"),
    )


def named(record: RawRecord, numbers: tuple[int, ...]) -> Fed:
    """Return the record with the header by which the verifier finds it in the log."""
    said = b",".join(b"%d" % number for number in numbers)
    return Fed(record._replace(headers=(*record.headers, (HEADER, said))), numbers)


def message(origin: Origin, line: bytes, number: int) -> Fed:
    """Return one item as a record of its own, as a client sends it."""
    headers = (*origin.headers(), (raw.RECORD, raw.RECORD_MESSAGE))
    return named(RawRecord(origin.stream.encode(), line, headers, 1), (number,))


def copied(fed: Sequence[Fed], *, seed: int, most: int) -> list[Fed]:
    """Return every record 1 to ``most`` times, its copies far from it and out of order."""
    drawn = random.Random(seed)
    placed = []
    for place, each in enumerate(fed):
        for _ in range(drawn.randint(1, most)):
            placed.append((place + drawn.expovariate(1 / (len(fed) / 4)), each))
    placed.sort(key=lambda one: one[0])
    return [each for _, each in placed]


def _is_file_header(record: RawRecord) -> bool:
    return (raw.CONTENT_TYPE, raw.CDR_FILE_HEADER.encode()) in record.headers


def _small(path: Path, items: int) -> Iterator[Block]:
    if path.suffix == SwitchingCentre.suffix:
        yield from _small_of_cdrs(path, items)
        return
    for block in cut_lines([path.read_bytes()]):
        if block.oversize:
            yield block
            continue
        lines = block.value.splitlines(keepends=True)
        for start in range(0, len(lines), items):
            few = lines[start : start + items]
            yield block_of(b"".join(few), items=len(few))


def _small_of_cdrs(path: Path, items: int) -> Iterator[Block]:
    """Yield the header of a charging file, then its records, as many in each block as asked."""
    for block in cut_cdr_file(path.read_bytes()):
        if block.content_type != raw.CDRS:
            yield block
            continue
        spans = list(cdr_file.spans(block.value))
        at = int(dict(block.headers)[raw.FIRST_BYTE])
        for start in range(0, len(spans), items):
            few = spans[start : start + items]
            yield block_of(
                block.value[few[0].begin : few[-1].end],
                items=len(few),
                content_type=raw.CDRS,
                headers=tuple(
                    (name, b"%d" % (at + few[0].begin) if name == raw.FIRST_BYTE else value)
                    for name, value in block.headers
                ),
            )


class Feed:
    """Sends records, and remembers what the broker took."""

    def __init__(self, settings: Settings, *, bootstrap: str) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self.sent: list[int] = []  # numbers of the log's records that were acknowledged

    def partition_of(self, fed: Fed) -> int:
        """Return the raw partition that a record goes to."""
        return partition_of(fed.record.key, self._settings.raw_partitions)

    async def send(
        self,
        records: Sequence[Fed],
        *,
        pause_s: float,
        at_a_time: int = 1,
    ) -> None:
        """Send the records in order, as a client does that repeats what was not acknowledged."""
        left = deque(records)
        while left:
            try:
                async with raw_publisher(self._settings, bootstrap=self._bootstrap) as publisher:
                    while left:
                        few = [left[place] for place in range(min(at_a_time, len(left)))]
                        await publisher.publish(
                            [each.record for each in few], on_durable=lambda _: None
                        )
                        for each in few:
                            self.sent.extend(each.numbers)
                            left.popleft()
                        await asyncio.sleep(pause_s)
            except (KafkaError, BrokerUnavailable, OSError):
                await asyncio.sleep(_AGAIN_S)
