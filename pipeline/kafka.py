"""How the pipeline's clients of Kafka are made: one place for what all of them share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError

from pipeline.errors import BrokerUnavailable
from pipeline.kafka_refusal import why_refused
from pipeline.kafka_security import client_arguments
from pipeline.partitions_first import PartitionsFirstProducer
from pipeline.source_consumer import SourceConsumer
from pipeline.topics import MAX_BATCH_BYTES
from pipeline.within import within

# A batch is closed at this size, so that one record of the largest size still fits behind it.
PRODUCER_BATCH_BYTES = MAX_BATCH_BYTES // 2
_REQUEST_TIMEOUT_MS = 10_000
_LEADER_S = 10.0
_LEADER_AGAIN_S = 0.1
_STOP_S = 2.0  # a client's stop() may wait for ever on a broker that is gone


def partition_consumer(
    bootstrap: str, *, client_id: str, committed: bool = True, source: bool = False
) -> AIOKafkaConsumer:
    """Return a consumer to be `assign`ed one partition; it belongs to no group.

    ``source``: it gives `SourceRecord`s.
    """
    kind = SourceConsumer if source else AIOKafkaConsumer
    return kind(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",  # a position that is gone is an error, never "start elsewhere"
        isolation_level="read_committed" if committed else "read_uncommitted",
        # Of an idle partition: the broker answers as soon as there is something to give. A worker of
        # each stage has two dozen such consumers together, whose questions at 50 ms took a third of a
        # core, the broker's part included.
        fetch_max_wait_ms=500,
        # An answer must be whole within the time-out: with 4 MiB, a backlog behind a link of less
        # than 400 kB/s would never move. One batch comes whole, however large it is.
        max_partition_fetch_bytes=1024 * 1024,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **client_arguments(),
    )


def transactional_producer(
    bootstrap: str, *, transactional_id: str, transaction_timeout_ms: int
) -> PartitionsFirstProducer:
    """Return a producer whose start fences every earlier one of the same transactional id."""
    return PartitionsFirstProducer(
        bootstrap_servers=bootstrap,
        client_id=transactional_id,
        transactional_id=transactional_id,
        transaction_timeout_ms=transaction_timeout_ms,
        max_batch_size=PRODUCER_BATCH_BYTES,
        max_request_size=2 * MAX_BATCH_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **client_arguments(),
    )


def idempotent_producer(bootstrap: str, *, client_id: str) -> AIOKafkaProducer:
    """Return a producer for what comes from outside: no transaction, no doubles by retries."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=PRODUCER_BATCH_BYTES,
        max_request_size=2 * MAX_BATCH_BYTES,
        linger_ms=5,
        request_timeout_ms=30_000,
        **client_arguments(),
    )


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer within a bounded time."""
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        await within(_STOP_S, consumer.stop())


@contextlib.asynccontextmanager
async def reading(
    bootstrap: str,
    *partitions: TopicPartition,
    client_id: str,
    committed: bool = True,
    source: bool = False,
) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a started consumer that is assigned one partition or several, with no position yet."""
    consumer = partition_consumer(
        bootstrap, client_id=client_id, committed=committed, source=source
    )
    try:
        await consumer.start()
        for partition in partitions:
            await _leader_known(consumer, partition)
        consumer.assign(list(partitions))
        yield consumer
    finally:
        await stop_consumer(consumer)


async def _leader_known(consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
    """Return when the consumer knows which broker leads a partition; `LeaderNotAvailableError` where
    none has said so for a while.

    A consumer that is assigned a partition without a leader asks for it over and over, without a
    pause where no broker answers: a core for each of them.
    """
    client = consumer._client
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LEADER_S
    await client.add_topic(partition.topic)
    while client.cluster.leader_for_partition(partition) in (None, -1):
        if loop.time() > deadline:
            raise LeaderNotAvailableError(
                f"no broker said for {_LEADER_S:.0f} s who leads {partition.topic}/"
                f"{partition.partition}. Operator action: start the broker that leads it; if the topic "
                "was never made, run `ratemill topics apply`."
            )
        await asyncio.sleep(_LEADER_AGAIN_S)
        await client.force_metadata_update()


@contextlib.asynccontextmanager
async def admin_client(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a started admin client; `BrokerUnavailable` when no broker answers."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **client_arguments(),
    )
    try:
        await client.start()
    except KafkaError as error:
        await _close(client)
        raise BrokerUnavailable(await why_refused(bootstrap)) from error
    try:
        yield client
    finally:
        await _close(client)


async def _close(client: AIOKafkaAdminClient) -> None:
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        await within(_STOP_S, client.close())


async def cluster_id(bootstrap: str) -> str:
    """Return the id that the broker's cluster got when its storage was formatted."""
    async with admin_client(bootstrap) as admin:
        description = await admin.describe_cluster()
    return str(description["cluster_id"])
