"""Kafka as the contract sees it: the real one through aiokafka, and the one in memory."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from pipeline.kafka import (
    admin_client,
    idempotent_producer,
    partition_consumer,
    transactional_producer,
)
from tests.simulation.clients import MemoryConsumer, MemoryProducer, MemorySourceConsumer
from tests.simulation.process import Process
from tests.simulation.schedule import Schedule
from tests.simulation.tables import Tables
from tests.simulation.world import World

PRODUCER_BYTES = 1_000_000


class RealKafka:
    """The broker of the test run."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def new_partition(self, *, most_bytes: int = PRODUCER_BYTES) -> TopicPartition:
        name = f"contract.{secrets.token_hex(4)}"
        configs = {"max.message.bytes": str(most_bytes), "message.timestamp.type": "LogAppendTime"}
        async with admin_client(self._bootstrap) as admin:
            await admin.create_topics([NewTopic(name, 1, 1, topic_configs=configs)])
        return TopicPartition(name, 0)

    def consumer(self, *, committed: bool = True, source: bool = False) -> AIOKafkaConsumer:
        return partition_consumer(
            self._bootstrap, client_id="contract", committed=committed, source=source
        )

    def producer(self, name: str, *, timeout_ms: int = 10_000) -> AIOKafkaProducer:
        return transactional_producer(
            self._bootstrap, transactional_id=name, transaction_timeout_ms=timeout_ms
        )

    async def append_plain(self, place: TopicPartition, value: bytes) -> None:
        producer = idempotent_producer(self._bootstrap, client_id="contract")
        await producer.start()
        try:
            await producer.send_and_wait(place.topic, value, partition=place.partition)
        finally:
            await producer.stop()

    async def trim(self, place: TopicPartition, before: int) -> None:
        async with admin_client(self._bootstrap) as admin:
            await admin.delete_records({place: RecordsToDelete(before)})


class MemoryKafka:
    """The broker of the simulation, in a world where nothing goes wrong."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def new_partition(self, *, most_bytes: int = PRODUCER_BYTES) -> TopicPartition:
        place = TopicPartition(f"contract.{secrets.token_hex(4)}", 0)
        self._world.broker.log(place).most_bytes = most_bytes
        return place

    def consumer(self, *, committed: bool = True, source: bool = False) -> MemoryConsumer:
        isolation = "read_committed" if committed else "read_uncommitted"
        kind = MemorySourceConsumer if source else MemoryConsumer
        return kind(
            bootstrap_servers=self._world.bootstrap, client_id="contract", isolation_level=isolation
        )

    def producer(self, name: str, *, timeout_ms: int = 10_000) -> MemoryProducer:
        return MemoryProducer(
            bootstrap_servers=self._world.bootstrap,
            client_id=name,
            transactional_id=name,
            transaction_timeout_ms=timeout_ms,
            max_batch_size=PRODUCER_BYTES,
            max_request_size=PRODUCER_BYTES,
            request_timeout_ms=10_000,
        )

    async def append_plain(self, place: TopicPartition, value: bytes) -> None:
        self._world.broker.append_plain(place, None, value, ())

    async def trim(self, place: TopicPartition, before: int) -> None:
        self._world.broker.log(place).trim(before)


@contextlib.asynccontextmanager
async def memory_kafka() -> AsyncIterator[MemoryKafka]:
    """Yield a Kafka in memory, for a process that nothing happens to."""
    schedule = Schedule(1)
    schedule.calm = True
    with World(schedule, Tables(), partitions={}) as world:
        Process("contract", schedule, spared=True).enter()
        yield MemoryKafka(world)
