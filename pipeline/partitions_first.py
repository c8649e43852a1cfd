"""A transactional producer that sends nothing to a partition before the transaction has it.

aiokafka adds partitions to a transaction as records for them come, and keeps those records back
meanwhile. But where the broker refuses to add one of them (its topic may no longer be written to),
it lets go of all: what waits is sent to partitions that the transaction does not have. The broker
refuses that as well, unless the partition is still waiting for the marker of the commit before, whose
answer comes earlier than its markers. Then the records are taken into THAT transaction and committed
with it: a proof whose outputs were refused. Seen, with loss, under a broker that was slow with markers.

A partition that was added has its marker: the broker adds none to a transaction before the one before
it is complete everywhere. So whoever waits for that cannot write into the past.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.transaction_manager import TransactionManager


class PartitionsFirstProducer(AIOKafkaProducer):  # type: ignore[misc]
    """A transactional producer whose transactions are given their partitions first."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        assert type(self._txn_manager) is TransactionManager, "a transactional one"
        self._txn_manager.__class__ = _Watched

    async def add_partitions(self, partitions: Collection[TopicPartition]) -> None:
        """Return when the open transaction has all of ``partitions``.

        Raises what the broker refuses them with; then the transaction can only be aborted.
        """
        await self._txn_manager.add_all(partitions)


class _Watched(TransactionManager):  # type: ignore[misc]
    """A transaction manager that says when the partitions that it was given are added."""

    _all_added: asyncio.Future[None] | None = None

    async def add_all(self, partitions: Collection[TopicPartition]) -> None:
        for partition in partitions:
            self.maybe_add_partition_to_txn(partition)
        if self.partitions_to_add():
            self._all_added = asyncio.get_running_loop().create_future()
            await self._all_added

    def partition_added(self, tp: TopicPartition) -> None:
        super().partition_added(tp)
        waiting = self._all_added
        if waiting is not None and not self.partitions_to_add() and not waiting.done():
            waiting.set_result(None)

    def error_transaction(self, exc: BaseException) -> None:
        super().error_transaction(exc)
        self._fail(exc)

    def fatal_error(self, exc: BaseException) -> None:
        super().fatal_error(exc)
        self._fail(exc)

    def _fail(self, exc: BaseException) -> None:
        if self._all_added is not None and not self._all_added.done():
            self._all_added.set_exception(exc)
            self._transaction_waiter.exception()  # it is told here; nobody will ask there
