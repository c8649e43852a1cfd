"""Versions of reference data and catalogue: whole ones only, in order, none missed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from pipeline.embedded import Endpoints
from pipeline.feeds import (
    KIND,
    PART,
    Entry,
    Feed,
    UnreadableVersion,
    publish_version,
    read_versions,
)
from pipeline.genesis import apply_topics
from pipeline.settings import Settings
from pipeline.topics import topics_of
from pipeline.transaction import Transaction
from schemas.flow import Append, Channel


class _Applied:
    """Collects what a feed applies."""

    def __init__(self) -> None:
        self.versions: list[tuple[list[bytes], bytes, int]] = []

    async def __call__(self, parts: Sequence[Entry], marker: Entry, version: int) -> None:
        if marker.value == b"of another build":
            raise UnreadableVersion("of another build")
        self.versions.append(([part.value for part in parts], marker.value, version))


class _Publishing:
    def __init__(self, settings: Settings, bootstrap: str) -> None:
        self.settings = settings
        self.bootstrap = bootstrap
        self.topic = topics_of(settings).reference.name

    async def version(self, *parts: bytes, marker: bytes) -> int:
        return await publish_version(
            self.settings,
            bootstrap=self.bootstrap,
            topic=self.topic,
            parts=[Entry(b"k", part) for part in parts],
            marker=Entry(b"", marker),
        )


@pytest.fixture
async def publishing(services: Endpoints, prefix: str) -> _Publishing:
    settings = Settings(installation=prefix, raw_partitions=1, rating_partitions=1)
    await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    return _Publishing(settings, services.kafka_bootstrap)


@contextlib.asynccontextmanager
async def _running(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_versions_are_applied_whole_in_order_and_numbered_by_their_marker(
    publishing: _Publishing,
) -> None:
    applied = _Applied()
    feed = Feed(bootstrap=publishing.bootstrap, topic=publishing.topic, apply=applied)
    first = await publishing.version(b"a", b"b", marker=b"1")
    async with _running(feed):
        await feed.wait_for(first)
        second = await publishing.version(marker=b"2")  # one that changes nothing
        third = await publishing.version(b"c", marker=b"3")
        await feed.wait_for(third)
    assert applied.versions == [
        ([b"a", b"b"], b"1", first),
        ([], b"2", second),
        ([b"c"], b"3", third),
    ]
    assert feed.version == third
    assert first < second < third

    again = _Applied()
    newest = await read_versions(
        bootstrap=publishing.bootstrap, topic=publishing.topic, apply=again
    )
    assert (newest, again.versions) == (third, applied.versions)


async def test_a_version_whose_publisher_died_is_never_applied(publishing: _Publishing) -> None:
    """Its parts must not turn up in the next one either."""
    dead = await Transaction.fence(
        publishing.bootstrap,
        transactional_id=f"{publishing.topic}.publisher",
        transaction_timeout_ms=10_000,
        topics={Channel.PROOFS: publishing.topic},
    )
    await dead._producer.begin_transaction()
    part = Append(Channel.PROOFS, 0, b"k", b"of the dead", ((KIND, PART),))
    await dead._producer.send_and_wait(
        publishing.topic, part.value, key=part.key, partition=0, headers=list(part.headers)
    )
    try:
        applied = _Applied()
        feed = Feed(bootstrap=publishing.bootstrap, topic=publishing.topic, apply=applied)
        async with _running(feed):
            version = await publishing.version(b"a", marker=b"1")
            await feed.wait_for(version)
        assert applied.versions == [([b"a"], b"1", version)]
    finally:
        await dead.retire()


async def test_no_version_is_minus_one(publishing: _Publishing) -> None:
    applied = _Applied()
    newest = await read_versions(
        bootstrap=publishing.bootstrap, topic=publishing.topic, apply=applied
    )
    assert (newest, applied.versions) == (-1, [])


async def test_a_version_that_cannot_be_read_is_passed_over_where_a_newer_one_is_there(
    publishing: _Publishing,
) -> None:
    await publishing.version(b"a", marker=b"of another build")
    version = await publishing.version(b"b", marker=b"1")
    applied = _Applied()
    feed = Feed(bootstrap=publishing.bootstrap, topic=publishing.topic, apply=applied)
    async with _running(feed):
        await feed.wait_for(version)
    assert applied.versions == [([b"b"], b"1", version)]


async def test_the_newest_version_has_to_be_readable(publishing: _Publishing) -> None:
    """The one before it is in force no more."""
    version = await publishing.version(b"a", marker=b"1")
    await publishing.version(b"b", marker=b"of another build")
    applied = _Applied()
    feed = Feed(bootstrap=publishing.bootstrap, topic=publishing.topic, apply=applied)
    async with asyncio.timeout(20):
        with pytest.raises(UnreadableVersion):
            await feed.run()
    assert [number for *_, number in applied.versions] == [version]
