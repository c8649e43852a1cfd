"""The process that measures one thing alone: reads a task, writes its figures."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import msgspec

from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.cli.arithmetic import trap_inexact_money
from pipeline.collecting import collect_seldom
from pipeline.logs import configure_logs
from pipeline.settings import Settings


def main() -> None:
    """Read a task from standard input, write the figures to standard output."""
    trap_inexact_money()
    configure_logs(level="ERROR")
    collect_seldom()  # as a worker does
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    figures = asyncio.run(_measure(task, Settings()))
    sys.stdout.buffer.write(msgspec.json.encode(figures))


async def _measure(task: Task, settings: Settings) -> Figures:
    return await _measures()[task.name](task, settings)


def _measures() -> dict[str, Callable[[Task, Settings], Awaitable[Figures]]]:
    from pipeline.bench import (
        call_alone,
        catalogue_alone,
        faust_expected,
        formats_alone,
        load_alone,
        pass_through,
        restore,
        step_alone,
    )

    return {
        "normalise": step_alone.normalise,
        "normalise_without_dedup": step_alone.normalise_without_dedup,
        "normalise_formats": formats_alone.formats,
        "rate": step_alone.rate,
        "load": load_alone.load,
        "catalogue": catalogue_alone.catalogue,
        "card": catalogue_alone.card,
        "call": call_alone.call,
        "restore": restore.restore,
        "pass_through": pass_through.pass_through,
        "faust_expected": faust_expected.expected,
    }


if __name__ == "__main__":
    main()
