"""One partition of load: what lies in a topic, into Postgres, in order, each record once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.errors import Halted, RatemillError
from pipeline.kafka import reading
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.settings import Settings
from schemas.flow import SourceRecord
from sinks.errors import SinkError

_log = structlog.get_logger(__name__)

_POLL_MS = 200


class Loaded(Protocol):
    """What one transaction wrote."""

    @property
    def next_position(self) -> int: ...
    @property
    def rows(self) -> dict[str, int]: ...


class Loader(Protocol):
    """What knows one topic's records: `sinks` behind it, the position in Postgres."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the next position that Postgres holds for the partition."""
        ...

    def whole(self, records: Sequence[SourceRecord]) -> int:
        """Return how many of ``records`` make whole batches; 0: more must be read first."""
        ...

    async def load(
        self, partition: TopicPartition, records: Sequence[SourceRecord], *, expected: int
    ) -> Loaded:
        """Write whole batches in one transaction that moves the position from ``expected``."""
        ...


class LoadPartition:
    """Loads one partition until cancelled, or until the group says that it is another's.

    The order of a load transaction is that of `sinks.load`. The position is Postgres's, never the
    group's. Any doubt, and a compare-and-set that was lost, ends a session: the next one asks the
    group first whether the partition is still ours, then reads the position again.
    """

    def __init__(
        self,
        loader: Loader,
        settings: Settings,
        *,
        bootstrap: str,
        ownership: Ownership,
        partition: TopicPartition,
        clock: Clock,
        metrics: StageMetrics,
    ) -> None:
        self._loader = loader
        self._settings = settings
        self._bootstrap = bootstrap
        self._ownership = ownership
        self._partition = partition
        self._clock = clock
        self._metrics = metrics
        self.position: int | None = None

    async def run(self) -> None:
        """Return only when the partition is given up."""
        backoff = Backoff()
        in_doubt = False
        name = f"{self._partition.topic}/{self._partition.partition}"
        while True:
            try:
                if in_doubt and not await self._ownership.prove(
                    self._partition, position=self.position or 0
                ):
                    _log.warning("partition_given_up", partition=name)
                    return
                await self._session(backoff)
            except (KafkaError, RatemillError, SinkError, OSError, TimeoutError) as error:
                in_doubt = True
                self._metrics.doubt(self._partition.partition, type(error).__name__)
                _log.error("load_stopped", partition=name, error=str(error) or repr(error))
                await backoff.wait()

    async def _session(self, backoff: Backoff) -> None:
        partition = self._partition
        position = await self._loader.position(partition)
        self.position = position
        pending: list[SourceRecord] = []
        async with reading(
            self._bootstrap,
            partition,
            client_id=f"{self._settings.installation}.load.{partition.topic}.{partition.partition}",
        ) as consumer:
            consumer.seek(partition, position)
            while True:
                pending += await self._fetch(consumer)
                whole = self._loader.whole(pending)
                if not whole:
                    self._metrics.load_lag(partition.topic, partition.partition, len(pending))
                    continue
                started_ns = self._clock.monotonic_ns()
                loaded = await self._loader.load(partition, pending[:whole], expected=position)
                del pending[:whole]
                position = loaded.next_position
                self.position = position
                backoff.reset()
                self._metrics.loaded(
                    partition.partition,
                    records=whole,
                    rows=loaded.rows,
                    seconds=(self._clock.monotonic_ns() - started_ns) / 1e9,
                )
                highwater = consumer.highwater(partition) or position
                self._metrics.load_lag(
                    partition.topic, partition.partition, max(0, highwater - position)
                )

    async def _fetch(self, consumer: AIOKafkaConsumer) -> list[SourceRecord]:
        partition = self._partition
        try:
            answer = await consumer.getmany(
                partition, timeout_ms=_POLL_MS, max_records=self._settings.load_batch_records
            )
        except OffsetOutOfRangeError as error:
            raise Halted(
                f"{partition.topic}/{partition.partition} no longer holds offset {self.position}. "
                "Operator action: records were deleted before they were loaded; restore the topic."
            ) from error
        records = [
            SourceRecord(
                partition.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value or b"",
                tuple(record.headers),
            )
            for record in answer.get(partition, ())
        ]
        await asyncio.sleep(0)
        return records
