"""One run: an installation under load, hurt as its seed says, and what it came to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from counters.state import changes_of
from mediation.changes import state_changes, unpack
from pipeline.errors import RatemillError
from pipeline.topics import partition_of
from schemas.proof import proof_from_msgpack
from tests.simulation import loop
from tests.simulation.broker import Log, Stored
from tests.simulation.installation import Installation, in_memory, settings_of
from tests.simulation.operator import Operator, expect_sent_back
from tests.simulation.process import Process
from tests.simulation.schedule import Schedule
from tests.simulation.tables import Tables
from tests.simulation.verifier import (
    NotExact,
    Place,
    Rating,
    check_normalised,
    check_proofs,
    check_suspense,
    committed,
    expected_of,
)
from tests.simulation.workload import SECOND_TIERS, Item, usage
from tests.simulation.world import World

_RECORDS = 90
_FEED_S = 14.0
_WITHIN_S = 200.0  # of made-up time: more than any stop, session and back-off together
_WORKERS = ({"normalise": 1, "rate": 1, "load": 1}, {"normalise": 2, "rate": 2, "load": 1},
            {"normalise": 2, "rate": 3, "load": 2})  # fmt: skip

_FOUND = (NotExact, TimeoutError, AssertionError, loop.Stuck)


def _first_of(error: BaseException) -> BaseException:
    """Return what one of several tasks ended with; an error of no group is itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@dataclass(frozen=True)
class Outcome:
    """What a run came to. ``digest`` is of all that happened, equal in every run of the seed."""

    seed: int
    faults: tuple[str, ...]  # as drawn
    bitten: Counter[str]  # faults that took place, by kind and point
    deaths: int
    torn: int  # transactions that were open when their owner died or was fenced
    restored: int
    limits: int
    virtual_s: float
    digest: str
    said: tuple[str, ...]
    wrong: str | None  # why the run is not exact


def simulate(seed: int, *, folder: Path | None = None) -> Outcome:
    """Return the outcome of a seed; the same one each time."""
    home = Path(tempfile.mkdtemp(prefix="ratemill-simulation-", dir=folder))
    try:
        return loop.run(_Run(seed, home).outcome())
    finally:
        shutil.rmtree(home)


class _Run:
    def __init__(self, seed: int, folder: Path) -> None:
        self.schedule = Schedule(seed)
        self.draw = random.Random(f"workload {seed}")
        self.settings = settings_of(folder, batch_records=self.draw.choice((3, 12, 200)))
        installation_partitions = {
            f"sim.{name}": 2
            for name in (
                "usage.raw.v1",
                "usage.normalised.v1",
                "usage.rated.v1",
                "usage.suspense.v1",
                "normalise.proofs.v1",
            )
        }
        tables = Tables(self.schedule.fate_of_load)
        self.world = World(self.schedule, tables, partitions=installation_partitions)
        self.installation = Installation(self.world, self.settings, self.schedule)
        self.raw: dict[int, list[tuple[int, Sequence[Item]]]] = {0: [], 1: []}
        self.versions: dict[int, Fraction] = {}
        self.operator = Operator(self.installation, seed)
        self.fed = asyncio.Event()
        self.refused_by_rate: set[tuple[int, int]] = set()  # in the normalised topic

    async def outcome(self) -> Outcome:
        wrong: str | None = None
        limits = 0
        with self.world as world, in_memory(world):
            # A context of its own: what the processes set is not seen here, nor the other way.
            try:
                limits = await self._all()
            except (*_FOUND, ExceptionGroup) as error:
                found = _first_of(error)
                if not isinstance(found, _FOUND):
                    raise
                wrong = f"{type(found).__name__}: {found}"
                world.say(f"WRONG: {wrong}")
            if wrong is None and world.surprises:
                wrong = world.surprises[0]
            virtual_s = asyncio.get_running_loop().time()
        return Outcome(
            seed=self.schedule.seed,
            faults=tuple(str(fault) for fault in self.schedule.faults),
            bitten=self.schedule.bitten,
            deaths=self.installation.deaths,
            torn=world.broker.torn,
            restored=self.schedule.passes["fold.after"],
            limits=limits,
            virtual_s=virtual_s,
            digest=hashlib.sha256("\n".join(world.said).encode()).hexdigest()[:16],
            said=tuple(world.said),
            wrong=wrong,
        )

    async def _all(self) -> int:
        schedule, installation = self.schedule, self.installation
        Process("operator", schedule, spared=True).enter()
        self.versions[await installation.create()] = Fraction(SECOND_TIERS[0])
        workers = self.draw.choice(_WORKERS)
        async with installation.working(workers):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._feed())
                tasks.create_task(self._look_after_suspense())
                for outage in schedule.outages:
                    tasks.create_task(self._outage(outage.what, outage.at_s, outage.for_s))
            schedule.calm = True
            await self._until_through()
        return self._verify()

    async def _feed(self) -> None:
        again = self.draw.random() < 0.4
        partitions = self.settings.raw_partitions
        topic = self.installation.topics.raw.name
        for number, sent in enumerate(usage(self.draw, records=_RECORDS)):
            partition = partition_of(sent.record.key, partitions)
            record = sent.record
            offset = self.world.broker.append_plain(
                TopicPartition(topic, partition), record.key, record.value, record.headers
            )
            self.raw[partition].append((offset, sent.items))
            if again and number == _RECORDS // 2:
                await self._publish_second_catalogue()
            await asyncio.sleep(self.draw.expovariate(_RECORDS / _FEED_S))
        self.fed.set()

    async def _look_after_suspense(self) -> None:
        await self.operator.while_fed(self.fed)
        await self.operator.until_nothing_waits(self._behind, _WITHIN_S)

    async def _publish_second_catalogue(self) -> None:
        while True:
            try:
                version = await self.installation.publish_catalogue(1)
            except (RatemillError, KafkaError):
                continue  # the broker is away: an operator runs the command again
            self.versions[version] = Fraction(SECOND_TIERS[1])
            return

    async def _until_through(self) -> None:
        end_s = asyncio.get_running_loop().time() + _WITHIN_S
        while (behind := self._behind()) is not None:
            if asyncio.get_running_loop().time() > end_s:
                raise NotExact(f"stayed behind: {behind}")
            await asyncio.sleep(0.5)

    async def _outage(self, what: str, at_s: float, for_s: float) -> None:
        await asyncio.sleep(at_s)
        answering = self.world.broker.answering
        if what == "postgres":
            answering = self.world.tables.answering
        answering.clear()
        self.schedule.bitten[f"{what} away"] += 1
        self.world.say(f"{what} away for {for_s:.1f} s")
        await asyncio.sleep(for_s)
        answering.set()

    def _log(self, topic: str, partition: int) -> Log:
        return self.world.broker.log(TopicPartition(topic, partition))

    def _logs(self, topic: str) -> list[Log]:
        return [self._log(topic, number) for number in range(self.world.partitions[topic])]

    def _behind(self) -> str | None:
        """Return what is not through yet, or None."""
        topics, progress = self.installation.topics, self.world.tables.progress
        for topic in (topics.proofs, topics.normalised, topics.ledger, topics.suspense):
            for log in self._logs(topic.name):
                if log.open:
                    return f"open: {log.place}"
        for topic, source, decode in (
            (topics.proofs, topics.raw, _normalise_proof),
            (topics.ledger, topics.normalised, _rate_proof),
        ):
            for log in self._logs(topic.name):
                records = committed_so_far(self._log(source.name, log.place.partition))
                newest_first = reversed(committed_so_far(log))
                last = next(p for s in newest_first if (p := decode(s.value or b"")))
                if records and last["next"] <= records[-1].offset:
                    return f"{source.name}/{log.place.partition} at {last['next']}"
        for topic in (topics.ledger, topics.suspense, topics.proofs):
            for log in self._logs(topic.name):
                records = committed_so_far(log)
                row = progress[topic.name, log.place.partition]
                if records and row.next_position <= records[-1].offset:
                    return f"load of {log.place} at {row.next_position}"
        return self._stale_state()

    def _stale_state(self) -> str | None:
        """Return a partition whose owner has not folded it to its end, or None. A commit whose answer
        was lost is in the topics before anybody's state has it."""
        for topic, stage in ((self.installation.topics.proofs, "normalise"),
                             (self.installation.topics.ledger, "rate")):  # fmt: skip
            for log in self._logs(topic.name):
                records = committed_so_far(log)
                ends = [_meta(d)["next_offset"] for d in self._databases(_state_of(stage, log))]
                if records and records[-1].offset and records[-1].offset + 1 not in ends:
                    return f"state of {log.place} at {ends}"
        return None

    def _verify(self) -> int:
        topics, tables = self.installation.topics, self.world.tables
        expected = expected_of(self.raw)
        settled = expect_sent_back(expected, self.operator.sent, self._suspended(), self._truth())
        _same("settled", tables.outcomes, settled)
        order = check_normalised(self._logs(topics.normalised.name), expected)
        suspense = check_suspense(self._logs(topics.suspense.name), expected)
        limits = 0
        for log in self._logs(topics.ledger.name):
            rating = Rating(lambda version: self.versions[version])
            number = log.place.partition
            rated = [
                (offset, place)
                for offset, place in order[number]
                if (number, offset) not in self.refused_by_rate
            ]
            limits += rating.check(rated, expected.normalised, log)
        for proofs, source, decode in (
            (topics.proofs, topics.raw, _normalise_proof),
            (topics.ledger, topics.normalised, _rate_proof),
        ):
            for log in self._logs(proofs.name):
                records = committed(self._log(source.name, log.place.partition))
                end = records[-1].offset + 1 if records else 0
                check_proofs(log, decode, source_end=end)
        ledger = [
            json.loads(stored.value or b"")
            for log in self._logs(topics.ledger.name)
            for stored in committed(log)
        ]
        charges = [each["charge_id"] for each in ledger if each["kind"] == "usage"]
        reached = {
            each["limit_reached_id"]: each["crossing_charge_id"]
            for each in ledger
            if each["kind"] == "limit_reached"
        }
        _same("rows", Counter(tables.rated), Counter(charges))
        amounts = {e["charge_id"]: e["amount"].encode() for e in ledger if e["kind"] == "usage"}
        _same("amounts", {key: value[0] for key, value in tables.charges.items()}, amounts)
        _same("invoice requests", tables.requests, reached)
        _same(
            "suspense", set(tables.suspense), {i for i, c in suspense.items() if c == "suspended"}
        )
        _same(
            "copies", set(tables.duplicates), {i for i, c in suspense.items() if c == "duplicate"}
        )
        self._verify_states()
        return limits

    def _suspended(self) -> dict[str, tuple[str, Place]]:
        """Return stage and place of the records that the suspense topic holds, by their ids; of those that
        rate refused, the place of the raw item."""
        found = {}
        for log in self._logs(self.installation.topics.suspense.name):
            for stored in committed(log):
                said = msgspec.msgpack.decode(stored.value or b"")
                place = (said["partition"], said["offset"], said["index"])
                if said["stage"] == "rate":
                    self.refused_by_rate.add(place[:2])
                    place = tuple(msgspec.msgpack.decode(said["raw"])[20][:3])
                found[said["suspense_id"]] = said["stage"], place
        return found

    def _truth(self) -> dict[Place, Item]:
        return {
            (partition, offset, index): item
            for partition, records in self.raw.items()
            for offset, items in records
            for index, item in enumerate(items)
        }

    def _verify_states(self) -> None:
        """The RocksDB of whoever owns a partition must be the fold of its changelog."""
        topics = self.installation.topics
        for topic, stage, fold in (
            (topics.proofs, "normalise", _proof_changes),
            (topics.ledger, "rate", changes_of),
        ):
            for log in self._logs(topic.name):
                state: dict[bytes, bytes | None] = {}
                records = committed(log)
                for stored in records:
                    state.update(fold(stored.value or b""))
                want = {key: value for key, value in state.items() if value is not None}
                databases = self._databases(_state_of(stage, log))
                ends = [_meta(data)["next_offset"] for data in databases]
                if not records or records[-1].offset == 0:
                    continue
                newest = [
                    {k: v for k, v in data.items() if k != b"\x00meta"}
                    for data, end in zip(databases, ends, strict=True)
                    if end == records[-1].offset + 1
                ]
                if not newest:
                    raise NotExact(f"{log.place}: no state is folded to the end: {ends}")
                for found in newest:
                    _same(f"state of {stage} {log.place.partition}", found, want)

    def _databases(self, name: str) -> list[Mapping[bytes, bytes]]:
        disk = self.world.disk
        marks = sorted(self.settings.state_folder().glob(f"slot-*/{name}*/CURRENT"))
        found = [disk.database(mark.parent).data for mark in marks]
        return [data for data in found if b"\x00meta" in data]


def _state_of(stage: str, log: Log) -> str:
    return f"{stage}-{log.place.partition}"


def committed_so_far(log: Log) -> list[Stored]:
    """Return what a reader of committed records sees now."""
    return [
        stored
        for stored in log.records[: log.last_stable - log.begin]
        if stored.committed and not stored.is_marker
    ]


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise NotExact(f"{what}: found {str(found)[:200]}, expected {str(expected)[:200]}")


def _meta(data: Mapping[bytes, bytes]) -> dict[str, object]:
    return msgspec.msgpack.decode(data[b"\x00meta"])


def _normalise_proof(value: bytes) -> Mapping[str, object] | None:
    return msgspec.msgpack.decode(value)


def _rate_proof(value: bytes) -> Mapping[str, object] | None:
    record = json.loads(value)
    return record if record["kind"] == "proof" else None


def _proof_changes(value: bytes) -> object:
    proof = proof_from_msgpack(value)
    return state_changes(unpack(proof.changes), batch=proof.batch)
