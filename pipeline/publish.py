"""Publishing to the raw topic: what sources read, and commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from pipeline.errors import BrokerUnavailable, RatemillError
from pipeline.kafka import idempotent_producer
from pipeline.settings import Settings
from pipeline.topics import partition_of, topics_of
from pipeline.within import within
from sources.records import RawRecord

_IN_FLIGHT = 64  # blocks of up to 256 KB: enough to keep the broker busy, 16 MB at most


class RawPublisher:
    """Sends raw records in order per key; each is durable on the broker once it is reported."""

    def __init__(self, producer: AIOKafkaProducer, *, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    async def publish(
        self, records: Iterable[RawRecord], *, on_durable: Callable[[RawRecord], None]
    ) -> int:
        """Send the records and return how many; ``on_durable`` is told of each, in order.

        Returns when every one is durable. `BrokerUnavailable` when the broker stays away: what
        was reported is there, the rest may be; sending all of it again doubles nothing, since
        normalise recognises the copies.
        """
        waiting: deque[tuple[RawRecord, asyncio.Future[object]]] = deque()
        sent = 0
        try:
            for record in records:
                future = await self._producer.send(
                    self._topic,
                    value=record.value,
                    key=record.key,
                    partition=partition_of(record.key, self._partitions),
                    headers=list(record.headers),
                )
                waiting.append((record, future))
                sent += 1
                if len(waiting) >= _IN_FLIGHT:
                    await _confirm(waiting, on_durable)
            while waiting:
                await _confirm(waiting, on_durable)
        except MessageSizeTooLargeError as error:
            raise RatemillError(
                f"The broker refuses a raw record as too large ({error}). Operator action: set "
                f"max.message.bytes of {self._topic} as `ratemill topics list` shows it."
            ) from error
        except KafkaError as error:
            raise BrokerUnavailable(
                f"The broker did not take all records ({error!r}). Operator action: check the "
                "broker, then run the same command again: what is there already is recognised."
            ) from error
        finally:
            for _, future in waiting:
                future.cancel()
        return sent


async def _confirm(
    waiting: deque[tuple[RawRecord, asyncio.Future[object]]],
    on_durable: Callable[[RawRecord], None],
) -> None:
    record, future = waiting.popleft()
    await future
    on_durable(record)


@contextlib.asynccontextmanager
async def raw_publisher(settings: Settings, *, bootstrap: str) -> AsyncIterator[RawPublisher]:
    """Yield a publisher to the installation's raw topic."""
    topic = topics_of(settings).raw
    producer = idempotent_producer(bootstrap, client_id=f"{settings.installation}.ingest")
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise BrokerUnavailable(
            f"No Kafka broker answers at {bootstrap} ({error}). Operator action: start it, or "
            "correct RATEMILL_KAFKA_BOOTSTRAP; `ratemill up` starts an embedded one."
        ) from error
    try:
        yield RawPublisher(producer, topic=topic.name, partitions=topic.partitions)
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            await within(10, producer.stop())
