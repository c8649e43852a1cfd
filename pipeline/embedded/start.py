"""Starting what a data folder lacks, and ending what runs in it; both under its lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.embedded import kafka, postgres
from pipeline.embedded.children import Child
from pipeline.embedded.jars import ensure_jars, read_list
from pipeline.embedded.layout import Layout
from pipeline.embedded.locks import held
from pipeline.embedded.options import EmbeddedOptions
from pipeline.embedded.processes import ProcessId, end
from pipeline.embedded.run_file import Entry, ServiceName

_LOCK_TIMEOUT_S = 1000  # another start may be fetching the jars
_STOP_GRACE_S = 20
_STOP_SIGNALS = {"kafka": kafka.STOP_SIGNALS, "postgres": postgres.STOP_SIGNALS}


@dataclass
class Starter:
    """Starts services in one data folder and holds the children that it started."""

    layout: Layout
    wanted: tuple[ServiceName, ...]
    options: EmbeddedOptions
    on_progress: Callable[[str], None]
    detach: bool
    children: dict[ServiceName, Child] = field(default_factory=dict)

    async def run(self) -> None:
        """Start what is missing, all at once; if one fails, those started with it end too."""
        if not self.wanted:
            return
        async with held(self.layout.lock, timeout_s=_LOCK_TIMEOUT_S, on_wait=self._tell_waiting):
            living = self.layout.run_file.living()
            half = {name: one.process for name, one in living.items() if not one.ready}
            await _end_all(self.layout, half)  # whoever started them died before they answered
            missing = [name for name in self.wanted if name not in living or name in half]
            await self._start_all(missing)

    async def _start_all(self, names: list[ServiceName]) -> None:
        starts = [asyncio.create_task(self._start(name)) for name in names]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self._end_mine(names)
            raise

    async def _start(self, name: ServiceName) -> None:
        """Start one; its process is on record before anybody waits for it."""
        record = self.layout.run_file

        def on_spawn(process: ProcessId, address: str) -> None:
            record.put(name, Entry(process, address, ready=False))

        if name in self.children:
            self.children.pop(name).popen.wait()  # it has died: this only takes its exit code
        start = self._start_kafka if name == "kafka" else self._start_postgres
        child, address = await start(on_spawn)
        self.children[name] = child
        record.put(name, Entry(child.process, address, ready=True))
        self.on_progress(f"{name} answers at {address}")

    async def _start_kafka(self, on_spawn: Callable[[ProcessId, str], None]) -> tuple[Child, str]:
        options = self.options
        jars = await ensure_jars(
            read_list(),
            options.cache,
            repository=options.maven_repository,
            on_progress=self.on_progress,
        )
        self.on_progress("starting kafka")
        return await kafka.start_kafka(
            self.layout.kafka, jars, options, detach=self.detach, on_spawn=on_spawn
        )

    async def _start_postgres(
        self, on_spawn: Callable[[ProcessId, str], None]
    ) -> tuple[Child, str]:
        self.on_progress("starting postgres")
        return await postgres.start_postgres(
            self.layout.postgres,
            self.layout.postgres_log,
            self.options,
            detach=self.detach,
            on_spawn=on_spawn,
        )

    async def end_mine(self) -> None:
        """End what this object started, and nothing that it found running."""
        if not self.children:
            return
        async with held(self.layout.lock, timeout_s=_LOCK_TIMEOUT_S, on_wait=self._tell_waiting):
            await self._end_mine(list(self.children))

    async def _end_mine(self, names: list[ServiceName]) -> None:
        mine = {name: self.children.pop(name) for name in names if name in self.children}
        await _end_all(self.layout, {name: child.process for name, child in mine.items()})
        for child in mine.values():
            child.popen.wait()  # it has ended: this only takes its exit code

    def _tell_waiting(self) -> None:
        self.on_progress("another process is starting or stopping the services, waiting for it")


async def end_everything(layout: Layout) -> bool:
    """End whatever runs in the folder, whoever started it; return whether anything did."""
    if not layout.run_file.read():
        return False
    async with held(layout.lock, timeout_s=_LOCK_TIMEOUT_S, on_wait=lambda: None):
        living = layout.run_file.living()
        await _end_all(layout, {name: entry.process for name, entry in living.items()})
    return bool(living)


async def _end_all(layout: Layout, processes: Mapping[ServiceName, ProcessId]) -> None:
    ends = [
        end(process, _STOP_SIGNALS[name], grace_s=_STOP_GRACE_S)
        for name, process in processes.items()
    ]
    await asyncio.gather(*ends)
    if processes:
        layout.run_file.remove(*processes)
