"""The workers of an installation that run on this machine, and what their metrics say."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pipeline.embedded.processes import identify

_TIMEOUT_S = 1.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Announced:
    """A worker process that said where its metrics are."""

    stage: str
    pid: int
    metrics_port: int
    path: Path


@dataclass(slots=True)
class StageNumbers:
    """What the workers of one stage have done since they started, together."""

    workers: int = 0
    records: int = 0  # source records
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    lag_records: int = 0
    partitions: int = 0  # that said how far behind they are: those which are at work
    batches: int = 0  # transactions
    partition_stops: int = 0
    invoices: int = 0

    @property
    def handled(self) -> int:
        """Return items, events or rows: what a person means by a record of that stage."""
        return sum(self.outcomes.values()) or self.records


def announced_workers(folder: Path) -> list[Announced]:
    """Return the workers that run; what a dead one left behind is removed."""
    found = []
    for path in sorted(folder.glob("*-*.json")):
        with suppress(OSError, ValueError, KeyError):
            words = json.loads(path.read_text())
            worker = Announced(words["stage"], words["pid"], words["metrics_port"], path)
            if identify(worker.pid) is None:
                path.unlink(missing_ok=True)
            else:
                found.append(worker)
    return found


async def until_announced(folder: Path, stages: Iterable[str], *, wait_s: float) -> tuple[str, ...]:
    """Return once a worker of each stage has said where its metrics are, or after ``wait_s``; which
    stages have none then."""
    wanted = tuple(stages)
    clock = asyncio.get_running_loop().time
    until = clock() + wait_s
    while True:
        there = {each.stage for each in announced_workers(folder)}
        missing = tuple(stage for stage in wanted if stage not in there)
        if not missing or clock() >= until:
            return missing
        await asyncio.sleep(_POLL_S)


async def numbers_of(workers: Iterable[Announced]) -> dict[str, StageNumbers]:
    """Return what each stage says; a worker that does not answer counts as one that has said 0."""
    workers = list(workers)
    texts = await asyncio.gather(*(asyncio.to_thread(scrape, w.metrics_port) for w in workers))
    stages: dict[str, StageNumbers] = {}
    for worker, text in zip(workers, texts, strict=True):
        numbers = stages.setdefault(worker.stage, StageNumbers())
        numbers.workers += 1
        add_metrics(numbers, text)
    return stages


def scrape(port: int) -> str:
    """Return the metrics page of a worker of this machine; nothing where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S) as page:
            return bytes(page.read()).decode()
    except (OSError, urllib.error.URLError):
        return ""


def add_metrics(numbers: StageNumbers, text: str) -> None:
    """Add the metrics page of one worker."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            _add(numbers, sample.name, sample.labels, int(sample.value))


def _add(numbers: StageNumbers, name: str, labels: dict[str, str], value: int) -> None:
    match name:
        case "ratemill_source_records_total":
            numbers.records += value
        case "ratemill_outcomes_total":
            numbers.outcomes[labels["outcome"]] += value
        case "ratemill_refusals_total":
            numbers.refusals[labels["reason"]] += value
        case "ratemill_loaded_rows_total":
            numbers.rows[labels["table"]] += value
        case "kafka_consumergroup_lag":
            numbers.lag_records += value
            numbers.partitions += 1
        case "ratemill_batches_total":
            numbers.batches += value
        case "ratemill_partition_stops_total":
            numbers.partition_stops += value
        case "ratemill_invoices_total":
            numbers.invoices += value
        case _:
            pass  # shown on dashboards, not here
