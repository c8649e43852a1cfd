"""What the workers do, by their metrics: who moves records now, what was restored, what stopped."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from pipeline.app import run_folder
from pipeline.cli.workers import Announced, announced_workers
from pipeline.settings import Settings

_LOOK_EVERY_S = 0.05
_WATCH_EVERY_S = 0.4
_ANSWER_S = 1.0
_SAMPLE = re.compile(r"^(\w+)\{([^}]*)\} ([0-9.e+-]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Partition = str
"""`rate/2`; of load `load/<topic>/<partition>`."""


class Moving(NamedTuple):
    """A worker that has just committed records, and of which partitions."""

    pid: int
    partitions: tuple[Partition, ...]


class Numbers(NamedTuple):
    """What one worker says of its partitions."""

    records: dict[Partition, int]
    restored: dict[Partition, int]
    stops: dict[str, int]  # `rate/2 AppendRefused`
    lags: dict[Partition, int]  # source records behind, of every partition that it owns


class Watch:
    """Looks at every worker again and again while a run lasts."""

    def __init__(self, settings: Settings) -> None:
        self._folder = run_folder(settings)
        self._folded: dict[tuple[int, Partition], int] = {}  # by its running or last restore
        self._restores: Counter[Partition] = Counter()
        self._stops: dict[tuple[int, str], int] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_WATCH_EVERY_S)

    async def look(self, stage: str | None = None) -> dict[int, Numbers]:
        """Return what the workers say now, and remember it."""
        workers = [one for one in announced_workers(self._folder) if stage in (None, one.stage)]
        answers = await asyncio.gather(*(_numbers(one) for one in workers))
        for worker, numbers in zip(workers, answers, strict=True):
            for partition, count in numbers.restored.items():
                before = self._folded.get((worker.pid, partition), 0)
                # It grows while a restore lasts; the next one begins anew.
                if count and (not before or count < before):
                    self._restores[partition] += 1
                self._folded[worker.pid, partition] = count
            for what, count in numbers.stops.items():
                self._stops[worker.pid, what] = count
        return {worker.pid: numbers for worker, numbers in zip(workers, answers, strict=True)}

    async def moving(self, stage: str, *, among: set[int], within_s: float) -> list[Moving]:
        """Return the workers that have committed records since the last look, one at least.

        `TimeoutError` where none does: a fault would prove nothing.
        """
        before: dict[int, Numbers] = {}
        async with asyncio.timeout(within_s):
            while True:
                now = await self.look(stage)
                found = []
                for pid, numbers in now.items():
                    if pid not in among or pid not in before:
                        continue
                    grown = tuple(
                        partition
                        for partition, count in numbers.records.items()
                        if count > before[pid].records.get(partition, 0)
                    )
                    if grown:
                        found.append(Moving(pid, grown))
                if found:
                    return sorted(found)
                before = now
                await asyncio.sleep(_LOOK_EVERY_S)

    def restored(self) -> Counter[Partition]:
        """Return how often, at least, each partition's state was restored from its changelog.

        The first time is no restore: its first owner folds the genesis.
        """
        found = self._restores.copy()
        found.subtract(list(found))
        return +found

    def stops(self) -> Counter[str]:
        """Return how often a session ended in doubt, by kind of error."""
        found: Counter[str] = Counter()
        for (_, what), count in self._stops.items():
            found[what.rpartition(" ")[2]] += count
        return found


async def _numbers(worker: Announced) -> Numbers:
    text = ""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            text = await _page(worker.metrics_port)
    numbers = Numbers({}, {}, {}, {})
    for name, labels, value in _SAMPLE.findall(text):
        said = dict(_LABEL.findall(labels))
        partition = f"{worker.stage}/{said.get('partition', '')}"
        match name:
            case "ratemill_source_records_total":
                numbers.records[partition] = int(float(value))
            case "kafka_consumergroup_lag":
                topic = f"{said['topic']}/" if worker.stage == "load" else ""
                lagging = f"{worker.stage}/{topic}{said['partition']}"
                numbers.lags[lagging] = int(float(value))
            case "ratemill_restored_records":
                numbers.restored[partition] = int(float(value))
            case "ratemill_partition_stops_total":
                numbers.stops[f"{partition} {said['error']}"] = int(float(value))
            case _:
                pass
    return numbers


async def _page(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        await writer.drain()
        return (await reader.read()).decode()
    finally:
        writer.close()
