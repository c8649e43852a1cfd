"""The installation of a run: its processes as they really are, over clients in memory."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from unittest import mock

import structlog
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

import pipeline.genesis
from pipeline.cli.starts import starts_of
from pipeline.clock import SystemClock
from pipeline.feeds import Entry, publish_version
from pipeline.genesis import _write_genesis
from pipeline.load_partition import LoadPartition
from pipeline.loading import LedgerGathering, ProofGathering, SuspenseGathering
from pipeline.mappings import load_mappings
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.settings import Settings
from pipeline.stages import normalise_stage, rate_stage
from pipeline.topics import topics_of
from rating.catalogue import check, document_to_parts
from schemas.reference import account_to_json
from sinks.progress import Progress
from tests.simulation import tables as memory_tables
from tests.simulation.broker import CLUSTER_ID
from tests.simulation.clients import MemoryConsumer, MemoryProducer, MemorySourceConsumer
from tests.simulation.disk import MemoryBatch, MemoryRdict
from tests.simulation.groups import MemoryGroupConsumer
from tests.simulation.process import Process, current
from tests.simulation.schedule import Fault, Schedule
from tests.simulation.workload import accounts, catalogue_files
from tests.simulation.world import World

NAME = "sim"
YEARS_MS = 20 * 365 * 86_400_000


def settings_of(folder: Path, **changed: int) -> Settings:
    """Return the settings of a run; times are as short as a real broker would take them."""
    usual = {
        "raw_partitions": 2,
        "rating_partitions": 2,
        "dedup_horizon_ms": YEARS_MS,
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 1_000,
        "transaction_timeout_ms": 5_000,
        "snapshot_changes": 0,  # they are files, and threads
    }
    return Settings(installation=NAME, data=folder, **(usual | changed))


class VirtualClock(SystemClock):
    """A clock that goes by the loop's time; work seems to take as long as the seed says."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._worked_ns = 0

    def monotonic_ns(self) -> int:
        self._worked_ns += self._draw.randint(1_000, 4_000_000)
        return int(asyncio.get_running_loop().time() * 1e9) + self._worked_ns


def _consumer(*, group_id: str | None = None, **named: object) -> object:
    if group_id is None:
        return MemoryConsumer(**named)  # type: ignore[arg-type]
    return MemoryGroupConsumer(group_id=group_id, **named)  # type: ignore[arg-type]


async def _known(_consumer: object, _partition: TopicPartition) -> None:
    """The one broker leads every partition."""


@functools.cache
def _mappings() -> object:
    return load_mappings(Settings(installation=NAME))


@contextlib.contextmanager
def in_memory(world: World) -> Iterator[None]:
    """Let the pipeline's modules make clients of the world for as long as the block lasts."""

    async def cluster(settings: Settings, *, bootstrap: str) -> str:
        return CLUSTER_ID

    def drop(logger: object, method: str, event: dict[str, object]) -> str:
        process = current().name if _in_process() else "-"
        # Without the trace and without addresses: what is said is equal in every run of a seed.
        said = {k: v for k, v in event.items() if k not in ("event", "exc_info")}
        world.say(f"{process}: {event['event']} {said}")
        if event.get("exc_info"):
            world.surprises.append(f"{process}: {event}")
        raise structlog.DropEvent

    identifiers = (f"{number:032x}" for number in range(1, 1000))
    with contextlib.ExitStack() as patches:
        for target, value in {
            "pipeline.kafka.AIOKafkaConsumer": _consumer,
            "pipeline.kafka.SourceConsumer": MemorySourceConsumer,
            "pipeline.kafka._leader_known": _known,
            "pipeline.kafka.PartitionsFirstProducer": MemoryProducer,
            "pipeline.ownership.AIOKafkaConsumer": _consumer,
            # How a broker is reached is read from the environment for each client: a fourth of the time.
            "pipeline.kafka.client_arguments": dict,
            "pipeline.ownership.client_arguments": dict,
            "pipeline.state.WriteBatch": MemoryBatch,
            "pipeline.state.Rdict": lambda path, **named: MemoryRdict(path, world.disk),
            "pipeline.stages.checked_cluster_id": cluster,
            "pipeline.stages.load_mappings": lambda settings: _mappings(),
            "pipeline.loading.load_ledger": memory_tables.load_ledger,
            "pipeline.loading.load_suspense": memory_tables.load_suspense,
            "pipeline.loading.load_normalise_proofs": memory_tables.load_normalise_proofs,
            "pipeline.load_partition.read_progress": memory_tables.read_progress,
        }.items():
            patches.enter_context(mock.patch(target, value))
        uuid4 = mock.Mock(side_effect=lambda: mock.Mock(hex=next(identifiers)))
        patches.enter_context(mock.patch.object(pipeline.genesis.uuid, "uuid4", uuid4))
        before = structlog.get_config()
        structlog.configure(processors=[drop], cache_logger_on_first_use=False)
        patches.callback(structlog.configure, **before)
        yield


def _in_process() -> bool:
    try:
        current()
    except LookupError:
        return False
    return True


class Installation:
    """Topics with their genesis, catalogue and accounts; processes that a supervisor keeps up."""

    def __init__(self, world: World, settings: Settings, schedule: Schedule) -> None:
        self.world = world
        self.settings = settings
        self.schedule = schedule
        self.topics = topics_of(settings)
        self.deaths = 0
        self._supervised: list[asyncio.Task[None]] = []
        self._faults: dict[Process, Fault] = {}
        schedule.on_fault = self._hurt

    async def create(self) -> int:
        """Write genesis proofs, accounts, catalogue, and the rows that load begins from; return
        the catalogue's version."""
        settings, bootstrap = self.settings, self.world.bootstrap
        genesis, _ = await _write_genesis(settings, self.topics, bootstrap, CLUSTER_ID)
        await self.publish_accounts()
        version = await self.publish_catalogue(0)
        for start in await starts_of(settings, bootstrap=bootstrap):
            row = Progress(
                *(NAME, start.topic, start.partition, genesis),
                next_position=start.next_position,
                batch=0,
                chain=start.chain,
                source_next=start.source_next,
            )
            self.world.tables.progress[start.topic, start.partition] = row
        return version

    async def publish_accounts(self, *, later: bool = False) -> None:
        """Publish the accounts, or the one that comes later."""
        found = accounts(later=later)
        await publish_version(
            self.settings,
            bootstrap=self.world.bootstrap,
            topic=self.topics.reference.name,
            parts=[Entry(a.account_id.encode(), account_to_json(a)) for a in found],
            marker=Entry(b"", b""),
        )

    async def publish_catalogue(self, version: int) -> int:
        """Return the number of a version of the catalogue that is published."""
        document = check(catalogue_files(version)).document
        assert document is not None
        head, chunks = document_to_parts(document)
        return await publish_version(
            self.settings,
            bootstrap=self.world.bootstrap,
            topic=self.topics.catalogue.name,
            parts=[Entry(name.encode(), rows) for name, rows in chunks.items()],
            marker=Entry(b"", head),
        )

    @contextlib.asynccontextmanager
    async def working(self, workers: dict[str, int]) -> AsyncIterator[None]:
        """Yield while so many processes of each stage run, started again when they die."""
        slot = 0
        for stage, count in workers.items():
            for number in range(count):
                name = f"{stage}-{number}"
                self._supervised.append(asyncio.create_task(self._supervise(stage, name, slot)))
                slot += 1
        try:
            yield
        finally:
            for task in self._supervised:
                task.cancel()
            await asyncio.gather(*self._supervised, return_exceptions=True)

    async def _supervise(self, stage: str, name: str, slot: int) -> None:
        """Start a process, and again when it has died, after as long as its fault says."""
        settings = self.settings.model_copy(update={"slot": slot})
        folder = settings.state_folder() / f"slot-{slot}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "member").write_text(f"{slot:016x}")  # else it is drawn at random
        while True:
            process = Process(name, self.schedule)
            running = asyncio.create_task(self._main(process, stage, settings))
            try:
                await asyncio.wait({running})
                if not process.dead and not process.asked_to_end:
                    self.world.surprises.append(f"{name} ended by itself: {running}")
                    self.world.say(f"{name}: ended by itself, {running}")
                    return
            except asyncio.CancelledError:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                raise
            self.deaths += process.dead
            fault = self._faults.pop(process)
            if fault.lose:
                self.world.disk.lose_newest(fault.lose)
            if fault.wipe:
                _wipe(folder)
            await asyncio.sleep(fault.away_s)

    async def _main(self, process: Process, stage: str, settings: Settings) -> None:
        process.enter()
        await asyncio.sleep(self.schedule.random.uniform(0.05, 0.4))  # a worker has to start
        clock = VirtualClock(self.schedule.random)
        bootstrap = self.world.bootstrap
        if stage == "normalise":
            await normalise_stage(settings, bootstrap=bootstrap).run(clock)
        elif stage == "rate":
            await rate_stage(settings, bootstrap=bootstrap).run(clock)
        else:
            await self._load(settings, clock)

    async def _load(self, settings: Settings, clock: VirtualClock) -> None:
        """Load as `pipeline.load` wires it, over the tables in memory."""
        tables, topics = self.world.tables, self.topics
        metrics = StageMetrics("load", CollectorRegistry())
        gathers: dict[str, Callable[..., object]] = {
            topics.ledger.name: lambda pool, progress: LedgerGathering(
                pool, progress, on_request=lambda: None
            ),
            topics.suspense.name: lambda pool, progress: SuspenseGathering(pool),
            topics.proofs.name: lambda pool, progress: ProofGathering(pool),
        }

        def own(partition: TopicPartition) -> LoadPartition:
            return LoadPartition(
                gathers[partition.topic],  # type: ignore[arg-type]
                settings,
                bootstrap=self.world.bootstrap,
                pool=tables,  # type: ignore[arg-type]
                ownership=ownership,
                partition=partition,
                clock=clock,
                metrics=metrics,
                every_ms=settings.batch_every_ms,
            )

        ownership = Ownership(
            settings,
            bootstrap=self.world.bootstrap,
            group=f"{NAME}.load",
            topics=list(gathers),
            own=own,
            instance_id=f"{NAME}.load.{settings.slot}" if settings.slot else None,
        )
        await ownership.run()

    def _hurt(self, process: Process, fault: Fault) -> None:
        self.world.say(f"{process.name}: {fault}")
        if fault.kind == "stop":
            process.stop(fault.away_s)
            return
        # Who is asked to end may be killed while it does.
        self._faults.setdefault(process, fault)
        if fault.kind == "kill":
            process.kill()
        else:
            process.terminate()


def _wipe(folder: Path) -> None:
    for mark in folder.rglob("CURRENT"):
        mark.unlink()
