"""Waiting until every record is through: read, rated, loaded, and invoiced where a limit said so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from pipeline.errors import RatemillError
from pipeline.settings import Settings
from pipeline.status import Positions, Tails, positions_of, status_tails

_POLL_S = 0.25  # how often the positions are asked for; what ends the wait is what they say
STALL_S = 60.0


class Stalled(RatemillError):
    """Nothing has moved for a minute, and not everything is through."""


async def until_through(
    settings: Settings,
    *,
    bootstrap: str,
    loaded: Callable[[], Awaitable[dict[tuple[str, int], int]]],
    pending_invoices: Callable[[], Awaitable[int]],
) -> Positions:
    """Return the positions once each stage's is the end of what it reads and no invoice waits.

    Decided by the last committed proofs and load's progress rows, never by time; `Stalled` when
    none of them moves for `STALL_S`.
    """
    loop = asyncio.get_running_loop()
    moved_s, before = loop.time(), None
    async with status_tails(settings, bootstrap=bootstrap) as tails:
        while True:
            positions = await _positions(settings, tails, loaded)
            if positions is not None:
                if positions.through and not await pending_invoices():
                    return positions
                if positions.partitions != before:
                    moved_s, before = loop.time(), positions.partitions
            if loop.time() - moved_s > STALL_S:
                raise Stalled(_stalled(settings, positions))
            await asyncio.sleep(_POLL_S)


async def _positions(
    settings: Settings,
    tails: Tails,
    loaded: Callable[[], Awaitable[dict[tuple[str, int], int]]],
) -> Positions | None:
    """Return the positions, or None while a service is being started again."""
    from sinks.errors import SinkUnavailable

    try:
        # Load's rows first: what is read behind them can only have come later.
        rows = await loaded()
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
