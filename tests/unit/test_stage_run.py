"""A partition whose session ended in doubt: it is taken up again only by whom the group names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from prometheus_client import CollectorRegistry

from pipeline import stage
from pipeline.clock import SystemClock
from pipeline.metrics import StageMetrics
from pipeline.settings import Settings
from pipeline.stage import StagePartition
from tests.pipeline.copy_stage import copy_spec
from tests.pipeline.copy_step import CopyStep


class _Group:
    """Answers the question who owns the partition, and counts how often it was asked."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def prove(self, partition: TopicPartition, *, position: int) -> bool:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Partition(StagePartition):
    """Its sessions end at once: in doubt, as long as there are errors left, or for good."""

    def __init__(self, group: _Group, folder: Path, *errors: Exception) -> None:
        settings = Settings()
        super().__init__(
            copy_spec(settings, CopyStep()),
            settings,
            bootstrap="127.0.0.1:1",
            cluster_id="c",
            ownership=group,  # type: ignore[arg-type]
            partition=TopicPartition("t", 0),
            folder=folder,
            clock=SystemClock(),
            metrics=StageMetrics("normalise", CollectorRegistry()),
        )
        self._errors = list(errors)
        self.sessions = 0

    async def _session(self, **_: object) -> None:
        self.sessions += 1
        if not self._errors:
            raise asyncio.CancelledError  # as when the worker stops
        raise self._errors.pop(0)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(self: object) -> None:
        return None

    monkeypatch.setattr(stage.Backoff, "wait", at_once)


async def test_who_is_fenced_and_owns_it_no_more_never_fences_back(tmp_path: Path) -> None:
    """Two owners that fence each other at once do it for ever: 86 times in 8 s were seen."""
    partition = _Partition(_Group(False), tmp_path, ProducerFenced("x"))
    await partition.run()
    assert partition.sessions == 1


async def test_who_is_fenced_by_a_time_out_and_owns_it_still_goes_on(tmp_path: Path) -> None:
    group = _Group(True, True)
    partition = _Partition(group, tmp_path, ProducerFenced("x"), KafkaError("y"))
    with pytest.raises(asyncio.CancelledError):
        await partition.run()
    assert (partition.sessions, group.asked) == (3, 2)


async def test_a_group_that_does_not_answer_is_asked_again_before_anything_else(
    tmp_path: Path,
) -> None:
    group = _Group(KafkaError("away"), KafkaError("away"), False)
    partition = _Partition(group, tmp_path, ProducerFenced("x"))
    await partition.run()
    assert (partition.sessions, group.asked) == (1, 3)


async def test_the_first_session_asks_nobody(tmp_path: Path) -> None:
    """The assignment itself is the answer."""
    group = _Group()
    partition = _Partition(group, tmp_path)
    with pytest.raises(asyncio.CancelledError):
        await partition.run()
    assert (partition.sessions, group.asked) == (1, 0)
