"""What retention is decided by, read from the broker, the tables and the folder of snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from aiokafka import TopicPartition

from pipeline.errors import WrongInstallation
from pipeline.genesis import checked_cluster_id
from pipeline.kafka import admin_client, partition_consumer, reading, stop_consumer
from pipeline.proofs import LastProof, read_last_proof
from pipeline.settings import Settings
from pipeline.snapshot_files import (
    KEPT,
    Snapshot,
    SnapshotDamaged,
    check_files,
    newest,
    partition_folder,
)
from pipeline.topics import Topic, Topics, topics_of
from pipeline.verify.reading import partition_reader
from schemas.proof import NORMALISE, RATE, Proof, is_sealed, proof_from_json, proof_from_msgpack
from sinks.connection import Pool
from sinks.installation import Identity, check_identity
from sinks.progress import Progress, all_progress

_CLIENT_ID = "ratemill.retention"
_ANCHOR_S = 30.0


@dataclass(frozen=True, slots=True)
class StagePosition:
    """Where a stage stands in one partition."""

    stage: str
    last: Proof
    snapshot: Snapshot | None  # the older one of the two newest, its files looked at just now
    no_snapshot: str = ""  # why there is none to trim behind


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the plan is made of."""

    begins: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    stages: Mapping[tuple[str, int], StagePosition]
    progress: Mapping[TopicPartition, Progress]
    # The first record of a suspense partition that no snapshot covers, and the stage that put it.
    uncovered_suspense: Mapping[TopicPartition, tuple[int, str]] = field(default_factory=dict)
    # Changelogs in which what load or a snapshot stands at is not the proof that they say.
    not_anchored: Mapping[TopicPartition, str] = field(default_factory=dict)
    young: Mapping[TopicPartition, int] = field(default_factory=dict)
    groups: Mapping[str, Mapping[TopicPartition, int]] = field(default_factory=dict)


class _Refused(msgspec.Struct, frozen=True, gc=False):
    """`schemas.suspense.Suspended`, read no further than is needed here."""

    stage: str
    partition: int
    offset: int


_decode_refused = msgspec.msgpack.Decoder(_Refused).decode


async def read_facts(
    settings: Settings,
    *,
    bootstrap: str,
    pool: Pool,
    keep_from_ms: int | None,
    groups: Sequence[str] = (),
) -> Facts:
    """Return the facts; an error where broker, tables and snapshots do not belong together.

    ``keep_from_ms`` is the append time from which on everything is kept; None: nothing is for its
    age. ``groups`` are the consumer groups that read the ledger and must not lose any of it.
    """
    topics = topics_of(settings)
    cluster = await checked_cluster_id(settings, bootstrap=bootstrap)
    progress = {TopicPartition(row.topic, row.partition): row for row in await all_progress(pool)}
    stages, genesis_ids = {}, set()
    for stage, topic, decode in (
        (NORMALISE, topics.proofs, proof_from_msgpack),
        (RATE, topics.ledger, proof_from_json),
    ):
        for place in _partitions(topic):
            last = await read_last_proof(bootstrap, place, decode=decode, client_id=_CLIENT_ID)
            genesis_ids.add(last.proof.genesis_id)
            stages[stage, place.partition] = await _position(settings, stage, place.partition, last)
    if len(genesis_ids) != 1:
        raise WrongInstallation(
            f"The topics of {settings.installation} have several genesis ids: "
            f"{sorted(genesis_ids)}. Operator action: run `ratemill verify`; trim nothing."
        )
    await check_identity(pool, Identity(settings.installation, cluster, genesis_ids.pop()))
    followed = [
        place
        for topic in (topics.raw, topics.normalised, topics.ledger, topics.suspense, topics.proofs)
        for place in _partitions(topic)
    ]
    begins, ends, young = await _offsets(bootstrap, followed, keep_from_ms=keep_from_ms)
    return Facts(
        begins=begins,
        ends=ends,
        stages=stages,
        progress=progress,
        uncovered_suspense=await _uncovered(bootstrap, topics, stages, progress),
        not_anchored=await _not_anchored(bootstrap, topics, stages, progress, begins),
        young=young,
        groups={group: await _committed(bootstrap, group) for group in groups},
    )


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


async def _position(
    settings: Settings, stage: str, partition: int, last: LastProof
) -> StagePosition:
    folder = partition_folder(
        settings.snapshot_folder(),
        installation=settings.installation,
        stage=stage,
        partition=partition,
    )
    good: list[Snapshot] = []
    damaged = ""
    for snapshot in newest(folder):
        folded = snapshot.manifest.folded
        if (folded.cluster_id, folded.genesis_id) != (last.proof.cluster_id, last.proof.genesis_id):
            raise WrongInstallation(
                f"{snapshot.folder} is a snapshot of another installation. Operator action: check "
                "RATEMILL_SNAPSHOTS and RATEMILL_KAFKA_BOOTSTRAP; nothing was trimmed."
            )
        if snapshot.next_offset > last.offset + 1:
            raise WrongInstallation(
                f"{snapshot.folder} holds more than the broker does. Operator action: the broker "
                "lost data; run `ratemill verify`; nothing was trimmed."
            )
        try:
            await asyncio.to_thread(check_files, snapshot)
        except SnapshotDamaged as error:
            damaged = f"; {error}"
            continue
        good.append(snapshot)
    if len(good) >= KEPT:
        return StagePosition(stage, last.proof, good[KEPT - 1])
    found = f"{len(good)} of {KEPT} snapshots of {stage} {partition} in {folder}{damaged}"
    return StagePosition(stage, last.proof, None, found)


async def _offsets(
    bootstrap: str, places: Sequence[TopicPartition], *, keep_from_ms: int | None
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Return where partitions begin and end, and their first record that is to be kept."""
    consumer = partition_consumer(bootstrap, client_id=_CLIENT_ID)
    try:
        await consumer.start()
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        young = {}
        if keep_from_ms is not None:
            answer = await consumer.offsets_for_times(dict.fromkeys(places, keep_from_ms))
            young = {place: found.offset for place, found in answer.items() if found is not None}
    finally:
        await stop_consumer(consumer)
    return dict(begins), dict(ends), young


async def _uncovered(
    bootstrap: str,
    topics: Topics,
    stages: Mapping[tuple[str, int], StagePosition],
    progress: Mapping[TopicPartition, Progress],
) -> dict[TopicPartition, tuple[int, str]]:
    """Return the first loaded record of each suspense partition that no snapshot covers."""
    found = {}
    for place in _partitions(topics.suspense):
        row = progress.get(place)
        if row is None:
            continue
        first = await _first_uncovered(bootstrap, place, stages, end=row.next_position)
        if first is not None:
            found[place] = first
    return found


async def _first_uncovered(
    bootstrap: str,
    place: TopicPartition,
    stages: Mapping[tuple[str, int], StagePosition],
    *,
    end: int,
) -> tuple[int, str] | None:
    async with partition_reader(bootstrap, place, end=end) as reader:
        async for chunk in reader.chunks():
            for record in chunk:
                refused = _decode_refused(record.value)
                position = stages.get((refused.stage, refused.partition))
                snapshot = None if position is None else position.snapshot
                if snapshot is None or refused.offset >= snapshot.manifest.source_next:
                    return record.offset, refused.stage
    return None


async def _not_anchored(
    bootstrap: str,
    topics: Topics,
    stages: Mapping[tuple[str, int], StagePosition],
    progress: Mapping[TopicPartition, Progress],
    begins: Mapping[TopicPartition, int],
) -> dict[TopicPartition, str]:
    """Return the changelogs in which a proof is not the one that somebody stands at."""
    wrong = {}
    for stage, topic, decode in (
        (NORMALISE, topics.proofs, proof_from_msgpack),
        (RATE, topics.ledger, proof_from_json),
    ):
        for place in _partitions(topic):
            row, snapshot = progress.get(place), stages[stage, place.partition].snapshot
            said = {} if row is None else {row.next_position - 1: ("load", row.chain)}
            if snapshot is not None:
                chain = snapshot.manifest.folded.chain
                said[snapshot.next_offset - 1] = ("a snapshot", chain)
            for offset, (who, chain) in said.items():
                if offset < begins[place]:
                    continue
                value = await _value_at(bootstrap, place, offset)
                try:
                    proof = None if value is None else decode(value)
                except msgspec.MsgspecError:
                    proof = None
                if proof is None or proof.chain != chain or not is_sealed(proof):
                    wrong[place] = f"{who} stands at offset {offset}, where its proof does not lie"
    return wrong


async def _value_at(bootstrap: str, place: TopicPartition, offset: int) -> bytes | None:
    async with reading(bootstrap, place, client_id=_CLIENT_ID) as consumer:
        consumer.seek(place, offset)
        async with asyncio.timeout(_ANCHOR_S):
            record = await consumer.getone(place)
    return record.value if record.offset == offset else None


async def _committed(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    async with admin_client(bootstrap) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    return {place: found.offset for place, found in offsets.items() if found.offset >= 0}
