"""Normalise and rate alone: their steps and RocksDB, without Kafka, in a process of their own."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from mediation.normalise import NormaliseStep
from pipeline.bench.charging_files import is_file_header
from pipeline.bench.frames import read_frames, write_frame
from pipeline.bench.lanes import Lane
from pipeline.bench.processes import used_by
from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.bench.workload import TENANT, Workload
from pipeline.cli.catalogue import catalogue_files
from pipeline.rate_step import RateStep
from pipeline.settings import Settings
from pipeline.stage import StageSpec
from pipeline.stages import normalise_stage, rate_stage
from pipeline.topics import partition_of
from rating.catalogue import check
from rating.catalogue import compile as compile_catalogue
from schemas import raw
from schemas.flow import Append, Channel
from sources.reference.accounts import read_accounts

T = TypeVar("T")

NORMALISED = "normalised.frames"
LEDGER = "ledger.frames"  # of the first partition

_MB = 1_000_000
_RAW_AT_ONCE = 64  # raw records that are read before they are worked on, in all partitions
_EVENTS_AT_ONCE = 8_000
_LEDGER_RECORDS = 120_000  # that are kept for load
_REMEMBERED = 1_000_000  # identities that the memory is measured with
_MARK_BYTES = 40


class Normalised(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A normalised record on its way from one process to the next."""

    partition: int
    key: bytes
    value: bytes


async def normalise(task: Task, settings: Settings) -> Figures:
    """Return what normalise takes with dedup, and its memory with a million identities."""
    scratch = Path(task.scratch)
    lanes, events = normalise_lanes(
        task, settings, state=scratch / "state", out=scratch / NORMALISED
    )
    figures = figures_of("normalise", lanes, events=events)
    figures["memory_normalise_mb"] = used_by(os.getpid()).resident_bytes / _MB
    _remember(lanes, _REMEMBERED - events)
    figures["memory_normalise_at_1m_identities_mb"] = used_by(os.getpid()).resident_bytes / _MB
    return figures


async def normalise_without_dedup(task: Task, settings: Settings) -> Figures:
    """Return what normalise takes where nothing is asked for and nothing kept."""
    lanes, events = normalise_lanes(task, settings, state=None)
    return figures_of("normalise_without_dedup", lanes, events=events)


async def rate(task: Task, settings: Settings) -> Figures:
    """Return what rate takes for the events that normalise has left behind."""
    scratch = Path(task.scratch)
    _, spec = known_steps(Workload(Path(task.workload)), settings)
    lanes = [
        Lane(spec, settings, number, folder=scratch / "state-of-rate")
        for number in range(settings.rating_partitions)
    ]
    events = kept = 0
    with (scratch / LEDGER).open("wb") as ledger:
        for chunk in _chunks(read_frames(scratch / NORMALISED, Normalised), _EVENTS_AT_ONCE):
            for one in chunk:
                lanes[one.partition].add(one.key, one.value, (), at_ms=task.now_ms)
            events += len(chunk)
            for lane in lanes:
                for appends in lane.batches():
                    if lane.number == 0 and kept < _LEDGER_RECORDS:
                        kept += _write(ledger, appends)
    figures = figures_of("rate", lanes, events=events)
    figures["memory_rate_mb"] = used_by(os.getpid()).resident_bytes / _MB
    return figures


def known_steps(workload: Workload, settings: Settings) -> tuple[StageSpec, StageSpec]:
    """Return normalise and rate as their workers build them, with the workload's versions."""
    normalising = normalise_stage(settings, bootstrap="").spec
    rating = rate_stage(settings, bootstrap="").spec
    assert isinstance(normalising.step, NormaliseStep)
    assert isinstance(rating.step, RateStep)
    lines = workload.accounts.read_bytes()
    accounts = read_accounts({"accounts.jsonl": lines}, tenant=TENANT).accounts
    for reference in (normalising.step.reference, rating.step.reference):
        reference.apply(accounts, version=1)
    document = check(catalogue_files(workload.catalogue)).document
    assert document is not None
    rating.step.catalogue = compile_catalogue(document, 1)
    return normalising, rating


def normalise_lanes(
    task: Task,
    settings: Settings,
    *,
    state: Path | None,
    out: Path | None = None,
    formats: Collection[str] = (),
) -> tuple[list[Lane], int]:
    """Return the lanes that have normalised the workload, and its events; of some formats only.

    Without ``state`` nothing is asked for and nothing kept.
    """
    wanted = {(raw.FORMAT, name.encode()) for name in formats}
    spec = normalise_stage(settings, bootstrap="").spec
    assert isinstance(spec.step, NormaliseStep)
    workload = Workload(Path(task.workload))
    lines = workload.accounts.read_bytes()
    accounts = read_accounts({"accounts.jsonl": lines}, tenant=TENANT).accounts
    spec.step.reference.apply(accounts, version=1)
    partitions = settings.raw_partitions
    lanes = [Lane(spec, settings, number, folder=state) for number in range(partitions)]
    events = 0
    with open(out or os.devnull, "wb") as file:
        blocks = (one for one in workload.blocks() if not wanted or wanted & {*one.headers})
        for chunk in _chunks(blocks, _RAW_AT_ONCE):
            for record in chunk:
                lane = lanes[partition_of(record.key, partitions)]
                lane.add(record.key, record.value, record.headers, at_ms=task.now_ms)
                events += 0 if is_file_header(record) else record.items
            for lane in lanes:
                for appends in lane.batches():
                    if out is not None:
                        for one in _of(Channel.NORMALISED, appends):
                            assert one.key is not None
                            write_frame(file, Normalised(one.partition, one.key, one.value))
            if task.most_events and events >= task.most_events:
                break
    return lanes, events


def figures_of(name: str, lanes: list[Lane], *, events: int) -> Figures:
    """Return what the lanes took for an event, and how many a core does in a second."""
    cpu_s = sum(lane.cpu_ns for lane in lanes) / 1e9
    return {
        f"{name}_us_per_event": cpu_s * 1e6 / events,
        f"{name}_events_per_core_s": events / cpu_s,
    }


def _remember(lanes: list[Lane], count: int) -> None:
    """Put so many more identities into the state, as the marks of earlier usage would be there."""
    for lane in lanes:
        store = lane.store
        assert store is not None
        folded = store.folded
        assert folded is not None
        for _ in range(max(0, count) // len(lanes) // _EVENTS_AT_ONCE):
            marks = [
                (b"i" + os.urandom(16), os.urandom(_MARK_BYTES)) for _ in range(_EVENTS_AT_ONCE)
            ]
            store.write(marks, folded)


def _of(channel: Channel, appends: list[Append]) -> Iterator[Append]:
    return (one for one in appends if one.channel is channel)


def _write(file: IO[bytes], appends: list[Append]) -> int:
    values = [one.value for one in _of(Channel.LEDGER, appends)]
    for value in values:
        write_frame(file, value)
    return len(values)


def _chunks(records: Iterable[T], size: int) -> Iterator[list[T]]:
    coming = iter(records)
    while chunk := list(islice(coming, size)):
        yield chunk
