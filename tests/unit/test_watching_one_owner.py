"""Of several watch workers the first has everything, the others have nothing until it is gone."""

from __future__ import annotations

from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from pipeline.watching.one_owner import one_owner

TOPIC = "one.normalise.proofs.v1"


class Cluster:
    def partitions_for_topic(self, topic: str) -> set[int]:
        assert topic == TOPIC
        return {0, 1, 2}


def member(started_ms: int) -> ConsumerProtocolMemberMetadata:
    return one_owner(started_ms=started_ms).metadata([TOPIC])


def assigned(members: dict[str, ConsumerProtocolMemberMetadata]) -> dict[str, list[int]]:
    given = one_owner(started_ms=7).assign(Cluster(), members)
    return {
        name: [number for _, numbers in one.assignment for number in numbers]
        for name, one in given.items()
    }


def test_who_started_first_has_all_partitions():
    members = {"a": member(2_000), "b": member(1_000), "c": member(10_000)}
    assert assigned(members) == {"a": [], "b": [0, 1, 2], "c": []}
    del members["b"]
    assert assigned(members) == {"a": [0, 1, 2], "c": []}


def test_of_two_that_started_at_once_one_has_all():
    assert assigned({"b": member(5), "a": member(5)}) == {"a": [0, 1, 2], "b": []}
