"""Small batches, one behind the other, are given time to grow into one."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

_REST = 3  # times what a batch took, from its beginning to that of the next
_MOST_REST_S = 1.0  # a batch that took minutes waited for somebody; that is no measure of work


class Pace:
    """The least time between two batches of one partition, where they are small.

    A transaction costs milliseconds of CPU, here and at the broker, however few records are in it.
    Records that come one by one, and fast, would otherwise be committed almost one by one, and
    wait for each other's commits. The first record after a pause longer than that is not kept waiting.

    Nor may small batches take more than a third of the time, if whoever makes them says when they
    end: what a transaction costs besides its records is then shared by more of them, the busier it
    gets.

    Until the next batch may be taken the client does not ask for more: it would ask at once, be given
    the first record that comes, and hold that alone while the others gather at the broker.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, every_ms: int
    ) -> None:
        self._consumer = consumer
        self._partition = partition
        self._every_s = every_ms / 1000
        self._began_s = float("-inf")
        self._next_s = float("-inf")
        self._paused = False

    async def turn(self) -> None:
        """Return when the next batch may be taken: at once, unless the last one was small."""
        if not self._paused:
            return
        wait_s = self._next_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._consumer.resume(self._partition)
        self._paused = False

    def took(self, *, full: bool) -> None:
        """Note that a batch begins, as soon as it was taken. ``full``: there was more than it
        could take; then the next is fetched meanwhile."""
        if full or not self._every_s:
            return
        self._began_s = asyncio.get_running_loop().time()
        self._next_s = self._began_s + self._every_s
        self._consumer.pause(self._partition)
        self._paused = True

    def done(self) -> None:
        """Note that the batch that began last is committed."""
        if not self._paused:
            return
        now_s = asyncio.get_running_loop().time()
        rest_s = min((_REST - 1) * (now_s - self._began_s), _MOST_REST_S)
        self._next_s = max(self._next_s, now_s + rest_s)
