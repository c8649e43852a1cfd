"""An empty poll is not the end: what is there must come, or somebody must hear of it."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition

from pipeline import idle as module
from pipeline.embedded import Endpoints
from pipeline.errors import Halted
from pipeline.genesis import apply_topics
from pipeline.idle import Idle
from pipeline.kafka import idempotent_producer, reading
from pipeline.settings import Settings
from pipeline.topics import topics_of


@pytest.fixture
async def raw(services: Endpoints, prefix: str) -> TopicPartition:
    settings = Settings(installation=prefix, raw_partitions=1, rating_partitions=1)
    await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    return TopicPartition(topics_of(settings).raw.name, 0)


async def _publish(services: Endpoints, raw: TopicPartition) -> None:
    producer = idempotent_producer(services.kafka_bootstrap, client_id="test")
    await producer.start()
    try:
        await producer.send_and_wait(raw.topic, b"v", partition=raw.partition)
    finally:
        await producer.stop()


async def test_a_partition_with_nothing_new_is_idle_for_as_long_as_it_likes(
    services: Endpoints, raw: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STALL_S", 0.0)
    await _publish(services, raw)
    async with reading(services.kafka_bootstrap, raw, client_id="test") as consumer:
        consumer.seek(raw, 0)
        while not await consumer.getmany(raw, timeout_ms=50):
            pass
        idle = Idle(consumer, raw)
        assert [await idle.look() for _ in range(10)] == [0] * 10


async def test_records_that_do_not_come_are_noticed(
    services: Endpoints, raw: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka's polls say nothing of it when its fetching has died."""
    monkeypatch.setattr(module, "_STALL_S", 0.0)
    async with reading(services.kafka_bootstrap, raw, client_id="test") as consumer:
        consumer.seek(raw, 0)
        assert not await consumer.getmany(raw, timeout_ms=50)
        fetcher = consumer._fetcher
        dying = [fetcher._fetch_task, *fetcher._pending_tasks]  # the last ones wait for an answer
        for task in dying:
            task.cancel()
        await asyncio.gather(*dying, return_exceptions=True)
        await _publish(services, raw)
        assert not await consumer.getmany(raw, timeout_ms=50)
        idle = Idle(consumer, raw)
        with pytest.raises(Halted, match="Operator action"):
            await _look_often(idle)


async def _look_often(idle: Idle) -> None:
    for _ in range(10):
        await idle.look()
