"""Saying in words that the broker does not answer, while its clients try again in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from pipeline.backoff import Backoff
from pipeline.errors import RatemillError
from pipeline.within import within

_log = structlog.get_logger(__name__)

_EVERY_S = 5.0
_ANSWER_S = 10.0


async def watch_broker(
    ask: Callable[[], Coroutine[Any, Any, object]],
    *,
    every_s: float = _EVERY_S,
    backoff: Backoff | None = None,
) -> None:
    """Ask the broker something now and then, for ever, and log when it stops and starts to answer.

    A client that waits for a broker shows nothing but an empty poll to who uses it. Nothing hangs
    on this watch: whoever works on a partition goes on as soon as the broker is there.
    """
    backoff = backoff or Backoff()
    clock = asyncio.get_running_loop().time
    answered_s, silent = clock(), False
    while True:
        try:
            await within(_ANSWER_S, ask())
        except (RatemillError, KafkaError, TimeoutError, OSError) as error:
            silent = True
            _log.error(
                "broker_does_not_answer",
                error=str(error) or repr(error),
                for_s=round(clock() - answered_s),
                then="it is tried again and again; nothing is lost",
            )
            await backoff.wait()
            continue
        if silent:
            _log.info("broker_answers_again", after_s=round(clock() - answered_s))
        answered_s, silent = clock(), False
        backoff.reset()
        await asyncio.sleep(every_s)
