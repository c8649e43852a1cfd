"""Load as it runs: the ledger, suspense and proofs of normalise into Postgres; invoices; relay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.database_watch import watch_database
from pipeline.genesis import checked_cluster_id, last_proof_or_none
from pipeline.health import Health
from pipeline.load_partition import EXPECTED, LoadPartition
from pipeline.loading import (
    Gather,
    LedgerGathering,
    ProofGathering,
    SuspenseGathering,
)
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.relay import relay_commands
from pipeline.settings import Settings
from pipeline.slots import take_slot
from pipeline.topics import topics_of
from pipeline.within import within
from schemas.flow import Channel
from sinks.connection import Pool, open_pool
from sinks.installation import Identity, check_identity
from sinks.invoices import build_pending_invoices

_log = structlog.get_logger(__name__)

_LOAD = "load"
_AT_LEISURE = 8  # nobody waits for a copy, a refusal or a proof as one waits for a charge
_LOOK_EVERY_S = 2.0  # for requests and commands that another process has written


@dataclass(frozen=True, slots=True)
class LoadStage:
    """Load, ready to run in this process."""

    settings: Settings
    bootstrap: str
    dsn: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    health: Health = field(default_factory=Health)

    async def run(self, clock: Clock) -> None:
        """Load the partitions that the group assigns, build invoices, relay commands."""
        settings = self.settings
        cluster = await checked_cluster_id(settings, bootstrap=self.bootstrap)
        topics = topics_of(settings)
        group = f"{settings.installation}.{_LOAD}"
        metrics = StageMetrics(_LOAD, self.registry, health=self.health, clock=clock, group=group)
        slot = await take_slot(
            settings.state_folder(),
            wanted=settings.slot,
            wait_s=settings.session_timeout_ms / 1000,
        )
        requested = asyncio.Event()
        # A connection for each partition that loads at once, one for invoices, one for commands, one
        # that asks whether the database answers.
        size = topics.ledger.partitions + 5
        try:
            async with open_pool(
                self.dsn, installation=settings.installation, max_size=size
            ) as pool:
                await check_identity(pool, await self._identity(cluster))
                gathers: dict[str, Gather] = {
                    topics.ledger.name: lambda pool, progress: LedgerGathering(
                        pool, progress, on_request=requested.set
                    ),
                    topics.suspense.name: lambda pool, progress: SuspenseGathering(pool),
                    topics.proofs.name: lambda pool, progress: ProofGathering(pool),
                }

                def own(partition: TopicPartition) -> LoadPartition:
                    return LoadPartition(
                        gathers[partition.topic],
                        settings,
                        bootstrap=self.bootstrap,
                        pool=pool,
                        ownership=ownership,
                        partition=partition,
                        clock=clock,
                        metrics=metrics,
                        every_ms=settings.batch_every_ms
                        * (1 if partition.topic == topics.ledger.name else _AT_LEISURE),
                    )

                static_id = slot.member_id(installation=settings.installation, stage=_LOAD)
                ownership = Ownership(
                    settings,
                    bootstrap=self.bootstrap,
                    group=group,
                    topics=list(gathers),
                    own=own,
                    instance_id=None if settings.slot is None else static_id,
                    on_assigned=metrics.assigned,
                )
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(ownership.run())
                    tasks.create_task(watch_database(pool, metrics))
                    tasks.create_task(
                        _repeat(
                            lambda: _invoice(pool, metrics),
                            wake=requested,
                            name="invoices",
                            metrics=metrics,
                        )
                    )
                    tasks.create_task(
                        _repeat(
                            lambda: relay_commands(settings, bootstrap=self.bootstrap, pool=pool),
                            wake=asyncio.Event(),
                            name="commands",
                            metrics=metrics,
                        )
                    )
        finally:
            slot.release()

    async def _identity(self, cluster: str) -> Identity:
        topics = topics_of(self.settings)
        last = await last_proof_or_none(
            self.bootstrap, Channel.LEDGER, TopicPartition(topics.ledger.name, 0)
        )
        genesis_id = "" if last is None else last.proof.genesis_id
        return Identity(self.settings.installation, cluster, genesis_id)


def load_stage(settings: Settings, *, bootstrap: str, dsn: str) -> LoadStage:
    """Return the stage from the ledger to Postgres."""
    return LoadStage(settings, bootstrap, dsn)


async def _invoice(pool: Pool, metrics: StageMetrics) -> None:
    """Build every invoice that is due; several loaders may do it at once."""
    built = await build_pending_invoices(pool)
    if built:
        metrics.invoiced(len(built))
        _log.info("invoices_built", count=len(built))


async def _repeat(
    work: Callable[[], Awaitable[object]], *, wake: asyncio.Event, name: str, metrics: StageMetrics
) -> None:
    """Do the work for ever: when woken, and now and then; failures are waited out."""
    backoff = Backoff()
    while True:
        wake.clear()
        try:
            await work()
            backoff.reset()
        except Exception as error:
            # As in `LoadPartition.run`: loading goes on, whatever is wrong with one invoice.
            metrics.side_work_failed(name, type(error).__name__)
            _log.error(
                "load_side_work_failed",
                work=name,
                error=str(error) or repr(error),
                exc_info=not isinstance(error, EXPECTED),
            )
            await backoff.wait()
            continue
        with contextlib.suppress(TimeoutError):
            await within(_LOOK_EVERY_S, wake.wait())
