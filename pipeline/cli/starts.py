"""Where load begins in each topic: behind the genesis proof, or at the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from aiokafka import TopicPartition

from pipeline.errors import MissingGenesis
from pipeline.kafka import partition_consumer, stop_consumer
from pipeline.settings import Settings
from pipeline.status import LastRecord, partitions_of
from pipeline.topics import topics_of
from schemas.proof import Proof, proof_from_json, proof_from_msgpack
from sinks.installation import Start

_WAIT_S = 30.0
_POLL_MS = 100


async def starts_of(
    settings: Settings, *, bootstrap: str, known: Collection[TopicPartition] = ()
) -> list[Start]:
    """Return where load begins in every partition that it reads and that is not ``known``.

    `MissingGenesis` where the first record of a partition is not its genesis any more: what was
    before it is trimmed, so a database without a position cannot be filled from there.
    """
    topics = topics_of(settings)
    ledgers = [one for one in partitions_of(topics.ledger) if one not in known]
    proofs = [one for one in partitions_of(topics.proofs) if one not in known]
    suspense = [one for one in partitions_of(topics.suspense) if one not in known]
    first = await _first_records(bootstrap, [*ledgers, *proofs])
    starts = [_after_genesis(one, first[one], proof_from_json(first[one].value)) for one in ledgers]
    starts += [
        _after_genesis(one, first[one], proof_from_msgpack(first[one].value)) for one in proofs
    ]
    starts += [Start(one.topic, one.partition, 0) for one in suspense]
    return starts


def _after_genesis(partition: TopicPartition, record: LastRecord, proof: Proof) -> Start:
    if proof.batch != 0:
        raise MissingGenesis(
            f"{partition.topic}/{partition.partition} begins with batch {proof.batch}: what was "
            "before it is trimmed. Operator action: restore the database from its backup; this "
            "topic alone cannot fill an empty one."
        )
    return Start(
        topic=partition.topic,
        partition=partition.partition,
        next_position=record.offset + 1,
        chain=proof.chain,
        source_next=proof.next,
    )


async def _first_records(
    bootstrap: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, LastRecord]:
    """Return the first committed record of each partition; each holds one, its genesis at least."""
    found: dict[TopicPartition, LastRecord] = {}
    if not partitions:
        return found
    consumer = partition_consumer(bootstrap, client_id="ratemill.prepare")
    try:
        await consumer.start()
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, begins[partition])
        async with asyncio.timeout(_WAIT_S):
            while missing := [one for one in partitions if one not in found]:
                fetched = await consumer.getmany(*missing, timeout_ms=_POLL_MS)
                for partition, records in fetched.items():
                    found[partition] = LastRecord(records[0].offset, records[0].value or b"")
    finally:
        await stop_consumer(consumer)
    return found
