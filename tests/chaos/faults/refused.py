"""An append that the broker refuses inside a transaction: too large, or no longer allowed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from pipeline.topics import Topic, topics_of
from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play

_TOO_SMALL_BYTES = 300  # no batch of records fits, a marker of a transaction does
# Codes of Kafka's protocol: resource topic, pattern literal, operation write, permission deny.
_TOPIC, _LITERAL, _WRITE, _DENY = 2, 3, 4, 2
_ANYBODY = "User:ANONYMOUS"
_SEEN_S = 30.0


def append_too_large(stage: str, *, seconds: float) -> Fault:
    """Return the fault: the topic takes only tiny batches for a while."""

    async def strike(play: Play) -> Hit:
        topic = _output(play, stage)
        moving = await play.at_work(stage)
        before = await _refusals(play)
        await _configure(play, topic, {"max.message.bytes": str(_TOO_SMALL_BYTES)})
        try:
            noticed = await _noticed_since(play, before)
            await asyncio.sleep(seconds)  # the fault itself
        finally:
            await _configure(play, topic, {})
        play.hits.facts["sessions that ended since an append was too large"] += (
            await _refusals(play) - before
        )
        return Hit(f"append of {stage} too large", moving=moving.partitions if noticed else ())

    return strike


def authorisation_lost(stage: str, *, seconds: float) -> Fault:
    """Return the fault: nobody may write to the topic for a while."""

    async def strike(play: Play) -> Hit:
        topic = _output(play, stage)
        moving = await play.at_work(stage)
        before = await _refusals(play)
        rule = (_TOPIC, topic.name, _LITERAL, _ANYBODY, "*", _WRITE, _DENY)
        await _ask(play, CreateAclsRequest(*rule))
        try:
            noticed = await _noticed_since(play, before)
            await asyncio.sleep(seconds)  # the fault itself
        finally:
            await _ask(play, DeleteAclsRequest(*rule))
        play.hits.facts["sessions that ended since an append was not allowed"] += (
            await _refusals(play) - before
        )
        return Hit(f"append of {stage} not allowed", moving=moving.partitions if noticed else ())

    return strike


def _output(play: Play, stage: str) -> Topic:
    topics = topics_of(play.settings)
    return topics.ledger if stage == "rate" else topics.normalised


async def _refusals(play: Play) -> int:
    await play.watch.look()
    return sum(play.watch.stops().values())


async def _noticed_since(play: Play, before: int) -> bool:
    """Return whether a session ended in doubt; where none does for long, the verifier has the word."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SEEN_S):
            while await _refusals(play) == before:  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.1)
            return True
    return False


async def _configure(play: Play, topic: Topic, changed: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=play.here.endpoints.kafka_bootstrap)
    try:
        await admin.start()
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configs | changed)]
        )
    finally:
        await admin.close()


async def _ask(play: Play, request: CreateAclsRequest | DeleteAclsRequest) -> None:
    """Send a request of access rules, which aiokafka knows and offers no method for."""
    admin = AIOKafkaAdminClient(bootstrap_servers=play.here.endpoints.kafka_bootstrap)
    try:
        await admin.start()
        answer = await admin._send_request(request)
    finally:
        await admin.close()
    rules = getattr(answer, "creation_responses", None) or answer.filter_responses
    assert all(rule[0] == 0 for rule in rules), answer
