"""Whether the database answers: asked now and then, beside whatever load does with it."""

from __future__ import annotations

import asyncio

from pipeline.metrics import StageMetrics
from pipeline.within import within
from sinks.connection import Pool
from sinks.health import read_health

_EVERY_S = 5.0
_ANSWER_S = 5.0


async def watch_database(pool: Pool, metrics: StageMetrics) -> None:
    """Ask the database again and again, until cancelled; the partitions find out by themselves."""
    while True:
        metrics.database(await _problem(pool))
        await asyncio.sleep(_EVERY_S)


async def _problem(pool: Pool) -> str | None:
    try:
        await within(_ANSWER_S, read_health(pool))
    except TimeoutError:
        return f"no answer within {_ANSWER_S:.0f} s"
    except Exception as error:
        # Whatever it is: who looks on must not end what works.
        return str(error) or repr(error)
    return None
