"""All partitions to one watch worker; others stand by until it is gone.

What a source's numbers are is known to one process only: two that share partitions would each see
the other's records as gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)


def one_owner(*, started_ms: int) -> type[RoundRobinPartitionAssignor]:
    """Return the assignor of a worker: who started first has everything, so nothing moves at a join."""

    class OneOwner(RoundRobinPartitionAssignor):  # type: ignore[misc]
        name = "one-owner"

        @classmethod
        def assign(
            cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            owner = min(members, key=lambda member: (_started_ms(members[member]), member))
            given = super().assign(cluster, {owner: members[owner]})
            nothing = ConsumerProtocolMemberAssignment(cls.version, [], b"")
            return {member: given.get(member, nothing) for member in members}

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(
                cls.version, list(topics), str(started_ms).encode()
            )

    return OneOwner


def _started_ms(member: ConsumerProtocolMemberMetadata) -> int:
    return int(member.user_data)
