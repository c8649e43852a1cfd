"""Rows of the table about whose topics and tables they are."""

from __future__ import annotations

import asyncio

from pipeline.cli.exits import Exit
from pipeline.genesis import apply_topics
from tests.chaos.faults.kill import kill_worker
from tests.chaos.feed import raw_records
from tests.chaos.play import Play, playing
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import generated
from tests.integration.live_installation import LiveInstallation, eventually

_WORKERS = ("normalise", "rate", "load")


async def apart(run: Run) -> None:
    """A second installation on the same cluster; then the broker is wiped under a kept database."""
    first = await generated(run.new_folder() / "usage", records=run.records // 2, seed=run.seed)
    second = await generated(
        run.new_folder() / "usage", records=run.records // 2, seed=run.seed + 1
    )
    async with (
        own_pair(hurt=True) as pair,
        playing(pair, run.new_folder(), first, seed=run.seed, hits=run.hits) as one,
        playing(pair, run.new_folder(), second, seed=run.seed, hits=run.hits) as other,
    ):
        await asyncio.gather(_play(one), _play(other))
        run.hits.facts["installations on one cluster at once"] = 2
        await run.check(one)
        await run.check(other)
        await _wipe(one, run)


async def _play(play: Play) -> None:
    await play.workers.start(*_WORKERS)
    await play.under_load([kill_worker("rate")], raw_records(play.generated.folder))
    await play.through()


async def _wipe(play: Play, run: Run) -> None:
    """Wipe the broker; whatever is started then refuses, and no row changes."""
    pair, here = play.pair, play.here
    before = await here.count("rated_usage")
    await pair.kill("kafka")
    pair.wipe_kafka()
    await pair.revive()
    bootstrap = pair.endpoints.kafka_bootstrap
    settings = here.settings.model_copy(update={"kafka_bootstrap": bootstrap})
    wiped = LiveInstallation(settings, pair.endpoints)
    said = await wiped.command("topics", "apply")
    if said.code != Exit.REFUSED:
        run.verdict.wrong_is(f"topics were made on a wiped broker: {said}")
    await apply_topics(settings, bootstrap=bootstrap)  # somebody made them all the same
    told = len(wiped.log("load"))
    async with wiped.working():

        async def refused() -> bool:
            return "The database belongs to installation" in wiped.log("load")[told:]

        await eventually(refused, what="load refuses to start")
    if await wiped.count("rated_usage") != before:
        run.verdict.wrong_is("rows were loaded from a wiped broker")
    run.hits.facts["wiped brokers that were refused, with every row kept"] += 1
