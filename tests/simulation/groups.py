"""Consumer groups in memory: a coordinator that decides who owns what, and its members' client.

Eager rebalances, as the pipeline's assignor has them: every member revokes, joins, and is told its
new partitions; who is silent for the session time-out is put out; a static member that comes back
takes its place again without a rebalance; a commit under an old generation is refused.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from tests.simulation.process import Process, current
from tests.simulation.world import World, world_of


@dataclass(eq=False)
class Member:
    """A member as the coordinator knows it."""

    consumer: MemoryGroupConsumer
    process: Process
    instance: str | None
    session_s: float
    heard_s: float
    joined: bool = False  # in the rebalance that is under way
    partitions: list[TopicPartition] = field(default_factory=list)


class Coordinator:
    """One group."""

    def __init__(self, world: World, topics: Sequence[str]) -> None:
        self._world = world
        self._topics = topics
        self.members: list[Member] = []
        self.generation = 0
        self.rebalancing = False
        self._began_s = 0.0

    def heartbeat(self, member: Member) -> bool:
        """Note that a member lives; return whether it must join again."""
        self._expire()
        if member not in self.members:
            return True
        member.heard_s = asyncio.get_running_loop().time()
        return self.rebalancing and not member.joined

    def join(self, member: Member) -> None:
        """Take a member into the rebalance that is under way, or begin one.

        A static member that replaces its dead self gets that one's partitions at once.
        """
        self._expire()
        loop = asyncio.get_running_loop()
        member.heard_s = loop.time()
        if member not in self.members:
            before = next(
                (m for m in self.members if m.instance and m.instance == member.instance), None
            )
            if before is not None and not self.rebalancing:
                self.members[self.members.index(before)] = member
                member.partitions, member.joined = before.partitions, True
                return
            if before is not None:
                self.members.remove(before)
            self.members.append(member)
            self._begin()
        elif not self.rebalancing:
            self._begin()
        member.joined = True
        self._complete_when_all_joined()

    def leave(self, member: Member) -> None:
        """Put a dynamic member out; a static one is waited for until its session ends."""
        if member in self.members and member.instance is None:
            self.members.remove(member)
            self._begin()

    def may_commit(self, member: Member, generation: int) -> bool:
        """Return whether a commit under this generation is taken."""
        self._expire()
        return member in self.members and generation == self.generation and not self.rebalancing

    def _begin(self) -> None:
        if not self.rebalancing:
            self.rebalancing = True
            self._began_s = asyncio.get_running_loop().time()
            for member in self.members:
                member.joined = False
        self._complete_when_all_joined()

    def _expire(self) -> None:
        now_s = asyncio.get_running_loop().time()
        gone = [m for m in self.members if now_s - m.heard_s > m.session_s]
        for member in gone:
            self.members.remove(member)
        if gone:
            self._begin()
        self._complete_when_all_joined()

    def _complete_when_all_joined(self) -> None:
        if self.rebalancing and self.members and all(m.joined for m in self.members):
            self.rebalancing = False
            self.generation += 1
            self._assign()

    def _assign(self) -> None:
        """Spread the partitions evenly; each stays where it was as far as that goes."""
        places = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in range(self._world.partitions[topic])
        ]
        most = -(-len(places) // len(self.members))
        kept: set[TopicPartition] = set()
        for member in self.members:
            member.partitions = [p for p in member.partitions if p in places and p not in kept]
            del member.partitions[most:]
            kept.update(member.partitions)
        free = itertools.chain(place for place in places if place not in kept)
        for place in free:
            min(self.members, key=lambda m: len(m.partitions)).partitions.append(place)


class MemoryGroupConsumer:
    """aiokafka's consumer as far as `pipeline.ownership` uses it."""

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        group_id: str,
        group_instance_id: str | None,
        session_timeout_ms: int,
        heartbeat_interval_ms: int,
        **others: object,
    ) -> None:
        self._world = world_of(bootstrap_servers)
        self._process = current()
        self._group = group_id
        self._instance = group_instance_id
        self._session_s = session_timeout_ms / 1000
        self._heartbeat_s = heartbeat_interval_ms / 1000
        self._generation = -1
        self._member: Member | None = None
        self._coordinating: asyncio.Task[None] | None = None
        self._assigned: list[TopicPartition] = []

    async def start(self) -> None:
        await self._process.at("group.before")

    def subscribe(self, topics: Sequence[str], *, listener: ConsumerRebalanceListener) -> None:
        groups = self._world.groups
        if self._group not in groups:
            groups[self._group] = Coordinator(self._world, topics)
        self._member = self._new_member()
        self._coordinating = asyncio.create_task(self._coordinate(groups[self._group], listener))

    def _new_member(self) -> Member:
        now_s = asyncio.get_running_loop().time()
        return Member(self, self._process, self._instance, self._session_s, now_s)

    async def _coordinate(self, group: Coordinator, listener: ConsumerRebalanceListener) -> None:
        member = self._member
        assert member is not None
        while True:
            if self._generation < 0 or group.heartbeat(member):
                await listener.on_partitions_revoked(set(self._assigned))
                await self._process.at("rebalance.before")
                group.join(member)
                while group.rebalancing and member in group.members:
                    await asyncio.sleep(0.1)
                    await self._process.at("rebalance.join")
                    if group.heartbeat(member) and member in group.members:
                        group.join(member)  # another rebalance began meanwhile
                if member not in group.members:
                    self._generation = -1
                    continue
                await self._process.at("rebalance.sync")
                if group.rebalancing or member not in group.members:
                    self._generation = -1
                    continue
                self._generation = group.generation
                self._assigned = list(member.partitions)
                # While this runs, aiokafka sends no heartbeat.
                await listener.on_partitions_assigned(set(self._assigned))
                await self._process.at("rebalance.after")
                continue
            await asyncio.sleep(self._heartbeat_s)
            await self._process.at("heartbeat")

    async def getmany(self, *, timeout_ms: int) -> dict[TopicPartition, list[object]]:
        await asyncio.sleep(self._world.schedule.patience_s(timeout_ms))
        await self._process.at("group.poll")
        if self._coordinating is not None and self._coordinating.done():
            self._coordinating.result()
        return {}

    def pause(self, *places: TopicPartition) -> None:
        pass

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        member, generation = self._member, self._generation
        if any(place not in self._assigned for place in offsets):
            raise IllegalStateError("a partition is not assigned")
        await self._process.at("prove.before")
        group = self._world.groups[self._group]
        if member is None or not group.may_commit(member, generation):
            raise CommitFailedError("simulated")
        await self._process.at("prove.after")

    async def stop(self) -> None:
        if self._coordinating is not None:
            self._coordinating.cancel()
            await asyncio.gather(self._coordinating, return_exceptions=True)
        if self._member is not None and not self._process.dead:
            self._world.groups[self._group].leave(self._member)
