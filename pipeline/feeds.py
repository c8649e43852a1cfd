"""Versions that workers follow: reference data and catalogue, each a topic of one partition.

A version is a run of records that ends in a marker, written in one transaction; its number is
the marker's offset. A reader applies whole versions only, between batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from pipeline.backoff import Backoff
from pipeline.kafka import reading
from pipeline.proofs import end_of
from pipeline.settings import Settings
from pipeline.transaction import Transaction
from schemas.flow import Append, Channel

_log = structlog.get_logger(__name__)

KIND = "kind"
VERSION = b"version"
PART = b"part"
_POLL_MS = 500
_TRANSACTION_MS = 120_000  # a version may be a million accounts; it holds back only its followers


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a version."""

    key: bytes
    value: bytes


Apply = Callable[[Sequence[Entry], Entry, int], Awaitable[None]]
"""Called with the parts, the marker and the version number. May raise `UnreadableVersion`."""


class UnreadableVersion(Exception):
    """A version that this build cannot use. A newer one may be there, and take its place."""


class Feed:
    """Follows one versions' topic from its beginning."""

    def __init__(self, *, bootstrap: str, topic: str, apply: Apply) -> None:
        self._bootstrap = bootstrap
        self._partition = TopicPartition(topic, 0)
        self._apply = apply
        self._position = 0
        self._parts: list[Entry] = []
        self._changed = asyncio.Condition()
        self._unreadable: UnreadableVersion | None = None
        self.version = -1

    async def run(self) -> None:
        """Apply every version as it comes, until cancelled; a lost broker is waited for.

        Raises `UnreadableVersion` where the newest one is: the one before it is not in force any
        more, and nothing may be rated by it.
        """
        backoff = Backoff()
        while True:
            try:
                await self._follow(backoff)
            except KafkaError as error:
                _log.warning("feed_interrupted", topic=self._partition.topic, error=repr(error))
                await backoff.wait()

    async def wait_for(self, version: int) -> None:
        """Return when the version, or a later one, is applied."""
        told = False
        async with self._changed:
            while self.version < version:
                if not told:
                    _log.info("waiting_for_version", topic=self._partition.topic, version=version)
                    told = True
                await self._changed.wait()

    async def _follow(self, backoff: Backoff) -> None:
        partition = self._partition
        async with reading(
            self._bootstrap, partition, client_id=f"{partition.topic}.feed"
        ) as consumer:
            consumer.seek(partition, self._position)
            while True:
                fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
                for record in fetched.get(partition, ()):
                    entry = Entry(record.key or b"", record.value or b"")
                    if dict(record.headers).get(KIND) == VERSION:
                        parts, self._parts = self._parts, []
                        await self._apply_one(parts, entry, record.offset)
                        del parts  # of a large card, tens of megabytes until the next version
                    else:
                        self._parts.append(entry)
                    self._position = record.offset + 1
                backoff.reset()
                if self._unreadable is not None:
                    # This order: the end may only have grown since.
                    end = await end_of(consumer, partition)
                    if await consumer.position(partition) >= end:
                        raise self._unreadable

    async def _apply_one(self, parts: Sequence[Entry], marker: Entry, version: int) -> None:
        try:
            await self._apply(parts, marker, version)
        except UnreadableVersion as error:
            topic = self._partition.topic
            _log.warning("version_unreadable", topic=topic, version=version, error=str(error))
            self._unreadable = error
            return
        self._unreadable = None
        async with self._changed:
            self.version = version
            self._changed.notify_all()


async def publish_version(
    settings: Settings,
    *,
    bootstrap: str,
    topic: str,
    parts: Sequence[Entry],
    marker: Entry,
) -> int:
    """Append one version in one transaction and return its number, the marker's offset."""
    transaction = await Transaction.fence(
        bootstrap,
        transactional_id=f"{topic}.publisher",
        transaction_timeout_ms=max(_TRANSACTION_MS, settings.transaction_timeout_ms),
        topics={Channel.PROOFS: topic},
    )
    try:
        return await transaction.write(
            [Append(Channel.PROOFS, 0, p.key, p.value, ((KIND, PART),)) for p in parts],
            last=Append(Channel.PROOFS, 0, marker.key, marker.value, ((KIND, VERSION),)),
        )
    finally:
        await transaction.retire()


async def read_versions(*, bootstrap: str, topic: str, apply: Apply) -> int:
    """Apply every version that is there now and return the newest number; -1 where there is none."""
    partition = TopicPartition(topic, 0)
    version, position = -1, 0
    parts: list[Entry] = []
    async with reading(bootstrap, partition, client_id=f"{topic}.read") as consumer:
        end = await end_of(consumer, partition)
        consumer.seek(partition, 0)
        while position < end:
            fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
            for record in fetched.get(partition, ()):
                entry = Entry(record.key or b"", record.value or b"")
                if dict(record.headers).get(KIND) == VERSION:
                    await apply(parts, entry, record.offset)
                    version, parts = record.offset, []
                else:
                    parts.append(entry)
            position = await consumer.position(partition)
    return version
