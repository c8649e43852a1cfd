"""The sources that the watch worker follows, as its metrics say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from pipeline.cli.output import table
from pipeline.watching import WATCH

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pipeline.cli.workers import Announced


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One source; what it did is by the time of the broker, how long ago by that of this machine."""

    source: str
    records_per_minute: int  # of the last whole minute
    refused_ratio: float | None  # of the last 15 minutes; None: nothing came
    silent_s: int
    sequence_gaps: int  # numbers that did not come, since it is watched


async def watched_sources(
    workers: Iterable[Announced], *, now_s: float
) -> tuple[SourceLine, ...] | None:
    """Return what the watch workers of this machine say; None where none runs."""
    from pipeline.cli.workers import scrape

    ports = [worker.metrics_port for worker in workers if worker.stage == WATCH]
    if not ports:
        return None
    pages = await asyncio.gather(*(asyncio.to_thread(scrape, port) for port in ports))
    return tuple(line for page in pages for line in source_lines(page, now_s=now_s))


def source_lines(page: str, *, now_s: float) -> list[SourceLine]:
    """Return the sources of one metrics page, by name."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.startswith("ratemill_source_") and "source" in sample.labels:
                name = sample.name.removeprefix("ratemill_source_")
                found.setdefault(sample.labels["source"], {})[name] = sample.value
    return [
        SourceLine(
            source=source,
            records_per_minute=int(said.get("records_per_minute", 0)),
            refused_ratio=said.get("refused_ratio"),
            silent_s=max(0, int(now_s - said.get("last_seen_timestamp_seconds", now_s))),
            sequence_gaps=int(said.get("sequence_gaps_total", 0)),
        )
        for source, said in sorted(found.items())
    ]


def sources_table(lines: Iterable[SourceLine]) -> RenderableType:
    """Return sources as a table."""
    return table(
        None,
        ["Source", ">Last minute", ">Refused", ">Last heard", ">Missing numbers"],
        [
            [
                one.source,
                one.records_per_minute,
                _share(one.refused_ratio),
                f"{_duration(one.silent_s)} ago",
                one.sequence_gaps,
            ]
            for one in lines
        ],
    )


def source_text(one: SourceLine) -> str:
    """Return a source on one line."""
    refused = _share(one.refused_ratio)
    return (
        f"{one.source} {one.records_per_minute:,} in the last minute"
        + (f", {refused} refused" if refused else "")
        + f", heard {_duration(one.silent_s)} ago, {one.sequence_gaps:,} numbers missing"
    )


def _duration(whole_s: int) -> str:
    """Return a duration cut to its largest unit."""
    for unit, unit_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if whole_s >= 2 * unit_s:
            return f"{whole_s // unit_s} {unit}"
    return f"{whole_s} s"


def _share(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1%}"
