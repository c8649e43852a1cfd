"""What lies on the broker and in the database, read with nothing but their clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

_POLL_MS = 500


@dataclass(frozen=True)
class Where:
    """An installation, as somebody knows it who only has its documents."""

    bootstrap: str
    dsn: str
    installation: str

    async def records(self, name: str) -> AsyncIterator[ConsumerRecord]:
        """Yield the committed records of a topic, partition by partition, in their order."""
        topic = f"{self.installation}.{name}"
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )
        await consumer.start()
        try:
            numbers = await _partitions(consumer, topic)
            ends = await consumer.end_offsets([TopicPartition(topic, n) for n in numbers])
            for place, end in sorted(ends.items()):
                consumer.assign([place])
                begin = (await consumer.beginning_offsets([place]))[place]
                consumer.seek(place, begin)
                while await consumer.position(place) < end:
                    fetched = await consumer.getmany(place, timeout_ms=_POLL_MS)
                    for record in fetched.get(place, ()):
                        if record.offset < end:
                            yield record
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def tables(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield a connection that sees the installation's tables."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(f'SET search_path TO "{self.installation}"')
            yield connection
        finally:
            await connection.close()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions; the client learns of a topic when asked."""
    await consumer._client.add_topic(topic)
    while not (found := consumer.partitions_for_topic(topic)):
        await consumer._client.force_metadata_update()
    return sorted(found)
