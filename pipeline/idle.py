"""Telling a partition that has nothing new from one whose records do not come."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import Halted
from pipeline.proofs import end_of

_STALL_S = 30.0


class Idle:
    """Looks at a consumer whose polls come back empty."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        self._consumer = consumer
        self._partition = partition
        self._position = -1
        self._since_s = 0.0
        self._end: int | None = None  # as it was when nothing had come for a while

    async def look(self) -> int:
        """Return how many offsets the consumer knows to lie ahead of it.

        An empty poll is not the end: a client whose fetching has died gives empty polls for ever.
        `Halted` where what was there half a minute ago has still not come.
        """
        position = int(await self._consumer.position(self._partition))
        now_s = asyncio.get_running_loop().time()
        if position != self._position:
            self._position, self._since_s, self._end = position, now_s, None
        elif now_s - self._since_s > _STALL_S:
            if self._end is not None and position < self._end:
                raise Halted(
                    f"{self._partition.topic}/{self._partition.partition}: offsets {position} to "
                    f"{self._end} are there and do not come for {_STALL_S:.0f} s. It is tried "
                    "again with a new connection. Operator action, if it stays: check the broker."
                )
            self._end = await end_of(self._consumer, self._partition)
            self._since_s = now_s
        highwater = self._consumer.highwater(self._partition) or 0
        return max(0, highwater - position)
