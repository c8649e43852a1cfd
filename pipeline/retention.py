"""How far each topic may be trimmed, what holds it back, and the trimming itself.

| topic | is trimmed behind |
|---|---|
| raw usage | the last proof of normalise; what was refused keeps its bytes in suspense |
| normalised | the last proof of rate, and rate's snapshots |
| ledger | the load, and rate's snapshots; a proof stays as its first record |
| proofs of normalise | the load, and normalise's snapshots; a proof stays as its first record |
| suspense | the load, and the snapshots of the stage that refused a record |

Behind the snapshots means: behind the older one of the two newest, so that either of them and what
is left of the topic make the state. Reference data and catalogue are never trimmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError

from pipeline.errors import BrokerUnavailable
from pipeline.kafka import admin_client
from pipeline.retention_facts import Facts, StagePosition
from pipeline.topics import Topics
from schemas.proof import NORMALISE, RATE
from sinks.progress import Progress


@dataclass(frozen=True, slots=True)
class Bound:
    """The offset that a partition may be trimmed to, as far as one thing is concerned."""

    position: int
    why: str
    action: str = ""  # what an operator can do about it; empty: nothing needs to be done


class PartitionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of one partition."""

    topic: str
    partition: int
    begins: int  # its first offset now
    ends: int
    trim_to: int  # its first offset then; as it begins where nothing may go
    why: str  # not further
    action: str = ""

    @property
    def offsets(self) -> int:
        """Return how many offsets go; markers and what was aborted count as offsets."""
        return self.trim_to - self.begins


def plan(topics: Topics, facts: Facts) -> list[PartitionPlan]:
    """Return how far every partition may be trimmed; never further than any one bound."""
    plans = []
    for topic, bounds_of in (
        (topics.raw, _raw),
        (topics.normalised, _normalised),
        (topics.ledger, _ledger),
        (topics.suspense, _suspense),
        (topics.proofs, _proofs),
    ):
        for number in range(topic.partitions):
            place = TopicPartition(topic.name, number)
            bounds = [*bounds_of(place, facts), *_asked_for(place, facts)]
            begins = facts.begins[place]
            # Of several that stop at the same offset, one that somebody can do something about.
            narrowest = min(
                bounds, key=lambda bound: (max(begins, bound.position), not bound.action)
            )
            plans.append(
                PartitionPlan(
                    topic=topic.name,
                    partition=number,
                    begins=begins,
                    ends=facts.ends[place],
                    trim_to=max(begins, narrowest.position),
                    why=narrowest.why,
                    action=narrowest.action,
                )
            )
    return plans


async def trim(bootstrap: str, plans: Sequence[PartitionPlan]) -> None:
    """Have the broker delete what the plans say; nothing beyond, and nothing twice."""
    deletions = {
        TopicPartition(one.topic, one.partition): RecordsToDelete(one.trim_to)
        for one in plans
        if one.offsets > 0
    }
    if not deletions:
        return
    async with admin_client(bootstrap) as admin:
        try:
            await admin.delete_records(deletions)
        except (TimeoutError, KafkaError) as error:
            raise BrokerUnavailable(
                f"The broker did not delete all records ({error!r}); what it did delete was "
                "allowed to go. Operator action: check its permissions (DELETE on the topics of the "
                "installation), then run the same command again."
            ) from error


def _raw(place: TopicPartition, facts: Facts) -> list[Bound]:
    position = facts.stages[NORMALISE, place.partition]
    return [Bound(position.last.next, "normalise has read up to here")]


def _normalised(place: TopicPartition, facts: Facts) -> list[Bound]:
    position = facts.stages[RATE, place.partition]
    bounds = [Bound(position.last.next, "rate has read up to here")]
    snapshot = position.snapshot
    if snapshot is None:
        return [*bounds, _no_snapshot(place, facts, position)]
    return [*bounds, Bound(snapshot.manifest.source_next, f"the older snapshot of rate {_READ}")]


def _ledger(place: TopicPartition, facts: Facts) -> list[Bound]:
    bounds = _changelog(place, facts, facts.stages[RATE, place.partition])
    for group, committed in facts.groups.items():
        position = committed.get(place)
        bounds.append(
            Bound(
                facts.begins[place] if position is None else position,
                f"the group {group} has "
                + ("no offset committed" if position is None else "committed up to here"),
                f"let the reader of {group} catch up; if there is none of that name, correct it",
            )
        )
    return bounds


def _proofs(place: TopicPartition, facts: Facts) -> list[Bound]:
    return _changelog(place, facts, facts.stages[NORMALISE, place.partition])


def _suspense(place: TopicPartition, facts: Facts) -> list[Bound]:
    row = facts.progress.get(place)
    if row is None:
        return [_not_registered(place, facts)]
    bounds = [Bound(row.next_position, "load has read up to here", _load_action(place, facts, row))]
    uncovered = facts.uncovered_suspense.get(place)
    if uncovered is not None:
        offset, stage = uncovered
        if facts.stages[stage, place.partition].snapshot is None:
            why = f"refused by {stage}, which has no two snapshots yet"
            bounds.append(Bound(offset, why, _SNAPSHOT_ACTION))
        else:
            bounds.append(Bound(offset, f"refused by {stage} after its older snapshot was taken"))
    return bounds


def _changelog(place: TopicPartition, facts: Facts, position: StagePosition) -> list[Bound]:
    """Return the bounds of a topic that a state is a fold of: the proof before each is kept."""
    row = facts.progress.get(place)
    if row is None:
        return [_not_registered(place, facts)]
    action = _load_action(place, facts, row)
    bounds = [Bound(row.next_position - 1, "load has read up to here", action)]
    if position.snapshot is None:
        bounds.append(_no_snapshot(place, facts, position))
    else:
        why = f"the older snapshot of {position.stage} {_READ}"
        bounds.append(Bound(position.snapshot.next_offset - 1, why))
    wrong = facts.not_anchored.get(place)
    if wrong is not None:
        bounds.append(Bound(facts.begins[place], wrong, "run `ratemill verify`; trim nothing"))
    return bounds


def _asked_for(place: TopicPartition, facts: Facts) -> list[Bound]:
    position = facts.young.get(place)
    return [] if position is None else [Bound(position, "what is younger is kept, as asked for")]


_READ = "stands here; a newer one moves it on"
_SNAPSHOT_ACTION = (
    "let the workers run: a snapshot comes with the next usage of this partition, after "
    "RATEMILL_SNAPSHOT_CHANGES changes or RATEMILL_SNAPSHOT_INTERVAL_MS; give this command the "
    "RATEMILL_SNAPSHOTS of the workers"
)


def _no_snapshot(place: TopicPartition, facts: Facts, position: StagePosition) -> Bound:
    return Bound(facts.begins[place], position.no_snapshot, _SNAPSHOT_ACTION)


def _not_registered(place: TopicPartition, facts: Facts) -> Bound:
    return Bound(facts.begins[place], "load has no position here", "run `ratemill topics apply`")


def _load_action(place: TopicPartition, facts: Facts, row: Progress) -> str:
    return "" if row.next_position >= facts.ends[place] - 1 else "let load catch up"
