"""What a process of the benchmark is asked to measure, and how it answers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from pipeline.bench.result import Figures
from pipeline.cli.session import endpoint_settings
from pipeline.embedded import Endpoints
from pipeline.embedded.children import leashed
from pipeline.errors import RatemillError
from pipeline.settings import Settings


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement in a process of its own, so that its memory is its own too."""

    name: str
    workload: str = ""  # folder
    scratch: str = ""  # folder for files
    most_events: int = 0  # 0: all
    now_ms: int = 0  # when the records are said to have arrived


async def measured(task: Task, settings: Settings, endpoints: Endpoints, *, log: Path) -> Figures:
    """Return the figures of a task; its process ends with this one, and when cancelled."""
    environment = endpoint_settings(settings, endpoints).environment()
    command = [sys.executable, "-P", "-m", "pipeline.bench.alone"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *leashed(command, dies_on=signal.SIGKILL),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        answer, _ = await process.communicate(msgspec.json.encode(task))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RatemillError(
            f"The measurement {task.name} ended with exit code {process.returncode}. "
            f"{_last_line(log)} Operator action: report the end of {log}; the other parts can be "
            "measured with --only."
        )
    return msgspec.json.decode(answer, type=Figures)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return f"It said: {lines[-1]}" if lines else ""


class FaustTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent of `benchmarks/faust_agent` is told; its prefix, services and folders."""

    name: str  # of the app, and the prefix of its topics
    bootstrap: str
    workload: str
    scratch: str
    figures: str  # the file that it writes when it has read the end
    now_ms: int
    horizon_ms: int
    future_ms: int
