"""One demo run, from nothing to a reconciled installation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.app import run_folder
from pipeline.cli.catalogue import catalogue_files
from pipeline.cli.generating import generate_stoppable, request_of
from pipeline.cli.ingesting import Ingest, ingest_files
from pipeline.cli.keeper import claimed, keep_alive, until_no_demo_runs
from pipeline.cli.live import StageView, show_until_cancelled
from pipeline.cli.prepare import prepare
from pipeline.cli.stack import running_workers, start_services
from pipeline.cli.versions import publish_accounts, publish_catalogue
from pipeline.clock import Clock
from pipeline.demo.name import demo_installation
from pipeline.demo.report import DemoReport, Phases, report_of
from pipeline.demo.sample import sample_catalogue
from pipeline.demo.summary import Highlights, highlights_of
from pipeline.demo.through import until_through
from pipeline.embedded import Endpoints
from pipeline.errors import RatemillError
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from pipeline.verify import Report, verify
from rating.catalogue import CatalogueDocument, check
from sinks.connection import open_pool
from sources.generate.truth import Summary
from sources.reference.accounts import read_accounts

Tell = Callable[[str], None]

TENANT = "demo"
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a run came to, and what is worth showing of it."""

    report: DemoReport
    verified: Report
    highlights: Highlights


class _Run:
    def __init__(
        self, settings: Settings, *, records: int, seed: int, clock: Clock, tell: Tell
    ) -> None:
        name = demo_installation(clock.now())
        self.settings = settings.model_copy(update={"installation": name})
        self.folder = settings.data / "demo" / name
        self.records = records
        self.seed = seed
        self.clock = clock
        self.tell = tell
        self.mappings = load_mappings(settings)  # first: a wrong one is told before anything starts
        self.phases = Phases(self.now_s())

    def now_s(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    def done(self, name: str, text: str) -> float:
        """Tell that a part is done, and how long it took."""
        took_s = self.phases.done(name, self.now_s())
        self.tell(f"{text} ({took_s:.1f} s)")
        return took_s

    async def to_the_end(self) -> DemoResult:
        """Run all of it; whatever was started is stopped at the end, and when cancelled."""
        document = _sample_document()
        with claimed(self.settings, ends_by_itself=True) as claim:
            async with (
                self._generating(document) as generating,
                await start_services(self.settings, tell=self.tell) as services,
                _beside(keep_alive(services)),
            ):
                endpoints = services.endpoints
                claim.write(endpoints)
                await prepare(self.settings, endpoints, tell=self.tell)
                self.done("services", "Kafka and PostgreSQL answer, topics and tables are there")
                generated = await generating
                self.done("generate", f"{generated.records:,} usage records lie in {self.folder}")
                await self._publish(endpoints, document)
                seconds = await self._process(endpoints, generated)
                result = await self._conclude(endpoints, seconds)
                claim.withdraw()  # first, or two demos would wait for each other
                if endpoints.embedded:
                    await until_no_demo_runs(self.settings.data)
                return result

    @asynccontextmanager
    async def _generating(
        self, document: CatalogueDocument
    ) -> AsyncIterator[asyncio.Future[Summary]]:
        """Write the usage on a thread while the services start; a Ctrl-C ends it soon."""
        request = request_of(
            document,
            records=self.records,
            seed=self.seed,
            scenario="operator",
            today=self.clock.now().date(),
            horizon_days=self.settings.dedup_horizon_ms // _DAY_MS,
        )
        stop = threading.Event()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        writing = asyncio.ensure_future(
            asyncio.to_thread(generate_stoppable, request, self.folder, stop=stop)
        )
        try:
            yield writing
        finally:
            stop.set()
            await asyncio.gather(writing, return_exceptions=True)

    async def _publish(self, endpoints: Endpoints, document: CatalogueDocument) -> None:
        path = self.folder / "reference" / "accounts.jsonl"
        read = read_accounts({path.name: path.read_bytes()}, tenant=TENANT)
        if read.problems:
            raise RatemillError(
                f"The generated accounts are not in order: {read.problems[0]}. Operator action: "
                "report this, it is a bug of ours."
            )
        await publish_catalogue(self.settings, endpoints, document)
        await publish_accounts(self.settings, endpoints, read.accounts)
        self.done(
            "publish",
            f"Published {len(document.plans)} plans, {len(read.accounts):,} accounts, "
            f"{len(document.limits)} charge limits",
        )

    async def _process(self, endpoints: Endpoints, generated: Summary) -> float:
        """Return the seconds from the first record sent to the last one loaded and invoiced."""
        view = StageView(run_folder(self.settings))
        async with (
            running_workers(self.settings, endpoints, tell=self.tell),
            open_pool(
                endpoints.postgres_dsn, installation=self.settings.installation, max_size=2
            ) as pool,
            _beside(show_until_cancelled(view, "Normalise, rate, load: a process each")),
        ):
            for source in generated.sources:
                wanted = Ingest(
                    paths=(self.folder / source.folder,),
                    tenant=TENANT,
                    source=source.source,
                    stream=source.source,
                    format=source.format,
                    zone=source.zone,
                    reads_cdr_files=self.mappings[source.format].reads_cdr_files,
                    again=True,  # a file of one record that is a copy is a copy of a file
                    settle_s=0,
                )
                await ingest_files(self.settings, wanted, endpoints=endpoints, bars=False)
            ingested_s = self.done("ingest", f"{len(generated.files)} files are in the raw topic")
            await until_through(self.settings, bootstrap=endpoints.kafka_bootstrap, pool=pool)
            await view.look()
        rest_s = self.done("process", "Every record is through, every invoice is built")
        return ingested_s + rest_s

    async def _conclude(self, endpoints: Endpoints, processing_s: float) -> DemoResult:
        self.tell("Reconciling topics and tables")
        verified = await verify(
            self.settings, bootstrap=endpoints.kafka_bootstrap, dsn=endpoints.postgres_dsn
        )
        self.done("verify", "Compared every proof with every record and row")
        highlights = await highlights_of(self.settings, endpoints)
        report = report_of(
            verified,
            phases=self.phases,
            seconds=self.phases.total(self.now_s()),
            processing_s=processing_s,
            data=self.settings.data,
        )
        return DemoResult(report, verified, highlights)


async def run_demo(
    settings: Settings, *, records: int, seed: int, clock: Clock, tell: Tell
) -> DemoResult:
    """Return what one demo run came to, in an installation of its own."""
    return await _Run(settings, records=records, seed=seed, clock=clock, tell=tell).to_the_end()


def _sample_document() -> CatalogueDocument:
    folder: Path = sample_catalogue()
    checked = check(catalogue_files(folder))
    if checked.document is None:
        raise RatemillError(
            f"The sample catalogue is not in order: {checked.errors[0]}. Operator action: restore "
            f"{folder}."
        )
    return checked.document


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run the work for as long as the block lasts; its error is raised when the block is done."""
    task = asyncio.create_task(work)
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
