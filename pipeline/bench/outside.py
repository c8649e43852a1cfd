"""Runs a program that is compared, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from pipeline.embedded.children import leashed


async def run_outside(
    command: Sequence[str], *, log: Path, modules: Path, patience_s: float
) -> None:
    """Run a program until it ends; it has ended when this returns, also when this is cancelled.

    What it writes goes to ``log``; ``modules`` is the folder that Python programs import from. That one
    was ended because ``patience_s`` was over is no error here: the figures that it wrote, or not, tell
    whether it was only slow to stop.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *leashed(command, dies_on=signal.SIGKILL),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(modules)},
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
