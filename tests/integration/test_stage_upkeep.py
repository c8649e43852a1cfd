"""The upkeep of state by a stage at work: marks go between batches, and what may not go on halts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediation.changes import MARK_KEY, state_changes
from mediation.dedup import DAY_MS, Mark, MarkState, Window, mark_to_bytes
from pipeline.embedded import Endpoints
from pipeline.state import StateStore
from tests.pipeline.copy_stage import CopyInstallation, copy_settings, until

WINDOW = Window(horizon_ms=62 * DAY_MS, future_ms=DAY_MS)
MARKS = 1_200  # more than a step looks at


@pytest.fixture
async def here(services: Endpoints, prefix: str, tmp_path: Path) -> CopyInstallation:
    """An installation whose state holds marks of 1970 and of the year 2200."""
    here = await CopyInstallation.create(
        copy_settings(prefix), bootstrap=services.kafka_bootstrap, folder=tmp_path
    )
    await here.publish([b"v"] * 5)
    async with here.member().running():
        await here.done()
    store = _state(here)
    assert store.folded is not None
    marks = [
        (_key(n), mark_to_bytes(Mark(bytes(8), 1, 0, MarkState.PASSED, n, 0))) for n in range(MARKS)
    ]
    young = (_key(MARKS), mark_to_bytes(Mark(bytes(8), 1, 84_000, MarkState.PASSED, 1, 0)))
    store.write(state_changes([*marks, young], batch=1), store.folded)
    store.close()
    return here


def _state(here: CopyInstallation) -> StateStore:
    return StateStore(here.folder / "a" / "normalise-0")


def _key(number: int) -> bytes:
    return MARK_KEY + number.to_bytes(16, "big")


async def test_marks_behind_the_horizon_go_while_the_stage_works(here: CopyInstallation) -> None:
    async with here.member(window=WINDOW).running():
        for _ in range(5):  # batches: each is followed by a step, and three are enough
            await here.publish([b"w"])
            await here.done()
    store = _state(here)
    left = [key for key, _ in store.items() if key[:1] == MARK_KEY]
    assert left == [_key(MARKS)]
    assert store.pruned_before is not None
    store.close()
    await here.check()
    assert here.count_in_state() == 10


async def test_a_record_that_may_ask_for_pruned_marks_halts_and_nothing_is_written(
    here: CopyInstallation,
) -> None:
    store = _state(here)
    store.prune([], before=84_000)  # as if the broker's clock had been in the year 2200
    store.close()
    outputs = len(await here.read(here.topics.normalised))
    await here.publish([b"w"])
    member = here.member(window=WINDOW)
    async with member.running():
        await until(lambda: member.doubts("Halted") >= 2, what="two stops")
    assert len(await here.read(here.topics.normalised)) == outputs
