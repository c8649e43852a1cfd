"""One benchmark, from nothing to its result; what it started is stopped and removed at the end."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.bench.faust_part import faust
from pipeline.bench.flow import flow
from pipeline.bench.ground import Ground, Tell, bench_folder, own_services
from pipeline.bench.machine import hardware, versions
from pipeline.bench.parts import NEEDS_FLOW, ON_FLOW, Part
from pipeline.bench.refusals import check_broker, check_room
from pipeline.bench.result import BenchResult, Findings, targets_of
from pipeline.bench.scaling import scaling
from pipeline.bench.stages_part import catalogue, stages
from pipeline.bench.workload import (
    SHARE_OF_FORMATS,
    Parameters,
    Workload,
    start_of,
    workload_of,
)
from pipeline.cli.catalogue import catalogue_files
from pipeline.clock import Clock
from pipeline.errors import RatemillError
from pipeline.settings import Settings
from rating.catalogue import CatalogueDocument, check

OnPart = Callable[[BenchResult], None]

ACCOUNTS, PREFIXES = 20_000, 170_000  # of the standard workload
# Of raw and of rated usage each. One worker of each stage on two cores gains nothing by more, and
# a broker that flushes every append takes as long for a transaction as it has partitions.
PARTITIONS = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to measure."""

    parts: Sequence[Part]
    events: int
    seed: int
    accounts: int
    prefixes: int
    partitions: int = PARTITIONS

    @property
    def command(self) -> str:
        """Return the call that measures the same; of folders and services it says nothing."""
        words = ["ratemill", "bench", "--events", str(self.events), "--seed", str(self.seed)]
        if (self.accounts, self.prefixes) != (ACCOUNTS, PREFIXES):
            words += ["--accounts", str(self.accounts), "--prefixes", str(self.prefixes)]
        if self.partitions != PARTITIONS:
            words += ["--partitions", str(self.partitions)]
        if list(self.parts) != list(Part):
            words += [word for part in self.parts for word in ("--only", part.value)]
        return " ".join(words)

    @property
    def latency_s(self) -> int:
        """Return how long records are offered at a fixed rate: long enough for a p99."""
        return 20 if self.events >= 100_000 else 2


async def run_bench(
    settings: Settings,
    wanted: Wanted,
    *,
    clock: Clock,
    tell: Tell,
    on_part: OnPart = lambda _: None,
) -> BenchResult:
    """Return the result; `BenchRefused` before anything is started where it must not run.

    ``on_part`` is told what there is so far, so that an hour's work outlives an error in its last
    minute.
    """
    check_room(settings.data, events=wanted.events)
    if settings.kafka_bootstrap:
        await check_broker(settings.kafka_bootstrap)
    with bench_folder(settings.data) as folder:
        tell(f"Measuring {', '.join(wanted.parts)} with {wanted.events:,} events")
        parameters = Parameters(
            events=wanted.events,
            messages=messages_for(wanted),
            seed=wanted.seed,
            accounts=wanted.accounts,
            prefixes=wanted.prefixes,
            start=start_of(clock.now().date()).isoformat(),
        )
        workload = await made_workload(parameters, folder, tell)
        document = document_of(workload)
        run = settings.model_copy(
            update={
                "data": folder / f"run-{clock.now():%y%m%d%H%M%S}",
                "raw_partitions": wanted.partitions,
                "rating_partitions": wanted.partitions,
            }
        )
        async with own_services(run, tell=tell) as endpoints:
            ground = Ground(run, endpoints, workload, document, Findings(), clock, tell)
            done: list[Part] = []
            result = _result(ground, wanted, done)
            async for parts in _measure(ground, wanted):
                done += parts
                result = _result(ground, wanted, done)
                on_part(result)
            return result


def _result(ground: Ground, wanted: Wanted, done: Sequence[Part]) -> BenchResult:
    findings, facts = ground.findings, ground.workload.facts
    parts = [part for part in Part if part in done]
    return BenchResult(
        figures=dict(findings.figures),
        targets=targets_of(findings.figures),
        hardware=hardware(ground.settings.data),
        versions=versions(embedded=ground.endpoints.embedded),
        command=dataclasses.replace(wanted, parts=parts).command,
        workload={
            "events": facts.items,
            "seed": wanted.seed,
            "start": facts.parameters.start,
            "accounts": facts.accounts,
            "subscriptions": facts.subscriptions,
            "prefixes": facts.prefixes,
            "partitions": wanted.partitions,
            "raw_records": facts.raw_records,
            "raw_bytes": facts.raw_bytes,
            "duplicates": facts.duplicates,
            "broken": facts.broken,
            "charging_files": facts.charging_files,
            "formats": ", ".join(f"{share} % {name}" for name, share in SHARE_OF_FORMATS.items()),
        },
        parts=tuple(parts),
        series=dict(findings.series),
        exact=findings.exact,
        measured_at=f"{ground.clock.now():%Y-%m-%d %H:%M} UTC",
    )


def messages_for(wanted: Wanted) -> int:
    """Return how many single events the latency needs; some are drawn that it does not send."""
    return 2_100 * wanted.latency_s + 5_000


async def _measure(ground: Ground, wanted: Wanted) -> AsyncIterator[set[Part]]:
    """Measure the parts that are wanted, each when nothing else runs; yield those that are done."""
    parts = set(wanted.parts)
    if Part.CATALOGUE in parts:
        await catalogue(ground)
        yield {Part.CATALOGUE}
    if Part.STAGES in parts:
        await stages(ground)
        yield {Part.STAGES}
    if parts & {Part.END_TO_END, *NEEDS_FLOW}:
        await flow(ground, parts, latency_s=wanted.latency_s)
        yield {Part.END_TO_END, *(parts & ON_FLOW)}
    if Part.FAUST in parts:
        await faust(ground)
        yield {Part.FAUST}
    if Part.SCALING in parts:
        await scaling(ground)
        yield {Part.SCALING}


async def made_workload(parameters: Parameters, folder: Path, tell: Tell) -> Workload:
    """Return the workload, made on a thread so that a Ctrl-C is heard."""
    async with _stopping() as stop:

        def look(events: int) -> None:
            if stop.is_set():
                raise _Abandoned
            if events % 200_000 == 0:
                tell(f"Generated {events:,} events")

        return await asyncio.to_thread(workload_of, parameters, folder, on_progress=look)


class _Abandoned(Exception):
    """Somebody stopped the benchmark while the workload was made."""


@asynccontextmanager
async def _stopping() -> AsyncIterator[threading.Event]:
    stop = threading.Event()
    try:
        yield stop
    finally:
        stop.set()


def document_of(workload: Workload) -> CatalogueDocument:
    checked = check(catalogue_files(workload.catalogue))
    if checked.document is None:
        raise RatemillError(
            f"The generated catalogue is not in order: {checked.errors[0]}. Operator action: "
            "report this, it is a bug of ours."
        )
    return checked.document
