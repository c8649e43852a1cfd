"""The way back from a charge to the bytes it was made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from mediation.decode.item import Decoder
from pipeline.cli.places import stated_place
from pipeline.kafka import reading
from schemas import raw
from schemas.period import from_ms

_WAIT_S = 10.0


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where one item came from; what its source did not say is empty."""

    topic: str
    partition: int
    offset: int
    index: int
    source: str
    format: str
    appended_at: str  # ISO 8601, UTC: when the broker took it
    file: str = ""
    line: int | None = None
    counts: str = "line"  # what ``line`` counts; "item" of a charging file, which has no lines
    text: str = ""  # the item itself; bytes that are no UTF-8 are escaped, a charging record is hex


async def provenance_of(
    position: tuple[int, int, int],
    *,
    topic: str,
    bootstrap: str,
    mappings: Mapping[str, Decoder],
) -> Provenance | None:
    """Return where the item at (partition, offset, index) of the raw topic came from.

    None where the topic no longer holds it: raw is trimmed once nothing needs it.
    """
    partition, offset, index = position
    record = await _record_at(bootstrap, TopicPartition(topic, partition), offset)
    if record is None:
        return None
    headers = dict(record.headers)
    place = stated_place(headers, index)
    format_name = _text(headers.get(raw.FORMAT, b""))
    decoder = mappings.get(format_name.partition("@")[0])
    return Provenance(
        topic=topic,
        partition=partition,
        offset=offset,
        index=index,
        source=_text(headers.get(raw.SOURCE, b"")),
        format=format_name,
        appended_at=from_ms(record.timestamp).isoformat().replace("+00:00", "Z"),
        file=place.file,
        line=place.line,
        counts="item" if decoder is not None and decoder.reads_cdr_files else "line",
        text=_item(decoder, record.value, headers, index),
    )


def _item(decoder: Decoder | None, value: bytes, headers: Mapping[str, bytes], index: int) -> str:
    if decoder is None or headers.get(raw.RECYCLED_AS) == raw.AS_EVENT:
        return ""  # what came back as the event that it was has no text of its source
    items = {number: item for number, item, _ in decoder.decode(value, headers)}
    item = items.get(index, b"")
    return item.hex() if decoder.reads_cdr_files else _text(item).rstrip("\r\n")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


async def _record_at(
    bootstrap: str, partition: TopicPartition, offset: int
) -> ConsumerRecord | None:
    async with reading(bootstrap, partition, client_id="ratemill.explain") as consumer:
        consumer.seek(partition, offset)
        try:
            async with asyncio.timeout(_WAIT_S):
                record = await consumer.getone(partition)
        except (OffsetOutOfRangeError, TimeoutError):
            return None
        return record if record.offset == offset else None
