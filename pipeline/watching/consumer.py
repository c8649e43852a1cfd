"""The framework's consumer with our own client in it: committed proofs, TLS and SASL as everywhere.

The framework's reads what was not committed too, unless it writes in transactions itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from pipeline.kafka_security import client_arguments
from pipeline.settings import Settings

if TYPE_CHECKING:
    import faust

_REQUEST_TIMEOUT_MS = 20_000


def committed_transport(app: faust.App, settings: Settings, *, bootstrap: str) -> Transport:
    """Return what an app reads by: records of transactions that were committed."""

    class Thread(AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
            self._assignor = RoundRobinPartitionAssignor
            return AIOKafkaConsumer(
                bootstrap_servers=bootstrap,
                client_id=app.conf.id,
                group_id=app.conf.id,
                partition_assignment_strategy=[self._assignor],
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
