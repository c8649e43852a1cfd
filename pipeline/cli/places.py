"""Which line of which file a record came from, so that somebody can look at it there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.kafka import reading
from schemas import raw, usage
from schemas.flow import Headers
from schemas.proof import RATE

if TYPE_CHECKING:
    from sinks.queries import SuspendedRow

_WAIT_S = 10.0  # for all that is asked of a partition
_MOST_LOOKED_UP = 500  # raw records of a list; a look takes some milliseconds
_MOST_DIGITS = 12


class Place(NamedTuple):
    """A line of a file; what its source did not say is empty."""

    file: str = ""
    line: int | None = None  # from 1; of a JSON document, the item

    def __str__(self) -> str:
        """Return ``calls.csv:4``; the file alone where no line of it is meant; else nothing."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


class Places(NamedTuple):
    """Where records came from, in their order, and whether the broker could be asked."""

    places: list[Place]
    asked: bool


def stated_place(headers: Mapping[str, bytes], index: int) -> Place:
    """Return the place of an item of a raw record by the record's headers."""
    first = headers.get(raw.FIRST_LINE, b"")
    known = first.isdigit() and len(first) <= _MOST_DIGITS
    return Place(
        headers.get(raw.SOURCE_FILE, b"").decode("utf-8", "backslashreplace"),
        int(first) + index if known else None,
    )


async def places_of(rows: Sequence[SuspendedRow], *, raw_topic: str, bootstrap: str) -> Places:
    """Return where suspended records came from.

    Those that normalise refused say it themselves; of those that rate refused the raw record says
    it, as long as its topic holds it, and the broker answers.
    """
    positions = [raw_position(row) for row in rows]
    wanted = {(at.partition, at.offset): None for at in positions if at is not None}
    asked = True
    found: dict[tuple[int, int], Headers] = {}
    try:
        found = await _headers_at(list(wanted)[:_MOST_LOOKED_UP], raw_topic, bootstrap)
    except (KafkaError, TimeoutError):
        asked = False  # the list is Postgres's, and of use without it
    places = []
    for row, at in zip(rows, positions, strict=True):
        if at is None:
            places.append(stated_place(dict(row.raw_headers), row.item))
        else:
            headers = found.get((at.partition, at.offset))
            places.append(Place() if headers is None else stated_place(dict(headers), at.index))
    return Places(places, asked)


async def places_at(
    positions: Sequence[tuple[int, int, int] | None], *, raw_topic: str, bootstrap: str
) -> Places:
    """Return where the items at (partition, offset, index) of the raw topic came from, as long as the
    topic holds them and the broker answers."""
    wanted = {(each[0], each[1]): None for each in positions if each is not None}
    asked = True
    found: dict[tuple[int, int], Headers] = {}
    try:
        found = await _headers_at(list(wanted)[:_MOST_LOOKED_UP], raw_topic, bootstrap)
    except (KafkaError, TimeoutError):
        asked = False
    places = []
    for each in positions:
        headers = None if each is None else found.get((each[0], each[1]))
        places.append(
            Place() if each is None or headers is None else stated_place(dict(headers), each[2])
        )
    return Places(places, asked)


def raw_position(row: SuspendedRow) -> usage.Provenance | None:
    """Return where the raw record of an event lies; None where the row has the headers itself."""
    if row.stage != RATE:
        return None
    try:
        return usage.from_wire(row.raw).provenance
    except msgspec.DecodeError:
        return None  # the bytes are no event


async def _headers_at(
    positions: Iterable[tuple[int, int]], topic: str, bootstrap: str
) -> dict[tuple[int, int], Headers]:
    """Return the headers of the raw records at (partition, offset) that the topic still holds."""
    by_partition: dict[int, list[int]] = defaultdict(list)
    for partition, offset in positions:
        by_partition[partition].append(offset)
    found: dict[tuple[int, int], Headers] = {}
    for partition, offsets in by_partition.items():
        place = TopicPartition(topic, partition)
        async with (
            asyncio.timeout(_WAIT_S),
            reading(bootstrap, place, client_id="ratemill.suspense") as consumer,
        ):
            begin = (await consumer.beginning_offsets([place]))[place]
            for offset in sorted(offset for offset in offsets if offset >= begin):
                consumer.seek(place, offset)
                try:
                    record = await consumer.getone(place)
                except OffsetOutOfRangeError:
                    break  # trimmed meanwhile
                if record.offset == offset:
                    found[partition, offset] = tuple(record.headers)
    return found
