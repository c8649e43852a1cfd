"""Creating the topics, and the genesis proof from which every partition's chain starts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError

from pipeline.errors import BrokerUnavailable, MissingGenesis, SettingsError, WrongInstallation
from pipeline.kafka import admin_client, cluster_id, reading
from pipeline.proofs import LastProof, end_of, read_last_proof
from pipeline.settings import Settings
from pipeline.topics import Topic, Topics, topics_of
from pipeline.transaction import Transaction
from schemas import ledger
from schemas.flow import Append, Channel
from schemas.proof import (
    NORMALISE,
    RATE,
    Proof,
    proof_from_json,
    proof_from_msgpack,
    proof_to_json,
    proof_to_msgpack,
    sealed,
)

_METADATA_S = 10.0
# Without these the broker deletes what nobody has read, or refuses a record for its date.
_GUARDING = ("message.timestamp.type", "retention.ms", "retention.bytes", "cleanup.policy")
LEDGER_PROOF_HEADERS = ((ledger.KIND_HEADER, ledger.KIND_PROOF),)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply_topics` found and did."""

    cluster_id: str
    genesis_id: str
    created: tuple[str, ...]
    genesis_partitions: int  # partitions that got their genesis now; 0 on a second run


async def apply_topics(settings: Settings, *, bootstrap: str) -> Applied:
    """Create the topics that are missing and write genesis proofs into empty partitions.

    Idempotent. `SettingsError` where a topic exists otherwise than it is declared: see
    `checked_cluster_id`.
    """
    topics = topics_of(settings)
    cluster = await cluster_id(bootstrap)
    async with admin_client(bootstrap) as admin:
        created = [topic.name for topic in topics.all() if await _create(admin, topic, settings)]
        await _check_partitions(admin, topics)
        await _check_configs(admin, topics)
    genesis_id, count = await _write_genesis(settings, topics, bootstrap, cluster)
    return Applied(cluster, genesis_id, tuple(created), count)


async def checked_cluster_id(settings: Settings, *, bootstrap: str) -> str:
    """Return the cluster's id; `SettingsError` where the topics are not as they are declared.

    With another number of partitions a key would go elsewhere: copies would no longer meet, and
    an account would have two sets of counters. With a retention, unread records would be deleted.
    """
    topics = topics_of(settings)
    async with admin_client(bootstrap) as admin:
        there = set(await admin.list_topics())  # a question for one of them might create it
        missing = [topic.name for topic in topics.all() if topic.name not in there]
        if missing:
            raise SettingsError(
                f"The broker at {bootstrap} has no topic {missing[0]} ({len(missing)} are missing). "
                "Operator action: run `ratemill topics apply`, which `ratemill up` does too; or "
                "correct RATEMILL_INSTALLATION or RATEMILL_KAFKA_BOOTSTRAP."
            )
        await _check_partitions(admin, topics)
        await _check_configs(admin, topics)
    return await cluster_id(bootstrap)


async def _create(admin: AIOKafkaAdminClient, topic: Topic, settings: Settings) -> bool:
    if topic.name in await admin.list_topics():
        return False
    new = NewTopic(
        topic.name,
        topic.partitions,
        settings.replication_factor,
        topic_configs=topic.configs,
    )
    try:
        await admin.create_topics([new])
    except TopicAlreadyExistsError:
        return False
    return True


async def _check_partitions(admin: AIOKafkaAdminClient, topics: Topics) -> None:
    declared = {topic.name: topic.partitions for topic in topics.all()}
    for name, found in (await _partition_counts(admin, list(declared))).items():
        if found != declared[name]:
            raise SettingsError(
                f"{name} has {found} partitions, the settings say {declared[name]}. The count of "
                "an installation never changes: keys would move. Operator action: set "
                "RATEMILL_RAW_PARTITIONS and RATEMILL_RATING_PARTITIONS to what is there, or start "
                "a new installation with another RATEMILL_INSTALLATION."
            )


async def _check_configs(admin: AIOKafkaAdminClient, topics: Topics) -> None:
    questions = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, dict.fromkeys(_GUARDING))
        for topic in topics.all()
    ]
    declared = {topic.name: topic.configs for topic in topics.all()}
    for answer in await admin.describe_configs(questions):
        for topic in answer.to_object()["resources"]:
            name = topic["resource_name"]
            for entry in topic["config_entries"]:
                setting, found = entry["config_names"], entry["config_value"]
                if found != declared[name][setting]:
                    raise SettingsError(
                        f"{name} has {setting}={found}, not {declared[name][setting]}: records "
                        "would be lost. Operator action: kafka-configs.sh --alter --topic "
                        f"{name} --add-config {setting}={declared[name][setting]}; a topic that "
                        "the broker made by itself is better deleted while it is empty."
                    )


async def _partition_counts(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Return the number of partitions of each topic, once the broker knows them all.

    It confirms that a topic is created a moment before its own metadata has it.
    """
    deadline = asyncio.get_running_loop().time() + _METADATA_S
    while True:
        described = await admin.describe_topics(names)
        if all(each["error_code"] == 0 and each["partitions"] for each in described):
            return {each["topic"]: len(each["partitions"]) for each in described}
        if asyncio.get_running_loop().time() > deadline:
            raise BrokerUnavailable(
                f"The broker does not know the topics that it created {_METADATA_S:.0f} s ago. "
                "Operator action: look at the broker's log, then run the same command again."
            )
        await asyncio.sleep(0.05)


async def _write_genesis(
    settings: Settings, topics: Topics, bootstrap: str, cluster: str
) -> tuple[str, int]:
    """Return the genesis id, and how many partitions got their genesis now."""
    known, empty = await _look(topics, bootstrap)
    if known and not empty:
        return _only(known, empty, settings), 0
    transaction = await Transaction.fence(
        bootstrap,
        transactional_id=f"{settings.installation}.genesis",
        transaction_timeout_ms=settings.transaction_timeout_ms,
        topics={Channel.PROOFS: topics.proofs.name, Channel.LEDGER: topics.ledger.name},
    )
    try:
        # Whoever was writing the genesis until our fence has written it by now, or never will.
        known, empty = await _look(topics, bootstrap)
        if known:
            return _only(known, empty, settings), 0
        genesis_id = uuid.uuid4().hex
        appends = [
            _genesis(settings, topics, channel, number, cluster=cluster, genesis_id=genesis_id)
            for channel, number in empty
        ]
        await transaction.write(appends[:-1], last=appends[-1])
    finally:
        await transaction.retire()
    return genesis_id, len(empty)


async def _look(topics: Topics, bootstrap: str) -> tuple[set[str], list[tuple[Channel, int]]]:
    """Return the genesis ids that are there, and the partitions that have none."""
    known: set[str] = set()
    empty: list[tuple[Channel, int]] = []
    for channel, topic in proof_channels(topics).items():
        for number in range(topic.partitions):
            last = await last_proof_or_none(bootstrap, channel, TopicPartition(topic.name, number))
            if last is None:
                empty.append((channel, number))
            else:
                known.add(last.proof.genesis_id)
    return known, empty


def _only(known: set[str], empty: list[tuple[Channel, int]], settings: Settings) -> str:
    if len(known) > 1 or empty:
        raise WrongInstallation(
            f"The topics of {settings.installation} do not belong together (genesis ids: "
            f"{sorted(known)}, empty partitions: {len(empty)}). Operator action: some were "
            "recreated; restore them, or start a new installation with another prefix."
        )
    return next(iter(known))


def _genesis(
    settings: Settings,
    topics: Topics,
    channel: Channel,
    number: int,
    *,
    cluster: str,
    genesis_id: str,
) -> Append:
    normalise = channel is Channel.PROOFS
    proof = sealed(
        Proof(
            stage=NORMALISE if normalise else RATE,
            installation=settings.installation,
            genesis_id=genesis_id,
            cluster_id=cluster,
            source_topic=(topics.raw if normalise else topics.normalised).name,
            source_partition=number,
            batch=0,
            first=0,
            next=0,
        )
    )
    if normalise:
        return Append(channel, number, None, proof_to_msgpack(proof), ())
    return Append(channel, number, None, proof_to_json(proof), LEDGER_PROOF_HEADERS)


async def last_proof_or_none(
    bootstrap: str, channel: Channel, partition: TopicPartition
) -> LastProof | None:
    """Return the last proof; None where nothing was ever committed to the partition."""
    decode = proof_from_msgpack if channel is Channel.PROOFS else proof_from_json
    client_id = "ratemill.genesis"
    try:
        return await read_last_proof(bootstrap, partition, decode=decode, client_id=client_id)
    except MissingGenesis:
        async with reading(bootstrap, partition, client_id=client_id) as consumer:
            begin = (await consumer.beginning_offsets([partition]))[partition]
            if begin > 0 and await end_of(consumer, partition) > 0:
                raise
        return None


def proof_channels(topics: Topics) -> Mapping[Channel, Topic]:
    """Return the topics whose partitions each end in a proof."""
    return {Channel.PROOFS: topics.proofs, Channel.LEDGER: topics.ledger}
