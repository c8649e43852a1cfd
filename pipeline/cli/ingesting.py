"""Reading files into the raw topic: which to pass over, how far each is, what came of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline.cli.output import counted, messages, tell
from pipeline.cli.session import connect
from pipeline.clock import Clock, SystemClock
from pipeline.embedded import Endpoints
from pipeline.publish import RawPublisher, raw_publisher
from pipeline.settings import Settings
from schemas.period import to_ms
from schemas.raw import MAX_RECORD_BYTES
from sinks.connection import Pool, open_pool
from sinks.files import IngestedFile, find_elsewhere, find_file, record_file
from sources.errors import SourceFileError
from sources.files import FileReading, FileSummary, content_sha256
from sources.listing import list_files
from sources.records import Origin, RawRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(frozen=True, slots=True)
class Ingest:
    """What somebody asked to read."""

    paths: tuple[Path, ...]
    tenant: str
    source: str
    stream: str
    format: str
    zone: str | None = None
    names_columns: bool = False
    reads_cdr_files: bool = False
    again: bool = False
    settle_s: int = 60

    def origin(self) -> Origin:
        """Return what every raw record says of where it comes from."""
        return Origin(
            tenant=self.tenant,
            source=self.source,
            stream=self.stream,
            format=self.format,
            zone=self.zone,
            names_columns=self.names_columns,
            reads_cdr_files=self.reads_cdr_files,
        )


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file."""

    path: str
    state: str  # "ingested", "empty", "already_ingested" or "refused"
    items: int = 0
    bytes: int = 0
    oversize: int = 0
    why: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every file."""

    files: tuple[FileReport, ...]
    passed_over: int  # files of folders that are hidden, or not finished by their name

    def _in(self, state: str) -> list[FileReport]:
        return [one for one in self.files if one.state == state]

    @property
    def refused(self) -> int:
        """Return how many files could not be read whole."""
        return len(self._in("refused"))

    def in_words(self) -> str:
        """Return the whole of it in one line."""
        ingested = self._in("ingested")
        items = sum(one.items for one in ingested)
        size = sum(one.bytes for one in ingested)
        parts = [
            f"{counted(len(ingested), 'file')} ingested: {counted(items, 'item')}, {counted(size, 'byte')}"
        ]
        for state, words in (
            ("already_ingested", "ingested before and passed over (--again reads them)"),
            ("empty", "empty"),
            ("refused", "refused"),
        ):
            if found := self._in(state):
                parts.append(f"{len(found):,} {words}")
        if self.passed_over:
            parts.append(f"{self.passed_over:,} hidden or unfinished by their name")
        return "; ".join(parts) + "."


async def ingest_files(
    settings: Settings,
    wanted: Ingest,
    *,
    endpoints: Endpoints | None = None,
    bars: bool = True,
) -> Report:
    """Return what became of each file; one that is refused does not keep the others back."""
    listing = list_files(wanted.paths)
    endpoints = endpoints or await connect(settings)
    reports = []
    async with (
        raw_publisher(settings, bootstrap=endpoints.kafka_bootstrap) as publisher,
        open_pool(endpoints.postgres_dsn, installation=settings.installation, max_size=1) as pool,
    ):
        reader = _Reader(pool, publisher, wanted, SystemClock())
        with _progress(wanted=bars) as progress:
            for path in listing.files:
                reports.append(await reader.read(path, progress))
    if not listing.files:
        tell(f"No file to read in {', '.join(map(str, wanted.paths))}.")
    return Report(files=tuple(reports), passed_over=len(listing.ignored))


class _Reader:
    def __init__(self, pool: Pool, publisher: RawPublisher, wanted: Ingest, clock: Clock) -> None:
        self._pool = pool
        self._publisher = publisher
        self._wanted = wanted
        self._clock = clock

    async def read(self, path: Path, progress: Progress | None) -> FileReport:
        """Return what became of one file; told at once where it is not simply ingested."""
        try:
            known = None if self._wanted.again else await self._known(path)
            if known is not None:
                tell(f"{path}: ingested before, as {known.name}; passed over (--again reads it).")
                return FileReport(path=str(path), state="already_ingested", items=known.items)
            summary = await self._publish(path, progress)
        except SourceFileError as error:
            tell(str(error))
            return FileReport(path=str(path), state="refused", why=str(error))
        await self._remember(path, summary)
        if summary.oversize:
            tell(
                f"{path}: {_too_large(summary.oversize)} to suspense; {MAX_RECORD_BYTES:,} bytes fit."
            )
        if not summary.bytes:
            tell(f"{path} is empty: nothing to charge in it.")
        return FileReport(
            path=str(path),
            state="ingested" if summary.bytes else "empty",
            items=summary.items,
            bytes=summary.bytes,
            oversize=summary.oversize,
        )

    async def _known(self, path: Path) -> IngestedFile | None:
        digest = await asyncio.to_thread(content_sha256, path)
        tenant, source = self._wanted.tenant, self._wanted.source
        known = await find_file(self._pool, tenant=tenant, source=source, sha256=digest)
        if known is not None:
            return known
        other = await find_elsewhere(self._pool, tenant=tenant, source=source, sha256=digest)
        if other is not None:
            # The source is part of what "the same event" means: nothing would recognise the copies.
            raise SourceFileError(
                f"{path} was ingested before from source {other.source}, as {other.name}: from "
                f"{source} its records would be charged a second time. Operator action: say "
                f"--source {other.source}; or --again, if both sources wrote the same on purpose."
            )
        return None

    async def _publish(self, path: Path, progress: Progress | None) -> FileSummary:
        reading = FileReading(
            path,
            origin=self._wanted.origin(),
            file_id=uuid.uuid4().hex,
            now_ms=to_ms(self._clock.now()),
            settle_s=self._wanted.settle_s,
        )
        with reading, _bar(progress, path.name, reading.size) as moved:

            def durable(record: RawRecord) -> None:
                moved(reading.position())

            await self._publisher.publish(reading.records(), on_durable=durable)
            assert reading.summary is not None, "the end record was sent"
            return reading.summary

    async def _remember(self, path: Path, summary: FileSummary) -> None:
        await record_file(
            self._pool,
            IngestedFile(
                tenant=self._wanted.tenant,
                source=self._wanted.source,
                sha256=summary.sha256,
                name=path.name,
                size_bytes=summary.bytes,
                items=summary.items,
            ),
        )


def _too_large(items: int) -> str:
    words = "is too large and goes" if items == 1 else "are too large and go"
    return f"{counted(items, 'item')} {words}"


@contextmanager
def _progress(*, wanted: bool) -> Iterator[Progress | None]:
    """Yield a progress display on a terminal, else nothing: a log needs no bars."""
    if not (wanted and messages().is_terminal):
        yield None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=messages(),
        transient=True,
    ) as progress:
        yield progress


@contextmanager
def _bar(progress: Progress | None, name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield what moves a file's bar to so many bytes."""
    if progress is None:
        yield lambda position: None
        return
    task: TaskID = progress.add_task(name, total=size)
    try:
        yield lambda position: progress.update(task, completed=position)
    finally:
        progress.remove_task(task)
