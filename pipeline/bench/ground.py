"""Where a benchmark runs: services and folders of its own, gone when it has ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from pipeline.bench.processes import Used, used_by_tree
from pipeline.bench.refusals import PREFIX, BenchRefused
from pipeline.bench.result import Findings
from pipeline.bench.workload import Workload
from pipeline.cli.stack import start_services
from pipeline.clock import Clock
from pipeline.embedded import Endpoints
from pipeline.embedded.layout import layout_of
from pipeline.errors import RatemillError
from pipeline.kafka import admin_client
from pipeline.settings import Settings
from rating.catalogue import CatalogueDocument
from sinks.errors import SinkError
from sinks.installation import drop_installation

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What every part of a benchmark is given."""

    settings: Settings  # its data folder is that of this run alone
    endpoints: Endpoints
    workload: Workload
    document: CatalogueDocument  # of the workload
    findings: Findings
    clock: Clock
    tell: Tell

    def now_s(self) -> float:
        """Return seconds since some fixed moment."""
        return self.clock.monotonic_ns() / 1e9

    def services_used(self) -> dict[str, Used]:
        """Return what broker and database have used; nothing of those that are not ours."""
        living = layout_of(self.settings.data).run_file.living()
        return {name: used_by_tree(entry.process.pid) for name, entry in living.items()}

    def scratch(self, name: str) -> Path:
        """Return a new folder for files of one part."""
        folder = self.settings.data / "scratch" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def name(self, part: str) -> str:
        """Return the name of an installation, or what topics begin with, of this run alone."""
        return f"{PREFIX}{part}_{self.settings.data.name.rpartition('-')[2]}"

    def installation(self, part: str) -> Settings:
        """Return the settings of an installation of this run."""
        return self.settings.model_copy(update={"installation": self.name(part)})


@contextlib.contextmanager
def bench_folder(data: Path) -> Iterator[Path]:
    """Yield the folder of benchmarks in a data folder; `BenchRefused` while another one runs there.

    What a killed one left behind is removed.
    """
    folder = data / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchRefused(
                f"Another benchmark runs in {folder}. Nothing was started. Operator action: wait "
                "for its end; two at once would measure each other."
            ) from None
        for left in folder.glob("run-*"):
            remove_run(left)
        yield folder
    finally:
        os.close(handle)


@contextlib.asynccontextmanager
async def own_services(settings: Settings, *, tell: Tell) -> AsyncIterator[Endpoints]:
    """Yield services that answer: those of the settings, else new ones in the data folder.

    At the end, the new ones are stopped and their folder is removed.
    """
    settings.data.mkdir(parents=True)
    settings.data.chmod(0o755)  # PostgreSQL may run as another user
    try:
        async with await start_services(settings, tell=tell) as services:
            yield services.endpoints
    finally:
        remove_run(settings.data)


def remove_run(folder: Path) -> None:
    """Remove a run's folder, and the database that lies elsewhere where we are root."""
    location = folder / "postgres" / "location"
    with contextlib.suppress(OSError):
        elsewhere = Path(location.read_text().strip())
        if not elsewhere.is_relative_to(folder):
            shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def own_installation(
    ground: Ground, name: str, *, partitions: int = 0
) -> AsyncIterator[Settings]:
    """Yield the settings of an installation; its topics, tables and state are gone afterwards."""
    settings = ground.installation(name)
    if partitions:
        counts = {"raw_partitions": partitions, "rating_partitions": partitions}
        settings = settings.model_copy(update=counts)
    try:
        yield settings
    except BaseException:
        # What went wrong is the news; that nothing could be removed either is not.
        with contextlib.suppress(KafkaError, SinkError, RatemillError, OSError, TimeoutError):
            await _remove_installation(ground, settings)
        raise
    await _remove_installation(ground, settings)


async def _remove_installation(ground: Ground, settings: Settings) -> None:
    await remove_topics(ground.endpoints.kafka_bootstrap, f"{settings.installation}.")
    await drop_installation(ground.endpoints.postgres_dsn, installation=settings.installation)
    shutil.rmtree(settings.state_folder(), ignore_errors=True)


async def remove_topics(bootstrap: str, beginning: str) -> None:
    """Delete every topic whose name begins so; it is one of a benchmark."""
    assert beginning.startswith(PREFIX), "topics of others are not touched"
    async with admin_client(bootstrap) as admin:
        names = [name for name in await admin.list_topics() if name.startswith(beginning)]
        if names:
            await admin.delete_topics(names)
