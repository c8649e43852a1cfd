"""Which partitions this process works on: a consumer group that decides ownership, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from pipeline.kafka_security import client_arguments
from pipeline.settings import Settings
from pipeline.within import within

_log = structlog.get_logger(__name__)

_POLL_MS = 250
_SHOW_EVERY_S = 5.0
_STOP_S = 5.0
_CANCEL_AGAIN_S = 2.0


class OwnedPartition(Protocol):
    """What works on one partition for as long as it is assigned."""

    @property
    def position(self) -> int | None:
        """Return the next source offset, for display; None before it is known."""
        ...

    async def run(self) -> None:
        """Work until cancelled; return when the partition is given up."""
        ...


class Ownership:
    """Runs one task for each partition that the group assigns to this member.

    All partitions of the group consumer stay paused and it is polled always, so the membership
    does not depend on how long a batch or a restore takes. A task goes on through a rebalance
    until the new assignment takes its partition away. Committed offsets are for display, and for
    `prove`; no position is ever read from them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bootstrap: str,
        group: str,
        topics: list[str],
        own: Callable[[TopicPartition], OwnedPartition],
        instance_id: str | None,
        on_assigned: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``on_assigned`` is told how many partitions each assignment holds."""
        self._own = own
        self._on_assigned = on_assigned
        self._topics = topics
        self._running: dict[TopicPartition, tuple[OwnedPartition, asyncio.Task[None]]] = {}
        self._leaving = False
        self._failure: Exception | None = None
        # aiokafka's sticky assignor keeps the member's assignment on the class: two consumers of
        # one process would share it.
        assignor = type("_StickyAssignor", (StickyPartitionAssignor,), {"member_assignment": None})
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id=instance_id or group,
            group_id=group,
            group_instance_id=instance_id,
            partition_assignment_strategy=(assignor,),
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # it never fetches; without a reset it would complain
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.heartbeat_interval_ms,
            max_poll_interval_ms=settings.max_poll_interval_ms,
            max_partition_fetch_bytes=1,
            request_timeout_ms=max(40_000, settings.session_timeout_ms + 5_000),
            **client_arguments(),
        )

    async def run(self) -> None:
        """Join the group and run the owned partitions until cancelled, then leave."""
        await self._consumer.start()
        show = asyncio.create_task(self._show_positions())
        try:
            self._consumer.subscribe(self._topics, listener=_Listener(self._assigned, self._failed))
            while True:
                # Everything is paused: what comes in the moment before that is not looked at.
                await self._consumer.getmany(timeout_ms=_POLL_MS)
                self._raise_failures()
                await self._take_up_again()
        finally:
            self._leaving = True
            show.cancel()
            await self._stop(list(self._running))
            with contextlib.suppress(KafkaError, TimeoutError, OSError):
                await within(_STOP_S, self._consumer.stop())

    async def prove(self, partition: TopicPartition, *, position: int) -> bool:
        """Return whether this member still owns the partition, by the group coordinator's word.

        The commit is sent now, under the member id and generation held now: that of a zombie is
        refused. Two owners that fenced each other at once would do so for ever without it.
        """
        try:
            await self._consumer.commit({partition: OffsetAndMetadata(position, "")})
        except (CommitFailedError, IllegalStateError):
            return False
        return True

    async def _assigned(self, assigned: set[TopicPartition]) -> None:
        if self._leaving:
            return
        if assigned:
            self._consumer.pause(*assigned)
        await self._stop([held for held in self._running if held not in assigned])
        for partition in sorted(assigned):
            running = self._running.get(partition)
            if running is None or running[1].done():
                self._start(partition)
        self._on_assigned(len(assigned))
        _log.info("assigned", partitions=[f"{p.topic}/{p.partition}" for p in sorted(assigned)])

    async def _stop(self, partitions: list[TopicPartition]) -> None:
        left = {self._running.pop(partition)[1] for partition in partitions}
        while left:
            # Again and again: a client of Kafka that is just stopping may swallow a cancellation,
            # and while we wait here, aiokafka sends no heartbeats.
            for task in left:
                task.cancel()
            done, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    _log.error("partition_stopped_badly", error=repr(error))

    async def _take_up_again(self) -> None:
        """Start again what was given up and is ours all the same.

        A refusal may come from the middle of a rebalance whose outcome changes nothing; no
        callback tells of the partition then, and it would be nobody's.
        """
        for partition, (owner, task) in list(self._running.items()):
            if (
                task.done()
                and await self.prove(partition, position=owner.position or 0)
                # While we asked, an assignment may have taken it away or started it: a second task
                # for it would fence the first one for ever.
                and self._running.get(partition) == (owner, task)
            ):
                _log.info("partition_taken_up_again", partition=str(partition))
                self._start(partition)

    def _start(self, partition: TopicPartition) -> None:
        owner = self._own(partition)
        task = asyncio.create_task(owner.run(), name=f"{partition.topic}/{partition.partition}")
        self._running[partition] = (owner, task)

    def _raise_failures(self) -> None:
        """Raise what a partition's task could not handle: the process must not go on without it."""
        if self._failure is not None:
            raise self._failure
        for _, task in self._running.values():
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _failed(self, error: Exception) -> None:
        self._failure = error

    async def _show_positions(self) -> None:
        while True:
            await asyncio.sleep(_SHOW_EVERY_S)
            offsets = {
                partition: OffsetAndMetadata(position, "")
                for partition, position in self._positions().items()
            }
            if offsets:
                with contextlib.suppress(KafkaError):
                    await self._consumer.commit(offsets)

    def _positions(self) -> Mapping[TopicPartition, int]:
        return {
            partition: owner.position
            for partition, (owner, task) in self._running.items()
            if owner.position is not None and not task.done()
        }


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self,
        assigned: Callable[[set[TopicPartition]], Coroutine[Any, Any, None]],
        failed: Callable[[Exception], None],
    ) -> None:
        self._assigned = assigned
        self._failed = failed

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Do nothing: whoever holds a partition goes on until the new assignment is known."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        try:
            await self._assigned(set(assigned))
        except Exception as error:
            # aiokafka would log it and go on, with partitions that nobody works on.
            self._failed(error)
