"""The RocksDB states that the last owners left, against the fold of the changelogs."""

from __future__ import annotations

from pathlib import Path

from counters.state import changes_of
from mediation.changes import state_changes, unpack
from pipeline.state import StateLocked, StateStore
from pipeline.topics import topics_of
from schemas.proof import proof_from_msgpack
from tests.chaos.verifier.verdict import Verdict
from tests.integration.live_installation import LiveInstallation


async def compare_states(here: LiveInstallation, verdict: Verdict) -> None:
    """Note every state at the end of its changelog that is not the fold of it; one must be there."""
    topics = topics_of(here.settings)
    for topic, stage, fold in (
        (topics.proofs, "normalise", _proof_changes),
        (topics.ledger, "rate", changes_of),
    ):
        changelog = await here.read(topic)
        for number in range(topic.partitions):
            records = [changelog[place] for place in sorted(changelog) if place[0] == number]
            folded = dict(change for record in records for change in fold(record.value))
            expected = {key: value for key, value in folded.items() if value is not None}
            found = [
                state
                for folder in here.settings.state_folder().glob(f"slot-*/{stage}-{number}/")
                for state in _states_at(folder, records[-1].offset + 1)
            ]
            verdict.compared["state keys"] += len(expected)
            if not found:
                verdict.wrong_is(f"nobody's state of {stage} {number} is at the end")
            if any(state != expected for state in found):
                verdict.wrong_is(f"the state of {stage} {number} is not the fold of its changelog")


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
