"""What a stage refuses to work on: it stops, says why, and writes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from pipeline import genesis
from pipeline.embedded import Endpoints
from pipeline.errors import BrokenChain, MissingGenesis, SettingsError, WrongInstallation
from pipeline.genesis import apply_topics, checked_cluster_id
from pipeline.kafka import admin_client
from pipeline.proofs import read_last_proof
from pipeline.state import StateStore
from pipeline.topics import Topic
from schemas.proof import Proof, proof_from_msgpack, proof_to_msgpack, sealed
from tests.pipeline.copy_stage import CopyInstallation, CopyMember, copy_settings, until
from tests.pipeline.copy_step import CopyStep


@pytest.fixture
async def installation(services: Endpoints, prefix: str, tmp_path: Path) -> CopyInstallation:
    return await CopyInstallation.create(
        copy_settings(prefix), bootstrap=services.kafka_bootstrap, folder=tmp_path
    )


async def _stops(member: CopyMember, error: str) -> None:
    """Assert that the partition stops, and stops again when it is tried again."""
    async with member.running():
        await until(lambda: member.doubts(error) >= 2, what=f"two stops by {error}")


async def _last_proof(here: CopyInstallation) -> Proof:
    place = TopicPartition(here.topics.proofs.name, 0)
    last = await read_last_proof(here.bootstrap, place, decode=proof_from_msgpack, client_id="test")
    return last.proof


async def test_topics_without_a_genesis_are_an_error_never_start_at_zero(
    services: Endpoints, prefix: str, tmp_path: Path
) -> None:
    settings = copy_settings(prefix)
    here = await CopyInstallation.create(
        settings, bootstrap=services.kafka_bootstrap, folder=tmp_path, genesis=False
    )
    await _create_topics(here)
    await here.publish([b"v"] * 10)
    await _stops(here.member(), "MissingGenesis")
    assert await here.read(here.topics.normalised) == []


async def _create_topics(here: CopyInstallation) -> None:
    async with admin_client(here.bootstrap) as admin:
        await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.configs)
                for topic in here.topics.all()
            ]
        )


async def test_emptied_proofs_are_an_error_never_a_new_genesis(
    installation: CopyInstallation,
) -> None:
    here = installation
    await here.publish([b"v"] * 10)
    async with here.member().running():
        await here.done()
    outputs = len(await here.read(here.topics.normalised))
    await here.trim(here.topics.proofs, before=-1)
    with pytest.raises(MissingGenesis):
        await _last_proof(here)
    with pytest.raises(MissingGenesis):
        await apply_topics(here.settings, bootstrap=here.bootstrap)
    await here.publish([b"w"] * 10)
    await _stops(here.member(), "MissingGenesis")
    assert len(await here.read(here.topics.normalised)) == outputs


async def test_a_last_proof_that_is_not_what_its_chain_says_is_refused(
    installation: CopyInstallation,
) -> None:
    here = installation
    genesis = await _last_proof(here)
    await _append_proof(here, msgspec.structs.replace(genesis, next=5))  # the chain of another
    with pytest.raises(BrokenChain):
        await _last_proof(here)
    await here.publish([b"v"] * 10)
    await _stops(here.member(), "BrokenChain")
    assert await here.read(here.topics.normalised) == []


async def test_a_proof_that_does_not_follow_is_found_when_the_state_is_rebuilt(
    installation: CopyInstallation,
) -> None:
    here = installation
    genesis = await _last_proof(here)
    lost = sealed(msgspec.structs.replace(genesis, batch=1, next=5, previous=genesis.chain))
    after = sealed(msgspec.structs.replace(genesis, batch=2, first=5, next=7, previous=lost.chain))
    await _append_proof(here, after)
    assert await _last_proof(here) == after  # by itself it is whole
    await here.publish([b"v"] * 10)
    await _stops(here.member(), "BrokenChain")
    assert await here.read(here.topics.normalised) == []


async def _append_proof(here: CopyInstallation, proof: Proof) -> None:
    async with here.producing() as producer:
        await producer.send_and_wait(here.topics.proofs.name, proof_to_msgpack(proof), partition=0)


async def test_the_state_of_another_genesis_is_refused_and_left_as_it_is(
    installation: CopyInstallation,
) -> None:
    here = installation
    await here.publish([b"v"] * 10)
    async with here.member().running():
        await here.done()
    folder = here.folder / "a" / "normalise-0"
    store = StateStore(folder)
    assert store.folded is not None
    foreign = msgspec.structs.replace(store.folded, genesis_id="0" * 32)
    store.write([], foreign)
    store.close()
    await here.publish([b"w"] * 10)
    await _stops(here.member(), "WrongInstallation")
    store = StateStore(folder)
    assert store.folded == foreign
    store.close()
    assert len(await here.read(here.topics.normalised)) == 10


async def test_state_ahead_of_its_changelog_is_refused(installation: CopyInstallation) -> None:
    """A broker that lost what it had confirmed: what the state says is not in the topics."""
    here = installation
    await here.publish([b"v"] * 10)
    async with here.member().running():
        await here.done()
    store = StateStore(here.folder / "a" / "normalise-0")
    assert store.folded is not None
    ahead = msgspec.structs.replace(store.folded, next_offset=store.folded.next_offset + 2)
    store.write([], ahead)
    store.close()
    await _stops(here.member(), "BrokenChain")


async def test_proofs_of_another_cluster_are_refused(installation: CopyInstallation) -> None:
    here = installation
    await here.publish([b"v"] * 10)
    here.cluster = "of-another-broker"
    await _stops(here.member(), "BrokenChain")
    assert await here.read(here.topics.normalised) == []


async def test_a_source_trimmed_before_it_was_read_halts_the_partition(
    installation: CopyInstallation,
) -> None:
    here = installation
    await here.publish([b"v"] * 10)
    await here.trim(here.topics.raw, before=5)
    await _stops(here.member(), "Halted")
    assert await here.read(here.topics.normalised) == []


async def test_more_broken_records_than_allowed_in_an_hour_halt_the_partition(
    services: Endpoints, prefix: str, tmp_path: Path
) -> None:
    here = await CopyInstallation.create(
        copy_settings(prefix, internal_errors_per_hour=1),
        bootstrap=services.kafka_bootstrap,
        folder=tmp_path,
    )
    await here.publish([b"v", b"boom", b"v", b"boom", b"v"])
    await _stops(here.member(), "Halted")
    assert len(await here.read(here.topics.suspense)) == 1
    assert len(await here.read(here.topics.normalised)) == 2
    # A version that has the cure goes on where it stood.
    async with here.member(step=_CuredStep()).running():
        await here.done()
    assert len(await here.read(here.topics.normalised)) == 4


class _CuredStep(CopyStep):
    boom = b""  # no record of the test


async def test_topics_are_applied_once_and_never_with_another_count(
    services: Endpoints, prefix: str
) -> None:
    settings = copy_settings(prefix, raw_partitions=2, rating_partitions=3)
    first = await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    again = await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    assert (len(first.created), first.genesis_partitions) == (7, 2 + 3)
    assert (again.created, again.genesis_partitions) == ((), 0)
    assert (again.genesis_id, again.cluster_id) == (first.genesis_id, first.cluster_id)
    more = copy_settings(prefix, raw_partitions=2, rating_partitions=4)
    with pytest.raises(SettingsError, match=r"has 3 partitions, the settings say 4"):
        await apply_topics(more, bootstrap=services.kafka_bootstrap)


async def test_topics_applied_by_several_at_once_get_one_genesis(
    services: Endpoints, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = copy_settings(prefix)
    look, looked = genesis._look, asyncio.Barrier(2)
    first = {0, 1}

    async def look_together(*args: Any) -> Any:
        found = await look(*args)
        if first:
            first.pop()
            await looked.wait()  # both have found nothing, and both set out to write it
        return found

    monkeypatch.setattr(genesis, "_look", look_together)
    await asyncio.gather(
        *(apply_topics(settings, bootstrap=services.kafka_bootstrap) for _ in range(2)),
        return_exceptions=True,  # the one that was fenced in the middle says so
    )
    here = await CopyInstallation.create(
        settings, bootstrap=services.kafka_bootstrap, folder=tmp_path
    )
    assert [len(await here.read(topic)) for topic in (here.topics.proofs, here.topics.ledger)] == [
        1,
        1,
    ]


async def test_a_worker_does_not_start_on_topics_that_are_not_as_declared(
    services: Endpoints, prefix: str, tmp_path: Path
) -> None:
    """A key would go to another partition than before, or the broker would delete what is new."""
    bootstrap = services.kafka_bootstrap
    settings = copy_settings(prefix, rating_partitions=2)
    with pytest.raises(SettingsError, match=r"topics apply"):
        await checked_cluster_id(settings, bootstrap=bootstrap)
    here = await CopyInstallation.create(settings, bootstrap=bootstrap, folder=tmp_path)
    assert await checked_cluster_id(settings, bootstrap=bootstrap) == here.cluster
    other = copy_settings(prefix, rating_partitions=3)
    with pytest.raises(SettingsError, match=r"has 2 partitions, the settings say 3"):
        await checked_cluster_id(other, bootstrap=bootstrap)
    await here.configure(here.topics.raw, retention_ms="604800000")
    for check in (checked_cluster_id, apply_topics):
        with pytest.raises(SettingsError, match=r"usage\.raw\.v1 has retention\.ms=604800000"):
            await check(settings, bootstrap=bootstrap)


async def test_a_recreated_topic_gets_no_genesis_beside_the_old_ones(
    installation: CopyInstallation,
) -> None:
    here = installation
    await _recreate(here, here.topics.ledger)
    with pytest.raises(WrongInstallation, match="Operator action"):
        await apply_topics(here.settings, bootstrap=here.bootstrap)


async def _recreate(here: CopyInstallation, topic: Topic) -> None:
    async with admin_client(here.bootstrap) as admin:
        await admin.delete_topics([topic.name])
