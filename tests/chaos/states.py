"""The RocksDB states that the last owners left, against the fold of the changelogs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from aiokafka import TopicPartition

from counters.state import changes_of
from mediation.changes import state_changes, unpack
from pipeline.kafka import reading
from pipeline.proofs import end_of
from pipeline.state import StateLocked, StateStore
from pipeline.topics import topics_of
from schemas.flow import StateChange
from schemas.proof import proof_from_msgpack
from tests.chaos.verifier.verdict import Verdict
from tests.integration.live_installation import LiveInstallation

Fold = Callable[[bytes], Iterable[StateChange]]


async def compare_states(here: LiveInstallation, verdict: Verdict) -> None:
    """Note every state at the end of its changelog that is not the fold of it; one must be there."""
    topics = topics_of(here.settings)
    for topic, stage, fold in (
        (topics.proofs, "normalise", _proof_changes),
        (topics.ledger, "rate", changes_of),
    ):
        for number in range(topic.partitions):
            expected, end = await _folded(here, TopicPartition(topic.name, number), fold)
            found = [
                state
                for folder in here.settings.state_folder().glob(f"slot-*/{stage}-{number}/")
                for state in _states_at(folder, end)
            ]
            verdict.compared["state keys"] += len(expected)
            if not found:
                verdict.wrong_is(f"nobody's state of {stage} {number} is at the end")
            if any(state != expected for state in found):
                verdict.wrong_is(f"the state of {stage} {number} is not the fold of its changelog")


async def _folded(
    here: LiveInstallation, place: TopicPartition, fold: Fold
) -> tuple[dict[bytes, bytes], int]:
    """Return what a changelog comes to, and the offset behind its last record."""
    state: dict[bytes, bytes] = {}
    next_offset = 0
    async with reading(here.endpoints.kafka_bootstrap, place, client_id="chaos") as consumer:
        end = await end_of(consumer, place)
        consumer.seek(place, 0)
        while await consumer.position(place) < end:
            for record in (await consumer.getmany(place, timeout_ms=200)).get(place, ()):
                next_offset = record.offset + 1
                for key, value in fold(record.value):
                    if value is None:
                        state.pop(key, None)
                    else:
                        state[key] = value
    return state, next_offset


def _proof_changes(value: bytes):
    proof = proof_from_msgpack(value)
    return state_changes(unpack(proof.changes), batch=proof.batch)


def _states_at(folder: Path, next_offset: int):
    try:
        store = StateStore(folder)
    except StateLocked:
        return
    try:
        if store.folded is not None and store.folded.next_offset == next_offset:
            yield dict(store.items())
    finally:
        store.close()
