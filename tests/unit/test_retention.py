"""The plan of retention: the narrowest bound decides, and it says why."""

import dataclasses
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from pipeline.retention import plan
from pipeline.retention_facts import Facts, StagePosition
from pipeline.settings import Settings
from pipeline.snapshot_files import Manifest, Snapshot
from pipeline.state import FORMAT, Folded
from pipeline.topics import topics_of
from schemas.proof import NORMALISE, RATE, Proof
from sinks.progress import Progress

TOPICS = topics_of(Settings(installation="i", raw_partitions=1, rating_partitions=1))
RAW, NORMALISED, LEDGER, SUSPENSE, PROOFS = (
    TopicPartition(topic.name, 0)
    for topic in (TOPICS.raw, TOPICS.normalised, TOPICS.ledger, TOPICS.suspense, TOPICS.proofs)
)
ALL = (RAW, NORMALISED, LEDGER, SUSPENSE, PROOFS)


def position(stage, *, next_source, snapshot=None):
    """Where a stage stands; ``snapshot`` is (source position, changelog position) of the older."""
    last = Proof(
        stage=stage,
        installation="i",
        genesis_id="g",
        cluster_id="c",
        source_topic="s",
        source_partition=0,
        batch=9,
        first=0,
        next=next_source,
    )
    if snapshot is None:
        return StagePosition(stage, last, None, f"0 of 2 snapshots of {stage} 0")
    source_next, next_offset = snapshot
    manifest = Manifest(
        format=1,
        installation="i",
        stage=stage,
        partition=0,
        folded=Folded(FORMAT, "c", "g", next_offset, "0" * 32),
        batch=5,
        source_next=source_next,
        taken_at_ms=0,
        keys=1,
        digest="",
        files={},
    )
    return StagePosition(stage, last, Snapshot(Path("snapshot"), manifest))


def facts(**changed):
    """Everything at 1,000 offsets; both snapshots and load some way behind."""
    usual = Facts(
        begins=dict.fromkeys(ALL, 0),
        ends=dict.fromkeys(ALL, 1_000),
        stages={
            (NORMALISE, 0): position(NORMALISE, next_source=900, snapshot=(500, 401)),
            (RATE, 0): position(RATE, next_source=800, snapshot=(300, 601)),
        },
        progress={
            place: Progress("i", place.topic, 0, "g", 701, 7, "", 0)
            for place in (LEDGER, SUSPENSE, PROOFS)
        },
    )
    return dataclasses.replace(usual, **changed)


def planned(given):
    return {one.topic: one for one in plan(TOPICS, given)}


def test_each_topic_is_trimmed_behind_what_needs_it():
    found = {topic: one.trim_to for topic, one in planned(facts()).items()}
    assert found == {
        RAW.topic: 900,  # the proof of normalise
        NORMALISED.topic: 300,  # rate's older snapshot, before its proof
        LEDGER.topic: 600,  # rate's older snapshot; its last proof stays
        SUSPENSE.topic: 701,  # load
        PROOFS.topic: 400,  # normalise's older snapshot; its last proof stays
    }


@pytest.mark.parametrize("place", [NORMALISED, LEDGER, PROOFS])
def test_without_two_snapshots_nothing_goes(place):
    without = facts(
        stages={
            (NORMALISE, 0): position(NORMALISE, next_source=900),
            (RATE, 0): position(RATE, next_source=800),
        }
    )
    found = planned(without)[place.topic]
    assert (found.trim_to, found.offsets) == (0, 0)
    assert found.why.startswith("0 of 2 snapshots")
    assert "let the workers run" in found.action


@pytest.mark.parametrize("place", [LEDGER, PROOFS])
def test_load_that_is_behind_holds_back(place):
    rows = facts().progress | {place: Progress("i", place.topic, 0, "g", 101, 1, "", 0)}
    found = planned(facts(progress=rows))[place.topic]
    assert (found.trim_to, found.why) == (100, "load has read up to here")
    assert found.action == "let load catch up"


@pytest.mark.parametrize("place", [LEDGER, SUSPENSE, PROOFS])
def test_without_a_position_of_load_nothing_goes(place):
    rows = {key: row for key, row in facts().progress.items() if key != place}
    found = planned(facts(progress=rows))[place.topic]
    assert (found.trim_to, found.action) == (0, "run `ratemill topics apply`")


def test_suspense_that_no_snapshot_covers_stays():
    found = planned(facts(uncovered_suspense={SUSPENSE: (250, RATE)}))[SUSPENSE.topic]
    assert (found.trim_to, found.action) == (250, "")
    assert RATE in found.why


def test_a_changelog_whose_proof_is_another_is_left_alone():
    found = planned(facts(not_anchored={LEDGER: "load stands at offset 5"}))
    assert found[LEDGER.topic].trim_to == 0
    assert "verify" in found[LEDGER.topic].action
    assert found[PROOFS.topic].trim_to == 400


def test_what_is_younger_stays_in_every_topic():
    found = planned(facts(young=dict.fromkeys(ALL, 50)))
    assert {one.trim_to for one in found.values()} == {50}


def test_a_reader_of_the_ledger_holds_the_ledger_back():
    readers = {"one": {LEDGER: 80}, "two": {LEDGER: 70}}
    found = planned(facts(groups=readers))
    assert (found[LEDGER.topic].trim_to, found[PROOFS.topic].trim_to) == (70, 400)
    assert planned(facts(groups={"three": {}}))[LEDGER.topic].trim_to == 0


def test_a_topic_that_begins_later_is_never_trimmed_back():
    found = planned(facts(begins=dict.fromkeys(ALL, 650)))
    assert (found[LEDGER.topic].trim_to, found[LEDGER.topic].offsets) == (650, 0)
    assert found[RAW.topic].offsets == 250
