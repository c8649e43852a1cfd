"""Waiting until every record is through: read, rated, loaded, and invoiced where a limit said so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from pipeline.errors import RatemillError
from pipeline.settings import Settings
from pipeline.status import Positions, Tails, positions_of, status_tails
from sinks.connection import Pool
from sinks.errors import SinkUnavailable
from sinks.invoices import pending_requests
from sinks.progress import all_progress

_POLL_S = 0.25  # how often the positions are asked for; what ends the wait is what they say
STALL_S = 60.0


class Stalled(RatemillError):
    """Nothing has moved for a minute, and not everything is through."""


async def until_through(
    settings: Settings,
    *,
    bootstrap: str,
    pool: Pool,
) -> Positions:
    """Return the positions once each stage's is the end of what it reads and no invoice waits.

    Decided by the last committed proofs and load's progress rows, never by time; `Stalled` when
    none of them moves for `STALL_S`.
    """

    async def none_waits() -> bool:
        return not await pending_requests(pool)

    return await _until(settings, bootstrap, pool, and_then=none_waits)


async def until_loaded(settings: Settings, *, bootstrap: str, pool: Pool) -> Positions:
    """Return the positions once every charge is in Postgres; its invoices may still be built."""

    async def always() -> bool:
        return True

    return await _until(settings, bootstrap, pool, and_then=always)


async def _until(
    settings: Settings, bootstrap: str, pool: Pool, *, and_then: Callable[[], Awaitable[bool]]
) -> Positions:
    loop = asyncio.get_running_loop()
    moved_s, before = loop.time(), None
    async with status_tails(settings, bootstrap=bootstrap) as tails:
        while True:
            positions = await _positions(settings, tails, pool)
            if positions is not None:
                if positions.through and await and_then():
                    return positions
                if positions.partitions != before:
                    moved_s, before = loop.time(), positions.partitions
            if loop.time() - moved_s > STALL_S:
                raise Stalled(_stalled(settings, positions))
            await asyncio.sleep(_POLL_S)


async def _positions(
    settings: Settings,
    tails: Tails,
    pool: Pool,
) -> Positions | None:
    """Return the positions, or None while a service is being started again."""
    try:
        # Load's rows first: what is read behind them can only have come later.
        rows = {(row.topic, row.partition): row.next_position for row in await all_progress(pool)}
        return positions_of(settings, await tails.read(), loaded=rows)
    except (KafkaError, SinkUnavailable):
        return None


def _stalled(settings: Settings, positions: Positions | None) -> str:
    behind = [] if positions is None else [one for one in positions.partitions if one.behind]
    where = "; ".join(
        f"{one.stage} is {one.behind:,} behind in {one.topic}/{one.partition}" for one in behind
    )
    return (
        f"Nothing has moved for {STALL_S:.0f} s: {where or 'invoices wait to be built'}. Operator "
        f"action: read the workers' logs in {settings.data}/logs/{settings.installation}."
    )
