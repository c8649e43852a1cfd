"""Somebody who looks after suspense: sends records back and gives them up, some of it more than once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from mediation.recycling import Back, back, settling_key
from pipeline.errors import RatemillError
from pipeline.topics import partition_of
from schemas import raw
from schemas.flow import Headers
from schemas.suspense import Suspended
from tests.recycling_world import waiting_of
from tests.simulation.installation import Installation
from tests.simulation.verifier import Expected, NotExact, Place
from tests.simulation.workload import LATER, Item

_LOOK_S = 0.7
# Refused by normalise, or by a rate that has heard of the subscriber later than it.
_UNKNOWN = ("mediation.unknown_subscriber", "rating.unknown_subscription")
RECYCLED, WRITTEN_OFF = "recycled", "written_off"


class SentBack(NamedTuple):
    """A raw record of the operator's, and what it means."""

    partition: int
    offset: int
    suspense_id: str
    what: str  # `RECYCLED` or `WRITTEN_OFF`


class Operator:
    """Decides about each record once; what was decided is published once or twice."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self._installation = installation
        self._draw = random.Random(f"operator {seed}")
        self._records: list[tuple[str, str, bytes, bytes, Headers]] = []
        self._decided: set[str] = set()
        self.sent: list[SentBack] = []

    async def while_fed(self, feeding: asyncio.Event) -> None:
        """Try what waits, in vain as long as nobody knows the subscriber; give some of it up."""
        while not feeding.is_set():
            await asyncio.sleep(self._draw.expovariate(1 / _LOOK_S))
            waiting = self._waiting()
            if waiting:
                record = self._draw.choice(waiting)
                self._decide(record, WRITTEN_OFF if self._draw.random() < 0.3 else RECYCLED)

    async def until_nothing_waits(self, behind: Callable[[], str | None], within_s: float) -> None:
        """Load the subscriber, and send back what waits for it until nothing does."""
        end_s = asyncio.get_running_loop().time() + within_s
        while behind() is not None:  # whoever is known then was not when all of this arrived
            if asyncio.get_running_loop().time() > end_s:
                raise NotExact(f"stayed behind: {behind()}")
            await asyncio.sleep(_LOOK_S)
        await self._load()
        while True:
            unknown = [record for record in self._waiting() if record.reason in _UNKNOWN]
            for record in unknown:
                self._decide(record, RECYCLED)
            if not unknown and behind() is None:
                return
            if asyncio.get_running_loop().time() > end_s:
                raise NotExact(f"suspense stayed behind: {behind()}")
            await asyncio.sleep(_LOOK_S)

    async def _load(self) -> None:
        while True:
            try:
                await self._installation.publish_accounts(later=True)
            except (RatemillError, KafkaError):
                continue  # the broker is away: an operator runs the command again
            return

    def _waiting(self) -> list[Suspended]:
        """Return the rows that can come back, and about which nothing was decided."""
        rows = self._installation.world.tables.suspense.values()
        return [
            row
            for row in rows
            if row.suspense_id not in self._decided and isinstance(self._back(row), Back)
        ]

    def _partition_of(self, key: bytes) -> int:
        return partition_of(key, self._installation.settings.raw_partitions)

    def _back(self, record: Suspended) -> object:
        return back(waiting_of(record), raw_partition_of=self._partition_of)

    def _decide(self, record: Suspended, what: str) -> None:
        self._decided.add(record.suspense_id)
        waiting = waiting_of(record)
        if what == RECYCLED:
            found = self._back(record)
            assert isinstance(found, Back)
            made = (found.key.encode(), found.value, found.headers)
        else:
            key = settling_key(waiting, self._partition_of).encode()
            command = raw.WriteOffCommand(waiting.tenant, waiting.suspense_id, waiting.identity)
            headers = (
                (raw.RECORD, raw.RECORD_COMMAND),
                (raw.COMMAND_ID, record.suspense_id.encode()),
            )
            made = (key, raw.command_to_json(command), headers)
        self._records.append((record.suspense_id, what, *made))
        self._publish(self._records[-1])
        if self._draw.random() < 0.4:  # a relay that died before it could note it
            self._publish(self._draw.choice(self._records))

    def _publish(self, sent: tuple[str, str, bytes, bytes, Headers]) -> None:
        suspense_id, what, key, value, headers = sent
        partition = self._partition_of(key)
        topic = self._installation.topics.raw.name
        place = TopicPartition(topic, partition)
        offset = self._installation.world.broker.append_plain(place, key, value, headers)
        self.sent.append(SentBack(partition, offset, suspense_id, what))


def expect_sent_back(
    expected: Expected,
    sent: list[SentBack],
    places: dict[str, tuple[str, Place]],
    truth: dict[Place, Item],
) -> dict[str, str]:
    """Add what becomes of what was sent to what is expected; return what was settled, and as what.

    ``places``: of each record in suspense, by its id; of those that rate refused, of the first copy. What
    waited for the subscriber passed at the last try, unless it was given up; what is broken never did.
    """
    settled: dict[str, str] = {}
    first_of: dict[Place, Place] = {}  # of a try, the first copy
    tries: dict[Place, list[Place]] = {}
    given_up: set[Place] = set()
    for each in sorted(sent):
        place = (each.partition, each.offset, 0)
        if each.suspense_id in settled:
            expected.duplicates.add(place)
            continue
        settled[each.suspense_id] = each.what
        if each.suspense_id not in places:
            raise NotExact(f"sent back, and not in suspense: {each.suspense_id}")
        stage, was = places[each.suspense_id]
        first = first_of.get(was, was)
        if each.what == WRITTEN_OFF:
            expected.commands.add(place)
            given_up.add(first)
        elif stage == "rate":
            expected.again[first] += 1
        else:
            first_of[place] = first
            tries.setdefault(first, []).append(place)
    for first, tried in tries.items():
        if first not in truth:
            raise NotExact(f"sent back, and never sent: {first}")
        item = truth[first]
        if item.what != "broken" and first not in given_up:
            tried.pop()
            expected.normalised[first] = item._replace(account=f"acc-{LATER}")
        expected.suspended.update(tried)
    return settled
