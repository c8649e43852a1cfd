"""Whether the database answers is told, whatever goes wrong, and asked again."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from prometheus_client import CollectorRegistry

from pipeline import database_watch
from pipeline.database_watch import watch_database
from pipeline.health import Health
from pipeline.metrics import StageMetrics
from sinks.errors import SinkUnavailable


class Pool:
    """Gives one answer after the other; a callable one is raised or awaited."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.done = asyncio.Event()

    async def fetchrow(self, query: str) -> object:
        answer = self.answers.pop(0)
        if not self.answers:
            self.done.set()
        if isinstance(answer, Exception):
            raise answer
        if answer == "silence":
            await asyncio.Event().wait()
        return answer


GOOD = {"fsync": "on", "synchronous_commit": "on", "now_s": 1.0}


@pytest.mark.parametrize(
    ("answer", "up", "says"),
    [
        (GOOD, 1, "answers"),
        (SinkUnavailable("Postgres is away"), 0, "Postgres is away"),
        (OSError("no route"), 0, "no route"),
        (RuntimeError(), 0, "RuntimeError()"),
        ("silence", 0, "no answer within 0 s"),
    ],
    ids=["it answers", "it is away", "the network", "a bug", "silence"],
)
async def test_what_the_database_answers_is_told(monkeypatch, answer, up, says):
    monkeypatch.setattr(database_watch, "_ANSWER_S", 0.01)
    monkeypatch.setattr(database_watch, "_EVERY_S", 0.0)
    registry, health = CollectorRegistry(), Health(needs_database=True)
    metrics = StageMetrics("load", registry, health=health)
    told = []
    monkeypatch.setattr(
        metrics, "database", lambda p, tell=metrics.database: (tell(p), told.append(p))
    )
    pool = Pool(answer, *[GOOD] * 3)
    seen = asyncio.create_task(watch_database(pool, metrics))
    await pool.done.wait()
    seen.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await seen
    assert (told[0] or "answers").find(says) >= 0
    assert (told[0] is None) == bool(up)
    assert told[1] is None, "it is asked again"
    assert registry.get_sample_value("ratemill_database_up", {"stage": "load"}) == 1
