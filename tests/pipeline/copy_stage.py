"""The transactional stage around `CopyStep`, on a real broker, and what it must come to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import CollectorRegistry

from mediation.dedup import Window
from pipeline.clock import SystemClock
from pipeline.genesis import apply_topics
from pipeline.kafka import admin_client, cluster_id, idempotent_producer, reading
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.proofs import end_of
from pipeline.settings import Settings
from pipeline.stage import StagePartition, StageSpec
from pipeline.state import StateStore
from pipeline.topics import Topic, topics_of
from schemas.flow import Channel
from schemas.proof import Proof, Versions, proof_from_msgpack, proof_to_msgpack
from tests.pipeline.copy_step import COUNT, CopyStep

WITHIN_S = 30.0
_LOOK_EVERY_S = 0.02


async def until(holds: Callable[[], bool], *, what: str, within_s: float = WITHIN_S) -> None:
    """Return as soon as a condition holds."""
    try:
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110  (other processes and metrics set no event)
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:.0f} s: {what}") from None


def copy_settings(prefix: str, **changed: int | Path) -> Settings:
    """Return settings under which a test does not wait long for a time-out."""
    usual = {
        "raw_partitions": 1,
        "rating_partitions": 1,
        "session_timeout_ms": 6_000,  # the least that a broker takes by default
        "heartbeat_interval_ms": 500,
        "transaction_timeout_ms": 5_000,
        "snapshot_changes": 0,
    }
    return Settings.model_validate({"installation": prefix} | usual | changed)


def copy_spec(settings: Settings, step: CopyStep, window: Window | None = None) -> StageSpec:
    """Return the machine of a stage that copies raw to normalised."""
    topics = topics_of(settings)

    async def no_versions(versions: Versions) -> None:
        return None

    return StageSpec(
        step=step,
        source_topic=topics.raw.name,
        changelog_topic=topics.proofs.name,
        topics={
            Channel.NORMALISED: topics.normalised.name,
            Channel.SUSPENSE: topics.suspense.name,
            Channel.PROOFS: topics.proofs.name,
        },
        proof_channel=Channel.PROOFS,
        encode_proof=proof_to_msgpack,
        decode_proof=proof_from_msgpack,
        is_proof=lambda record: True,
        proof_headers=(),
        wait_for_versions=no_versions,
        window=window,
    )


class CopyMember:
    """One member of the group, with a state folder of its own."""

    def __init__(
        self,
        settings: Settings,
        *,
        bootstrap: str,
        cluster: str,
        folder: Path,
        step: CopyStep | None = None,
        instance_id: str | None = None,
        window: Window | None = None,
    ) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.owned: list[StagePartition] = []  # a new one each time that a partition is taken up
        metrics = StageMetrics("normalise", self.registry)
        spec = copy_spec(settings, step or CopyStep(), window)

        def own(partition: TopicPartition) -> StagePartition:
            owner = StagePartition(
                spec,
                settings,
                bootstrap=bootstrap,
                cluster_id=cluster,
                ownership=self.ownership,
                partition=partition,
                folder=folder,
                clock=SystemClock(),
                metrics=metrics,
            )
            self.owned.append(owner)
            return owner

        self.ownership = Ownership(
            settings,
            bootstrap=bootstrap,
            group=f"{settings.installation}.normalise",
            topics=[spec.source_topic],
            own=own,
            instance_id=instance_id,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CopyMember]:
        """Yield while the member works; a failure of it is raised at the end."""
        task = asyncio.create_task(self.ownership.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def doubts(self, error: str, *, partition: int = 0) -> int:
        """Return how many sessions of a partition ended in an error of this name."""
        labels = {"stage": "normalise", "partition": str(partition), "error": error}
        return int(self.registry.get_sample_value("ratemill_partition_stops_total", labels) or 0)

    def restored(self, *, partition: int = 0) -> int:
        """Return how many records the last restore folded."""
        labels = {"stage": "normalise", "partition": str(partition)}
        return int(self.registry.get_sample_value("ratemill_restored_records", labels) or 0)


class CopyInstallation:
    """Topics with a genesis, what was published to them, and what came out."""

    def __init__(self, settings: Settings, *, bootstrap: str, cluster: str, folder: Path) -> None:
        self.settings = settings
        self.topics = topics_of(settings)
        self.bootstrap = bootstrap
        self.cluster = cluster
        self.folder = folder
        self.published: dict[int, list[tuple[int, bytes]]] = {}

    @classmethod
    async def create(
        cls, settings: Settings, *, bootstrap: str, folder: Path, genesis: bool = True
    ) -> CopyInstallation:
        """Return a new installation; without its genesis the topics are there and empty."""
        if genesis:
            await apply_topics(settings, bootstrap=bootstrap)
        cluster = await cluster_id(bootstrap)
        return cls(settings, bootstrap=bootstrap, cluster=cluster, folder=folder)

    def member(
        self, name: str = "a", *, step: CopyStep | None = None, window: Window | None = None
    ) -> CopyMember:
        """Return a member of the group; one name, one state folder."""
        return CopyMember(
            self.settings,
            bootstrap=self.bootstrap,
            cluster=self.cluster,
            folder=self.folder / name,
            step=step,
            window=window,
        )

    @contextlib.asynccontextmanager
    async def producing(self) -> AsyncIterator[AIOKafkaProducer]:
        """Yield a producer outside every transaction."""
        producer = idempotent_producer(self.bootstrap, client_id=f"{self.settings.installation}.t")
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def publish(self, values: Sequence[bytes], *, partition: int = 0) -> None:
        """Append raw records and remember them."""
        async with self.producing() as producer:
            sent = [
                await producer.send(self.topics.raw.name, value, partition=partition)
                for value in values
            ]
            answers = [await each for each in sent]
        mine = self.published.setdefault(partition, [])
        mine += [(a.offset, v) for a, v in zip(answers, values, strict=True)]

    async def read(
        self, topic: Topic, *, partition: int = 0, committed: bool = True
    ) -> list[ConsumerRecord]:
        """Return every record of a partition, transactional ones only if they were committed."""
        place = TopicPartition(topic.name, partition)
        found: list[ConsumerRecord] = []
        async with reading(
            self.bootstrap, place, client_id="test", committed=committed
        ) as consumer:
            end = await end_of(consumer, place)
            consumer.seek(place, (await consumer.beginning_offsets([place]))[place])
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=200)).get(place, ()):
                    found.append(record)
        return found

    async def proofs(self, *, partition: int = 0) -> list[Proof]:
        """Return the committed proofs of a partition."""
        return [
            proof_from_msgpack(record.value)
            for record in await self.read(self.topics.proofs, partition=partition)
        ]

    async def done(self, *, within_s: float = WITHIN_S) -> None:
        """Return when the committed proofs cover all that was published."""
        for partition, records in self.published.items():
            place = TopicPartition(self.topics.proofs.name, partition)
            async with (
                asyncio.timeout(within_s),
                reading(self.bootstrap, place, client_id="test") as consumer,
            ):
                consumer.seek(place, (await consumer.beginning_offsets([place]))[place])
                position = 0
                while position <= records[-1][0]:
                    for record in (await consumer.getmany(place, timeout_ms=100)).get(place, ()):
                        position = proof_from_msgpack(record.value).next

    async def check(self, *, poisoned: bytes | None = None) -> None:
        """Assert that every record came out once, in order, counted once, under a whole chain."""
        for partition, records in self.published.items():
            suspended = [
                record
                for record in await self.read(self.topics.suspense, partition=partition)
                if record.partition == partition
            ]
            good = await self.read(self.topics.normalised, partition=partition)
            fields = [record.value.split(b" ", 2) for record in (*good, *suspended)]
            numbered = sorted((int(count), int(offset), value) for offset, count, value in fields)
            assert numbered == [
                (number, offset, value) for number, (offset, value) in enumerate(records, start=1)
            ]
            assert [r.offset for r in good] == sorted(r.offset for r in good)
            assert [r.value.split(b" ", 2)[2] for r in suspended] == [
                value for _, value in records if value == poisoned
            ]
            proofs = await self.proofs(partition=partition)
            assert proofs[0].batch == 0
            for before, after in itertools.pairwise(proofs):
                assert (after.batch, after.first) == (before.batch + 1, before.next)
                assert after.previous == before.chain
            assert sum(proof.records for proof in proofs) == len(records)

    def count_in_state(self, member: str = "a", *, partition: int = 0) -> int:
        """Return what the state of a member that is not running says; the lock must be free."""
        store = StateStore(self.folder / member / f"normalise-{partition}")
        try:
            return int(store.get_many([COUNT]).get(COUNT, b"0"))
        finally:
            store.close()

    async def configure(self, topic: Topic, **changed: str) -> None:
        """Set configurations of a topic; underscores stand for dots."""
        configs = topic.configs | {key.replace("_", "."): value for key, value in changed.items()}
        async with admin_client(self.bootstrap) as admin:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic.name, configs)]
            )

    async def trim(self, topic: Topic, *, before: int, partition: int = 0) -> None:
        """Delete the records of a partition below an offset."""
        place = TopicPartition(topic.name, partition)
        async with admin_client(self.bootstrap) as admin:
            await admin.delete_records({place: RecordsToDelete(before)})
