"""The framework's consumer with our own client in it: committed proofs, TLS and SASL as everywhere.

The framework's reads what was not committed too, unless it writes in transactions itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from faust.types.transports import ConsumerT

from pipeline.kafka_security import client_arguments
from pipeline.settings import Settings
from pipeline.watching.one_owner import one_owner

if TYPE_CHECKING:
    import faust

_REQUEST_TIMEOUT_MS = 20_000
_POSITION_S = 1.0


async def behind(consumer: ConsumerT, partition: TP, *, counted: int | None) -> int | None:
    """Return how many offsets lie between what was counted and the end that the broker has told.

    ``counted``: the offset of the last record that was; None where none was yet. None where the
    partition is not ours at this moment.
    """
    ours = cast(Consumer, consumer)
    thread = ours._thread
    found: tuple[int, int] | None = await thread.call_thread(
        _position_and_end, thread._ensure_consumer(), partition
    )
    if found is None:
        return None
    position, end = found
    handed_on = ours._read_offset.get(partition)
    # Behind each proof is the marker of its transaction, and after a rebalance the framework says that
    # it handed on what it begins with: the offset of that marker.
    if counted is not None and handed_on is not None and handed_on > counted + 1:
        position = counted + 1
    # Else that of the client: past the markers of transactions, which nobody gets to see.
    return max(0, end - position)


async def _position_and_end(client: AIOKafkaConsumer, partition: TP) -> tuple[int, int] | None:
    """Return both; it runs where the client runs, so that no rebalance comes between."""
    try:
        # Without a broker it would wait for ever, and the end of the worker for it.
        position = await asyncio.wait_for(client.position(partition), _POSITION_S)
    except (IllegalStateError, TimeoutError):
        return None
    return position, client.highwater(partition) or position


def committed_transport(
    app: faust.App, settings: Settings, *, bootstrap: str, started_ms: int
) -> Transport:
    """Return what an app reads by: records of transactions that were committed.

    ``started_ms``: when the worker started; of several the first one reads everything.
    """

    class Thread(AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
            self._assignor = one_owner(started_ms=started_ms)
            return AIOKafkaConsumer(
                bootstrap_servers=bootstrap,
                client_id=app.conf.id,
                group_id=app.conf.id,
                # The second is that of workers of before, which may still be in the group.
                partition_assignment_strategy=[self._assignor, RoundRobinPartitionAssignor],
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                fetch_max_wait_ms=1_000,  # nobody looks more often
                request_timeout_ms=max(_REQUEST_TIMEOUT_MS, settings.session_timeout_ms),
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=settings.heartbeat_interval_ms,
                max_poll_interval_ms=settings.max_poll_interval_ms,
                **client_arguments(),
            )

    class Committed(Consumer):
        def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
            return Thread(self, loop=self.loop, beacon=self.beacon)

    class CommittedTransport(Transport):
        pass

    CommittedTransport.Consumer = Committed
    return CommittedTransport(app.conf.broker_consumer, app)
