"""One installation under faults: its services, its workers, the usage that moves through them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cli.session import endpoint_settings
from pipeline.demo.through import until_through
from pipeline.settings import Settings
from sinks.connection import open_pool
from tests.chaos.feed import Fed, Feed
from tests.chaos.hits import Hit, Hits
from tests.chaos.open_transactions import OpenTransactions
from tests.chaos.problem import NeverBit
from tests.chaos.services import OURS, Pair
from tests.chaos.usage import SAMPLE, Generated
from tests.chaos.watch import Moving, Watch
from tests.chaos.workers import Workers
from tests.integration.live_installation import LiveInstallation

SESSION_MS = 6_000  # the least that the broker takes
TRANSACTION_MS = 5_000
PAUSE_S = 0.01  # between two raw records: the workers are to be busy for as long as it takes
_LOOK_S, _LOOKS = 3, 30
AT_WORK_S = 90.0
THROUGH_S = 900.0
QUICK: Mapping[str, Any] = {
    "raw_partitions": 4,
    "rating_partitions": 4,
    "session_timeout_ms": SESSION_MS,
    "transaction_timeout_ms": TRANSACTION_MS,
    "batch_records": 200,  # more batches, more moments to be hit in
    "batch_work_ms": 50,
    "future_ms": 20 * 365 * 86_400_000,  # the day of the run decides nothing
}

Fault = Callable[["Play"], Awaitable[Hit]]


@dataclass
class Play:
    """What a scenario works with. Its faults note their strikes in ``hits``."""

    seed: int
    pair: Pair
    here: LiveInstallation
    workers: Workers
    watch: Watch
    transactions: OpenTransactions
    feed: Feed
    hits: Hits
    generated: Generated
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def settings(self) -> Settings:
        """Return the installation's settings, by the addresses without a proxy."""
        return self.here.settings

    async def at_work(self, stage: str, *, name: str | None = None) -> Moving:
        """Return a worker of the stage that has just committed records; by name, that one."""
        for _ in range(_LOOKS):
            # Asked again and again: a worker that is started again has another pid.
            among = {pid for pid, one in self.workers.pids(stage).items() if name in (None, one)}
            with contextlib.suppress(TimeoutError):
                found = await self.watch.moving(stage, among=among, within_s=_LOOK_S)
                return self.random.choice(found)
        raise NeverBit(f"no worker of {stage} moved any record for {_LOOKS * _LOOK_S} s")

    async def left_open(self, stage: str, moving: Moving) -> tuple[str, ...]:
        """Return those of a dead worker's partitions that hold its open transaction now."""
        numbers = {int(one.rpartition("/")[2]) for one in moving.partitions}
        return await self.transactions.of(stage, numbers)

    async def under_load(
        self,
        faults: Sequence[Fault],
        fed: Sequence[Fed],
        *,
        pause_s: float = PAUSE_S,
        at_a_time: int = 1,
        between: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """Feed the usage in portions and do one fault during each.

        ``at_a_time``: raw records sent before the next pause.
        ``between``: called with the number of each portion when it has been sent.
        """
        size = len(fed) // max(1, len(faults))
        for place, fault in enumerate(faults):
            last = place + 1 == len(faults)
            portion = fed[place * size :] if last else fed[place * size : (place + 1) * size]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.feed.send(portion, pause_s=pause_s, at_a_time=at_a_time))
                self.hits.add(await fault(self))
            if between is not None:
                await between(place)

    async def through(self, *, within_s: float = THROUGH_S) -> None:
        """Return when everything that was sent is in Postgres, and no partition is behind."""
        endpoints = self.here.endpoints
        async with (
            asyncio.timeout(within_s),
            open_pool(
                endpoints.postgres_dsn, installation=self.settings.installation, max_size=1
            ) as pool,
        ):
            await until_through(self.settings, bootstrap=endpoints.kafka_bootstrap, pool=pool)


def files_of(catalogue: Path) -> dict[str, str]:
    """Return the files of a catalogue folder by their names in it."""
    return {str(file.relative_to(catalogue)): file.read_text() for file in catalogue.rglob("*.*")}


@contextlib.asynccontextmanager
async def playing(
    pair: Pair,
    folder: Path,
    usage: Generated,
    *,
    seed: int,
    hits: Hits,
    catalogue: Path = SAMPLE,
    environment: Mapping[str, str] | None = None,
    **changed: int,
) -> AsyncIterator[Play]:
    """Yield an installation that is set up; no worker runs yet, and none afterwards.

    ``environment``: more variables of the workers, such as the address of a proxy.
    """
    async with LiveInstallation.created(
        pair.endpoints,
        folder,
        name=f"{OURS}{secrets.token_hex(3)}",
        catalogue=files_of(catalogue),
        accounts=usage.accounts.read_text(),
        **{**QUICK, **changed},
    ) as here:
        settings = here.settings
        variables = endpoint_settings(settings, here.endpoints).environment()
        workers = Workers(settings, {**variables, **(environment or {})})
        watch = Watch(settings)
        async with OpenTransactions(settings, bootstrap=pair.endpoints.kafka_bootstrap) as open_:
            watching = asyncio.create_task(watch.run())
            try:
                yield Play(
                    seed=seed,
                    pair=pair,
                    here=here,
                    workers=workers,
                    watch=watch,
                    transactions=open_,
                    feed=Feed(settings, bootstrap=pair.endpoints.kafka_bootstrap),
                    hits=hits,
                    generated=usage,
                )
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await workers.stop()
