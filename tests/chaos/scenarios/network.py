"""Rows of the table whose faults lie on the way to the broker and to Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.chaos.faults import network
from tests.chaos.feed import raw_records
from tests.chaos.play import Fault, playing
from tests.chaos.proxy import Proxy
from tests.chaos.run import Run
from tests.chaos.services import LOOPBACK, Pair, own_pair
from tests.chaos.usage import generated

WORKERS = ("normalise", "rate-1", "rate-2", "load")


@asynccontextmanager
async def proxied_pair(
    *, frames: bool = False, kafka_settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Pair, Proxy, Proxy, dict[str, str]]]:
    """Yield services, a proxy before each, and the variables that send workers through them."""
    async with own_pair(proxied=True, kafka_settings=kafka_settings) as pair:
        dsn = urlsplit(pair.endpoints.postgres_dsn)
        assert dsn.port is not None
        async with (
            Proxy(port=pair.outside, target=pair.inside, frames=frames) as broker,
            Proxy(port=0, target=dsn.port) as postgres,
        ):
            user, _, _ = dsn.netloc.rpartition("@")
            through = dsn._replace(netloc=f"{user}@{LOOPBACK}:{postgres.port}").geturl()
            yield (
                pair,
                broker,
                postgres,
                {
                    "RATEMILL_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{pair.outside}",
                    "RATEMILL_POSTGRES_DSN": through,
                },
            )


async def network_faults(run: Run) -> None:
    """A proxy that delays, cuts in mid-frame, half-opens, limits bandwidth."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    async with (
        proxied_pair() as (pair, broker, postgres, environment),
        playing(
            pair, run.new_folder(), usage, seed=run.seed, hits=run.hits, environment=environment
        ) as play,
    ):
        await play.workers.start(*WORKERS)
        # What is fed does not go through the proxy, so that the ends of files hold.
        await play.under_load(_faults(run, broker, postgres), raw_records(usage.folder))
        await play.through()
        await run.check(play)


def _faults(run: Run, broker: Proxy, postgres: Proxy) -> Sequence[Fault]:
    kinds = (
        lambda: network.cut_in_frame(broker, "broker", "up"),
        lambda: network.cut_in_frame(postgres, "postgres", "up"),
        lambda: network.cut_in_frame(broker, "broker", "down"),
        lambda: network.cut_in_frame(postgres, "postgres", "down"),
        lambda: network.cut_all(broker, "broker"),
        lambda: network.half_open(postgres, "postgres", seconds=run.random.uniform(3, 12)),
        lambda: network.delay(broker, "broker", delay_s=0.3, seconds=run.random.uniform(3, 8)),
        lambda: network.half_open(broker, "broker", seconds=run.random.uniform(5, 15)),
        lambda: network.narrow(broker, "broker", bytes_per_s=50_000, seconds=6),
        lambda: network.delay(postgres, "postgres", delay_s=0.3, seconds=5),
        lambda: network.cut_all(postgres, "postgres"),
        lambda: network.narrow(postgres, "postgres", bytes_per_s=20_000, seconds=6),
    )
    return [kinds[place % len(kinds)]() for place in range(run.faults)]
