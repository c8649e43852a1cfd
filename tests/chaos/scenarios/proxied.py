"""An installation whose workers reach broker and database through proxies of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.chaos.feed import Fed, raw_records
from tests.chaos.play import Fault, Play, playing
from tests.chaos.proxy import Proxy
from tests.chaos.run import Run
from tests.chaos.services import LOOPBACK, own_pair
from tests.chaos.usage import generated

_WORKERS = ("normalise-1", "normalise-2", "rate-1", "rate-2", "load")


class Proxied(NamedTuple):
    """What a scenario works with: its workers run, what is fed does not go through the proxies."""

    run: Run
    play: Play
    broker: Proxy
    postgres: Proxy

    def by_turns(self, kinds: Sequence[Callable[[], Fault]]) -> list[Fault]:
        """Return as many faults as the run asks for, one kind after the other."""
        return [kinds[place % len(kinds)]() for place in range(self.run.faults)]

    async def hurt(self, faults: Sequence[Fault], fed: Sequence[Fed] | None = None) -> None:
        """Feed the usage (all of it, else ``fed``), do the faults meanwhile, compare."""
        records = raw_records(self.play.generated.folder) if fed is None else fed
        await self.play.under_load(faults, records)
        await self.play.through()
        await self.run.check(self.play)


@asynccontextmanager
async def proxied(
    run: Run,
    *,
    frames: bool = False,
    kafka_settings: Mapping[str, str] | None = None,
    workers: Sequence[str] = _WORKERS,
    **settings: Any,
) -> AsyncIterator[Proxied]:
    """Yield an installation of its own with its workers, and the run's usage.

    ``frames``: the proxy before the broker reads requests and answers, not only bytes.
    """
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    async with own_pair(proxied=True, kafka_settings=kafka_settings) as pair:
        dsn = urlsplit(pair.endpoints.postgres_dsn)
        assert dsn.port is not None
        async with (
            Proxy(port=pair.outside, target=pair.inside, frames=frames) as broker,
            Proxy(port=0, target=dsn.port) as postgres,
        ):
            user, _, _ = dsn.netloc.rpartition("@")
            through = dsn._replace(netloc=f"{user}@{LOOPBACK}:{postgres.port}").geturl()
            environment = {
                "RATEMILL_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{pair.outside}",
                "RATEMILL_POSTGRES_DSN": through,
            }
            async with playing(
                *(pair, run.new_folder(), usage),
                seed=run.seed,
                hits=run.hits,
                environment=environment,
                **settings,
            ) as play:
                await play.workers.start(*workers)
                yield Proxied(run, play, broker, postgres)
