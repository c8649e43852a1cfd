"""Every topic of an installation: its name, partitions and settings, declared once."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.partitioner import murmur2 as murmur2_in_python

from native import compiled
from pipeline.settings import Settings

_native = compiled("murmur2")
_murmur2 = murmur2_in_python if _native is None else _native.murmur2

MAX_BATCH_BYTES = 2 * 1024 * 1024  # max.message.bytes: of one record batch, not of one record

_EVERY_TOPIC = {
    # A record dated 9999 is refused by a broker under CreateTime, and late records would be
    # deleted at once by retention.
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",  # trimmed behind proof and load, never by age
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "min.insync.replicas": "1",
    "max.message.bytes": str(MAX_BATCH_BYTES),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must be on the broker."""

    name: str
    partitions: int
    configs: dict[str, str]
    about: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one installation."""

    raw: Topic
    normalised: Topic
    ledger: Topic
    suspense: Topic
    proofs: Topic
    reference: Topic
    catalogue: Topic

    def all(self) -> tuple[Topic, ...]:
        """Return the topics in the order of the flow."""
        return (
            self.raw,
            self.normalised,
            self.ledger,
            self.suspense,
            self.proofs,
            self.reference,
            self.catalogue,
        )


def topics_of(settings: Settings) -> Topics:
    """Return the topics of an installation."""

    def topic(name: str, partitions: int, about: str) -> Topic:
        full_name = f"{settings.installation}.{name}"
        return Topic(full_name, partitions, dict(_EVERY_TOPIC), about)

    raw, rating = settings.raw_partitions, settings.rating_partitions
    return Topics(
        raw=topic("usage.raw.v1", raw, "usage as received; key: stream"),
        normalised=topic("usage.normalised.v1", rating, "one usage event each; key: rating key"),
        ledger=topic("usage.rated.v1", rating, "the ledger: charges, limits reached, proofs"),
        suspense=topic("usage.suspense.v1", max(raw, rating), "refused records and duplicates"),
        proofs=topic("normalise.proofs.v1", raw, "proofs of normalise: its dedup state"),
        reference=topic("reference.v1", 1, "accounts and subscriptions"),
        catalogue=topic("catalogue.v1", 1, "catalogue versions and their rate cards"),
    )


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's default partitioner chooses it (murmur2)."""
    return (_murmur2(key) & 0x7FFFFFFF) % partitions  # type: ignore[no-any-return]
