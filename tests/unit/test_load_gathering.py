"""What load gathers of a backlog before it writes, and when it does not."""

from __future__ import annotations

import contextlib

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

import pipeline.load_partition
from pipeline.backoff import Backoff
from pipeline.clock import SystemClock
from pipeline.load_partition import LoadPartition
from pipeline.metrics import StageMetrics
from pipeline.settings import Settings
from schemas.flow import SourceRecord
from sinks.progress import Progress

PLACE = TopicPartition("t.usage.rated.v1", 0)
LIMIT = 10


class NoMorePolls(Exception):
    """The script of a test is at its end."""


class Consumer:
    """Gives what a test says, poll after poll; the broker always has ``stable`` to give."""

    def __init__(self, polls, *, stable):
        self._polls = list(polls)
        self._stable = stable
        self._position = 0

    async def getmany(self, _place, *, timeout_ms, max_records):
        if not self._polls:
            raise NoMorePolls
        count, size = self._polls.pop(0)
        first, self._position = self._position, self._position + count
        records = [
            SourceRecord(0, offset, 0, None, bytes(size), ())
            for offset in range(first, first + count)
        ]
        return {PLACE: records} if records else {}

    async def position(self, _place):
        return self._position

    def last_stable_offset(self, _place):
        return self._stable

    def highwater(self, _place):
        return self._stable

    def seek(self, _place, _offset): ...

    def pause(self, _place): ...

    def resume(self, _place): ...


class Gathering:
    """Takes any record for something whole, and notes how many are written at once."""

    def __init__(self, written):
        self._written = written
        self._waiting = 0

    @property
    def ready(self):
        return self._waiting > 0

    def add(self, record):
        self._waiting += 1

    async def write(self, after):
        self._written.append(self._waiting)
        self._waiting = 0
        return after._replace(next_position=after.next_position + self._written[-1]), {}


async def loads(monkeypatch, tmp_path, *polls, stable=1_000, by_poll=False):
    """Return how many records each load had, for polls of so many records of so many bytes."""
    written = []

    @contextlib.asynccontextmanager
    async def reading(*_args, **_named):
        yield Consumer(polls, stable=stable)

    async def read_progress(_pool, **_named):
        return Progress("t", PLACE.topic, 0, "", 0, 0, "", 0)

    monkeypatch.setattr(pipeline.load_partition, "reading", reading)
    monkeypatch.setattr(pipeline.load_partition, "read_progress", read_progress)
    partition = LoadPartition(
        lambda _pool, _progress: Gathering(written),
        Settings(installation="t", data=tmp_path, load_batch_records=LIMIT),
        bootstrap="",
        pool=None,
        ownership=None,
        partition=PLACE,
        clock=SystemClock(),
        metrics=StageMetrics("load", CollectorRegistry()),
        every_ms=0,
    )
    with pytest.raises(NoMorePolls):
        await partition._session(Backoff(), by_poll=by_poll)
    return written


async def test_of_a_backlog_it_gathers_as_many_as_one_load_may_have(monkeypatch, tmp_path):
    found = await loads(monkeypatch, tmp_path, (4, 1), (4, 1), (4, 1), (4, 1), (4, 1), (4, 1))
    assert found == [12, 12]


async def test_what_there_is_is_written_where_there_is_no_more(monkeypatch, tmp_path):
    assert await loads(monkeypatch, tmp_path, (4, 1), (4, 1), stable=8) == [8]


async def test_a_poll_that_brings_nothing_ends_the_gathering(monkeypatch, tmp_path):
    """The broker may be gone, or the client's fetching dead: what is whole must not wait for it."""
    assert await loads(monkeypatch, tmp_path, (4, 1), (0, 0), (4, 1)) == [4]


async def test_large_records_fill_a_load_too(monkeypatch, tmp_path):
    found = await loads(monkeypatch, tmp_path, (4, 1 << 20), (4, 1 << 20), (1, 1))
    assert found == [8]


async def test_after_a_failure_each_poll_is_a_load_until_one_is_written(monkeypatch, tmp_path):
    """One record that cannot be loaded does not hold back all that is near it."""
    found = await loads(monkeypatch, tmp_path, (4, 1), (4, 1), (4, 1), (4, 1), by_poll=True)
    assert found == [4, 12]
