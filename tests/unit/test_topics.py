"""Topic names, and the partition of a key."""

from __future__ import annotations

import pytest

from pipeline.settings import Settings
from pipeline.topics import partition_of, topics_of

# Of Apache Kafka's own test, UtilsTest.testMurmur2: key and 32-bit hash, signed.
_MURMUR2 = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "signed"), _MURMUR2)
@pytest.mark.parametrize("partitions", [1, 4, 7, 256])
def test_a_key_goes_where_kafkas_default_partitioner_sends_it(
    key: bytes, signed: int, partitions: int
) -> None:
    """Every other client must send a stream to the same partition, or copies do not meet."""
    assert partition_of(key, partitions) == (signed & 0x7FFFFFFF) % partitions


def test_every_name_carries_the_installation_and_no_topic_deletes_by_age() -> None:
    topics = topics_of(Settings(installation="acme", raw_partitions=3, rating_partitions=5))
    for topic in topics.all():
        assert topic.name.startswith("acme.")
        assert topic.configs["message.timestamp.type"] == "LogAppendTime"
        assert topic.configs["retention.ms"] == topic.configs["retention.bytes"] == "-1"
        assert topic.configs["cleanup.policy"] == "delete"
    counts = {topic.name: topic.partitions for topic in topics.all()}
    assert counts == {
        "acme.usage.raw.v1": 3,
        "acme.usage.normalised.v1": 5,
        "acme.usage.rated.v1": 5,
        "acme.usage.suspense.v1": 5,
        "acme.normalise.proofs.v1": 3,
        "acme.reference.v1": 1,
        "acme.catalogue.v1": 1,
    }
