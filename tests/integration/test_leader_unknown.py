"""A broker that dies between a consumer's start and its first look at a partition."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import LeaderNotAvailableError

import pipeline.kafka as module
from pipeline.kafka import reading
from pipeline.source_consumer import SourceConsumer
from tests.integration.own_services import OwnServices, own_services

MOST_CPU = 0.25  # of one core; without the look at the leader it takes all of it


@pytest.fixture(scope="module")
def pair() -> Iterator[OwnServices]:
    with own_services() as pair:
        yield pair


async def test_a_partition_whose_leader_nobody_knows_is_not_asked_for_without_a_pause(
    pair: OwnServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unlucky(SourceConsumer):
        async def start(self) -> None:
            await super().start()
            await pair.kill("kafka")

    monkeypatch.setattr(module, "SourceConsumer", Unlucky)
    monkeypatch.setattr(module, "_LEADER_S", 2.0)
    place = TopicPartition("any.usage.raw.v1", 0)
    began_s, burnt_s = time.monotonic(), time.process_time()
    with pytest.raises(LeaderNotAvailableError, match=r"any\.usage\.raw.*Operator action"):
        async with reading(
            pair.endpoints.kafka_bootstrap, place, client_id="test", source=True
        ) as consumer:
            await consumer.getmany(place, timeout_ms=2_000)
    assert time.process_time() - burnt_s < MOST_CPU * (time.monotonic() - began_s)
