"""The settings file of the one-node Kafka, each setting with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.embedded.ports import LOOPBACK


def server_properties(
    log_folder: Path, *, port: int, controller_port: int, more: Mapping[str, str]
) -> str:
    """Return the text of server.properties for one node that is broker and controller.

    ``more`` comes last, and the last word on a setting counts.
    """
    added = "".join(
        f"{name}={value.format(port=port, controller_port=controller_port)}\n"
        for name, value in more.items()
    )
    return f"""\
process.roles=broker,controller
node.id=1
# Read at every start, unlike the quorum that a "standalone" format writes into the log:
# the port of the controller may change.
controller.quorum.voters=1@{LOOPBACK}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}
advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_folder}

# There is no second copy: what was acknowledged must be on the disk.
# Holds for every topic, __transaction_state included.
log.flush.interval.messages=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Usage is kept until somebody says otherwise for a topic.
log.retention.ms=-1
log.retention.bytes=-1
# The time a record arrived, by the broker's clock; event time is in the record.
log.message.timestamp.type=LogAppendTime
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false

# The open transaction of a dead worker holds back every reader of what it touched.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
transaction.max.timeout.ms=900000

# One machine: few internal partitions make a quick start, one group member need not wait.
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
# A killed broker may come back only when its old session has ended; the default of 9 s made
# that 12 s. Shorter still, and a disk that stalls would fence a broker that is alive.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
background.threads=2
# The default of 128 MB is a quarter of the heap.
log.cleaner.dedupe.buffer.size=33554432
{added}"""
