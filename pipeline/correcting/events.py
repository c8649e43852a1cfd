"""The normalised records of charges, read from where rate read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from pipeline.errors import CannotCorrect
from pipeline.kafka import reading

_WAIT_S = 20.0
_NEAR = 200  # offsets that are read over rather than sought

Position = tuple[int, int]
"""Partition and offset."""


async def read_events(
    positions: Iterable[Position],
    *,
    topic: str,
    bootstrap: str,
    on_read: Callable[[], None] = lambda: None,
) -> dict[Position, bytes]:
    """Return the values at the positions of a topic; `CannotCorrect` where one is not held any more."""
    found: dict[Position, bytes] = {}
    for partition, group in groupby(sorted(set(positions)), key=itemgetter(0)):
        place = TopicPartition(topic, partition)
        async with reading(bootstrap, place, client_id="ratemill.correct") as consumer:
            next_offset = -_NEAR
            for _, offset in group:
                if not 0 <= offset - next_offset < _NEAR:
                    consumer.seek(place, offset)
                try:
                    async with asyncio.timeout(_WAIT_S):
                        record = await consumer.getone(place)
                        while record.offset < offset:
                            record = await consumer.getone(place)
                except (OffsetOutOfRangeError, TimeoutError) as error:
                    raise _not_held(topic, partition, offset) from error
                if record.offset != offset:
                    raise _not_held(topic, partition, offset)
                found[partition, offset] = record.value
                next_offset = offset + 1
                on_read()
    return found


def _not_held(topic: str, partition: int, offset: int) -> CannotCorrect:
    return CannotCorrect(
        f"{topic}/{partition} holds no record at offset {offset} any more: it was trimmed. A month is "
        "corrected as long as its normalised usage is kept. Operator action: credit the customer outside "
        "of rating, and keep more with the settings of `ratemill retention`."
    )
