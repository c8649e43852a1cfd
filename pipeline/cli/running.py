"""Running a command's work to its end, and ending it in order when somebody asks for that."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from typing import TypeVar

from pipeline.cli.output import tell

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TIMES_TO_LEAVE_AT_ONCE = 3

BEFORE_THE_END = "Stopped before the end."
WATCHING_ENDED = "Watching ended; what runs goes on."
NOTHING_LEFT = "Stopped; nothing is left running."  # of what starts processes


class Stopped(BaseException):
    """The work was ended by a signal, and has cleaned up."""

    def __init__(self, number: signal.Signals, told: str) -> None:
        super().__init__(number.name)
        self.exit_code = 128 + number
        self.told = told  # what the user reads


def run_to_end(work: Coroutine[None, None, T], *, stopped: str = BEFORE_THE_END) -> T:
    """Return what the work returns; `Stopped` after a Ctrl-C or TERM, when it has cleaned up.

    ``stopped``: what is told then.
    """
    return asyncio.run(_guarded(work, stopped))


async def _guarded(work: Coroutine[None, None, T], stopped: str) -> T:
    task = asyncio.current_task()
    assert task is not None
    asked: list[signal.Signals] = []

    def ask(number: signal.Signals) -> None:
        asked.append(number)
        if len(asked) == 1:
            task.cancel()
        elif len(asked) < _TIMES_TO_LEAVE_AT_ONCE:
            # A second cancellation would break off the clean-up that the first one began.
            tell("Still stopping. Once more leaves at once; what was started then ends by itself.")
        else:
            os._exit(128 + number)  # our children's leashes end them

    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            loop.add_signal_handler(number, ask, number)
    try:
        return await work
    except asyncio.CancelledError:
        if asked:
            raise Stopped(asked[0], stopped) from None
        raise
