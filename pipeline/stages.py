"""Normalise and rate as they run: the machine of `stage.py` with its step, topics and feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from msgspec import ValidationError
from prometheus_client import CollectorRegistry

from counters.state import changes_of_many
from mediation.normalise import NormaliseStep
from pipeline.clock import Clock
from pipeline.feeds import Entry, Feed, UnreadableVersion
from pipeline.genesis import LEDGER_PROOF_HEADERS, checked_cluster_id
from pipeline.health import Health
from pipeline.mappings import load_mappings
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.packed_chunks import PackedChunks
from pipeline.rate_step import RateStep
from pipeline.settings import Settings
from pipeline.slots import Slot, take_slot
from pipeline.stage import StagePartition, StageSpec
from pipeline.topics import Topics, partition_of, topics_of
from rating.catalogue import Catalogue, MissingChunk, compile_parts
from schemas import ledger
from schemas.flow import Channel, SourceRecord
from schemas.proof import (
    NORMALISE,
    RATE,
    Versions,
    proof_from_json,
    proof_from_msgpack,
    proof_to_json,
    proof_to_msgpack,
)
from schemas.reference import Account, ReferenceData, account_from_json

# Of the counters and heads of one partition: five thousand busy accounts, some 6 MB.
_RECENT_VALUES = 25_000
# Rate waits for the first version before it takes a record, so nothing is ever decided by this.
_NO_CATALOGUE = Catalogue(version=-1, plans={}, product_types={}, limits=())


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that is ready to run in this process."""

    settings: Settings
    bootstrap: str
    spec: StageSpec
    group: str
    feeds: Sequence[Feed]
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    health: Health = field(default_factory=Health)

    async def run(self, clock: Clock) -> None:
        """Follow the feeds and work on the partitions that the group assigns, until cancelled."""
        settings, spec = self.settings, self.spec
        cluster = await checked_cluster_id(settings, bootstrap=self.bootstrap)
        slot = await take_slot(
            settings.state_folder(),
            wanted=settings.slot,
            wait_s=settings.session_timeout_ms / 1000,
        )
        metrics = StageMetrics(
            spec.step.stage,
            self.registry,
            health=self.health,
            clock=clock,
            group=self.group,
            source_topic=spec.source_topic,
        )

        def own(partition: TopicPartition) -> StagePartition:
            return StagePartition(
                spec,
                settings,
                bootstrap=self.bootstrap,
                cluster_id=cluster,
                ownership=ownership,
                partition=partition,
                folder=slot.folder,
                clock=clock,
                metrics=metrics,
            )

        ownership = Ownership(
            settings,
            bootstrap=self.bootstrap,
            group=self.group,
            topics=[spec.source_topic],
            own=own,
            instance_id=_instance_id(settings, spec.step.stage, slot),
            on_assigned=metrics.assigned,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                for feed in self.feeds:
                    tasks.create_task(feed.run())
                tasks.create_task(ownership.run())
        finally:
            slot.release()


def _instance_id(settings: Settings, stage: str, slot: Slot) -> str | None:
    """Return the static member id of a supervised worker; one started by hand is dynamic."""
    if settings.slot is None:
        return None
    return slot.member_id(installation=settings.installation, stage=stage)


def normalise_stage(settings: Settings, *, bootstrap: str) -> Stage:
    """Return the stage from raw usage to usage events."""
    topics = topics_of(settings)
    reference = ReferenceData()
    feed = _reference_feed(topics, bootstrap, reference)
    step = NormaliseStep(
        mappings=load_mappings(settings),
        reference=reference,
        partition_of=lambda key: partition_of(key.encode(), topics.normalised.partitions),
        raw_partition_of=lambda key: partition_of(key, topics.raw.partitions),
        horizon_ms=settings.dedup_horizon_ms,
        future_ms=settings.future_ms,
    )

    async def wait_for_versions(versions: Versions) -> None:
        # 0: with no account at all, every record would go to suspense as unknown.
        await feed.wait_for(max(versions.reference, 0))

    spec = StageSpec(
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
        wait_for_versions=wait_for_versions,
        window=step.window,
    )
    return Stage(settings, bootstrap, spec, f"{settings.installation}.{NORMALISE}", (feed,))


def rate_stage(settings: Settings, *, bootstrap: str) -> Stage:
    """Return the stage from usage events to the ledger."""
    topics = topics_of(settings)
    reference = ReferenceData()
    step = RateStep(catalogue=_NO_CATALOGUE, reference=reference)
    reference_feed = _reference_feed(topics, bootstrap, reference)
    catalogue_feed = _catalogue_feed(topics, bootstrap, step)

    async def wait_for_versions(versions: Versions) -> None:
        await reference_feed.wait_for(max(versions.reference, 0))
        await catalogue_feed.wait_for(max(versions.catalogue, 0))

    spec = StageSpec(
        step=step,
        source_topic=topics.normalised.name,
        changelog_topic=topics.ledger.name,
        topics={Channel.LEDGER: topics.ledger.name, Channel.SUSPENSE: topics.suspense.name},
        proof_channel=Channel.LEDGER,
        encode_proof=proof_to_json,
        decode_proof=proof_from_json,
        is_proof=_is_ledger_proof,
        proof_headers=LEDGER_PROOF_HEADERS,
        recent_values=_RECENT_VALUES,
        wait_for_versions=wait_for_versions,
        fold_many=changes_of_many,
    )
    feeds = (reference_feed, catalogue_feed)
    return Stage(settings, bootstrap, spec, f"{settings.installation}.{RATE}", feeds)


def _is_ledger_proof(record: SourceRecord) -> bool:
    return dict(record.headers).get(ledger.KIND_HEADER) == ledger.KIND_PROOF


def _reference_feed(topics: Topics, bootstrap: str, reference: ReferenceData) -> Feed:
    async def apply(parts: Sequence[Entry], marker: Entry, version: int) -> None:
        # On a thread, so that the group's heartbeat goes on; applied at once, between two batches.
        accounts = await asyncio.to_thread(_accounts, parts)
        reference.apply(accounts, version=version)

    return Feed(bootstrap=bootstrap, topic=topics.reference.name, apply=apply)


def _accounts(parts: Sequence[Entry]) -> list[Account]:
    return [account_from_json(part.value) for part in parts]


def _catalogue_feed(topics: Topics, bootstrap: str, step: RateStep) -> Feed:
    chunks = PackedChunks()

    async def apply(parts: Sequence[Entry], marker: Entry, version: int) -> None:
        await asyncio.to_thread(chunks.add, {part.key.decode(): part.value for part in parts})
        try:
            # Seconds for a large card: on a thread, so that the group's heartbeat goes on.
            found = await asyncio.to_thread(compile_parts, marker.value, chunks, version)
        except (MissingChunk, ValidationError, AssertionError, ArithmeticError) as error:
            # Written by another build, which could read it.
            raise UnreadableVersion(
                f"version {version} of the catalogue: {error!r}. Operator "
                "action: publish the catalogue again with this build."
            ) from error
        step.catalogue = found

    return Feed(bootstrap=bootstrap, topic=topics.catalogue.name, apply=apply)
