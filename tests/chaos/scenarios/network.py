"""Rows of the table whose faults lie on the way to the broker and to Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.faults import network
from tests.chaos.play import Fault
from tests.chaos.run import Run
from tests.chaos.scenarios.proxied import Proxied, proxied

_WORKERS = ("normalise", "rate-1", "rate-2", "load")


async def network_faults(run: Run) -> None:
    """A proxy that delays, cuts in mid-frame, half-opens, limits bandwidth."""
    async with proxied(run, workers=_WORKERS) as there:
        await there.hurt(_faults(there))


def _faults(there: Proxied) -> Sequence[Fault]:
    run, broker, postgres = there.run, there.broker, there.postgres
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
    return there.by_turns(kinds)
