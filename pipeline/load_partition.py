"""One partition of load: what lies in a topic, into Postgres, in order, each record once."""

from __future__ import annotations

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from pipeline import correlation, event_time
from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.errors import Halted, RatemillError
from pipeline.idle import Idle
from pipeline.kafka import reading
from pipeline.loading import Gather
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.pace import Pace
from pipeline.settings import Settings
from schemas.flow import SourceRecord
from sinks.connection import Pool
from sinks.errors import SinkError
from sinks.progress import Progress, read_progress

_log = structlog.get_logger(__name__)

_POLL_MS = 200
_GATHERED_BYTES = 8 << 20  # of records that wait for one transaction, or one poll more
EXPECTED = (KafkaError, RatemillError, SinkError, OSError, TimeoutError)


class LoadPartition:
    """Loads one partition until cancelled, or until the group says that it is another's.

    The order of a load is that of `sinks.load.load_ledger`. The position is Postgres's, never the
    group's. Any doubt, and a compare-and-set that was lost, ends a session: the next one asks the
    group first whether the partition is still ours, then reads the position again.
    """

    def __init__(
        self,
        gather: Gather,
        settings: Settings,
        *,
        bootstrap: str,
        pool: Pool,
        ownership: Ownership,
        partition: TopicPartition,
        clock: Clock,
        metrics: StageMetrics,
        every_ms: int,
    ) -> None:
        self._every_ms = every_ms  # the least time between two small loads
        self._gather = gather
        self._settings = settings
        self._bootstrap = bootstrap
        self._pool = pool
        self._ownership = ownership
        self._partition = partition
        self._clock = clock
        self._metrics = metrics
        self._label = f"{partition.topic}/{partition.partition}"
        self.position: int | None = None

    async def run(self) -> None:
        """Return only when the partition is given up."""
        self._metrics.owned(self._label)
        try:
            await self._sessions()
        finally:
            self._metrics.released(self._label)

    async def _sessions(self) -> None:
        backoff = Backoff()
        in_doubt = False
        while True:
            correlation.of_session()
            try:
                if in_doubt and not await self._ownership.prove(
                    self._partition, position=self.position or 0
                ):
                    _log.warning("partition_given_up", partition=self._label)
                    return
                await self._session(backoff, by_poll=in_doubt)
            except Exception as error:
                # An error that nobody thought of stops this partition alone; the others go on.
                in_doubt = True
                self._metrics.doubt(self._label, type(error).__name__)
                _log.error(
                    "load_stopped",
                    partition=self._label,
                    error=str(error) or repr(error),
                    exc_info=not isinstance(error, EXPECTED),
                )
                await backoff.wait()

    async def _session(self, backoff: Backoff, *, by_poll: bool) -> None:
        """Load until something is in doubt.

        ``by_poll``: until something is written, each poll is written by itself. What cannot be loaded
        then holds back what is near it, and not all that could have been gathered with it.
        """
        partition = self._partition
        progress = await read_progress(
            self._pool,
            installation=self._settings.installation,
            topic=partition.topic,
            partition=partition.partition,
        )
        self.position = progress.next_position
        self._metrics.working(self._label)
        gathering = self._gather(self._pool, progress)
        waiting = size = 0
        newest: list[SourceRecord] = []
        client_id = f"{self._settings.installation}.load.{self._label.replace('/', '.')}"
        async with reading(
            self._bootstrap, partition, client_id=client_id, source=True
        ) as consumer:
            consumer.seek(partition, progress.next_position)
            idle = Idle(consumer, partition)
            pace = Pace(consumer, partition, self._every_ms)
            while True:
                await pace.turn()
                records = await self._fetch(consumer)
                newest = records or newest
                for record in records:
                    gathering.add(record)
                    size += len(record.value)
                waiting += len(records)
                if not gathering.ready:
                    self._metrics.caught_up(self._label, behind=waiting + await idle.look())
                    continue
                more = await self._more(consumer)
                room = waiting < self._settings.load_batch_records and size < _GATHERED_BYTES
                # Of a backlog, more for the same transaction; a poll that brings nothing ends it.
                if records and more and room and not by_poll:
                    self._tell_behind(consumer, progress)
                    continue
                pace.took(full=more)
                started_ns = self._clock.monotonic_ns()
                progress, rows = await gathering.write(progress)
                pace.done()
                by_poll = False
                self.position = progress.next_position
                backoff.reset()
                self._metrics.loaded(
                    self._label,
                    records=waiting,
                    rows=rows,
                    seconds=(self._clock.monotonic_ns() - started_ns) / 1e9,
                    appended_at_ms=newest[-1].appended_at_ms,
                    event_time_ms=event_time.of_ledger(newest),
                )
                waiting = size = 0
                self._tell_behind(consumer, progress)

    def _tell_behind(self, consumer: AIOKafkaConsumer, progress: Progress) -> None:
        highwater = consumer.highwater(self._partition) or 0
        behind = max(0, highwater - progress.next_position)
        self._metrics.caught_up(self._label, behind=behind)

    async def _more(self, consumer: AIOKafkaConsumer) -> bool:
        """Return whether the broker had more to give when it was asked last."""
        stable = consumer.last_stable_offset(self._partition)
        return stable is not None and await consumer.position(self._partition) < stable

    async def _fetch(self, consumer: AIOKafkaConsumer) -> list[SourceRecord]:
        partition = self._partition
        try:
            answer = await consumer.getmany(
                partition, timeout_ms=_POLL_MS, max_records=self._settings.load_batch_records
            )
        except OffsetOutOfRangeError as error:
            raise Halted(
                f"{self._label} no longer holds offset {self.position}. Operator action: records "
                "were deleted before they were loaded; restore the topic from its backup."
            ) from error
        records: list[SourceRecord] = answer.get(partition, [])
        return records
