"""What the proofs of normalise make of each source: rates, refusals, silence, gaps.

Every instant is a broker's append time of a proof. Nothing about money comes from here: after a
crash a proof may be counted twice, after a lost folder the past is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from pipeline.watching.numbers import LATE_WITHIN_MS, Numbers, interrupted, seen, settled
from schemas.proof import Proof, SourceTally

MINUTE_MS = 60_000
SHARE_OVER = 15  # minutes: of fewer, the share of a source with little usage says nothing
MOST_SOURCES = 100  # that are shown by name
FORGET_MS = 90 * 86_400_000  # silence after which a source is forgotten: the usual setting
_LOOK_EVERY_MS = 60 * MINUTE_MS  # for such ones
REST = "other"  # the name that the others have together


class Kept(msgspec.Struct, frozen=True):
    """What a partition remembers of one source."""

    last_at_ms: int
    numbers: Numbers = Numbers()
    change: int = 0  # of the numbers: the newest of several partitions holds


class Place(msgspec.Struct, frozen=True):
    """The newest proof that was counted in a partition."""

    genesis_id: str
    batch: int


class Window(NamedTuple):
    """What one minute of a source held in one partition."""

    records: int = 0
    refusals: int = 0


class Change(NamedTuple):
    """What a proof has changed of one source, in the minute of the proof."""

    source: str
    kept: Kept
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One source as it is shown, over all partitions."""

    source: str
    records_per_minute: int  # of the last whole minute
    records: int  # of the last quarter of an hour
    refusals: int
    last_at_ms: int
    missed: int

    @property
    def refused_ratio(self) -> float | None:
        """Return the share of refused records; None where there were none."""
        return self.refusals / self.records if self.records else None


@dataclass(slots=True)
class _Partition:
    place: Place | None = None
    last_at_ms: dict[str, int] = field(default_factory=dict)
    windows: dict[str, dict[int, Window]] = field(default_factory=dict)  # by minute since 1970
    looked_at_ms: int = 0  # for sources that are silent for too long


class Watch:
    """The sources of the partitions that are followed here."""

    def __init__(self, *, late_ms: int = LATE_WITHIN_MS, forget_ms: int = FORGET_MS) -> None:
        """Watch nothing yet.

        ``late_ms``: how late a number may come before it counts as missing. ``forget_ms``: how long a
        source may be silent before it is forgotten.
        """
        self._late_ms = late_ms
        self._forget_ms = forget_ms
        self._partitions: dict[int, _Partition] = {}
        self._numbers: dict[str, Numbers] = {}
        self._changes: dict[str, int] = {}

    def restore(
        self,
        partition: int,
        *,
        place: Place | None,
        kept: Mapping[str, Kept],
        windows: Iterable[tuple[str, int, Window]],
    ) -> None:
        """Take a partition up with what is remembered of it; windows by source and minute."""
        here = self._partitions[partition] = _Partition(place)
        for source, one in kept.items():
            here.last_at_ms[source] = one.last_at_ms
            if one.change >= self._changes.get(source, 0):
                self._numbers[source], self._changes[source] = one.numbers, one.change
        for source, minute, window in windows:
            here.windows.setdefault(source, {})[minute] = window

    def release(self, partition: int) -> None:
        """Forget a partition that is another's now."""
        gone = self._partitions.pop(partition, _Partition())
        self._forget_numbers(gone.last_at_ms)

    def fold(self, proof: Proof, *, partition: int, at_ms: int) -> list[Change]:
        """Return what a proof changes; nothing where it was counted before."""
        here = self._partitions.setdefault(partition, _Partition())
        place = here.place
        if place is not None and place.genesis_id != proof.genesis_id:
            self.release(partition)  # another cluster, or the topics were made anew
            here, place = self._partitions.setdefault(partition, _Partition()), None
        if place is not None and proof.batch <= place.batch:
            return []
        if place is not None and proof.batch > place.batch + 1:
            for source in here.last_at_ms:
                self._numbers[source] = interrupted(self._numbers.get(source, Numbers()))
        here.place = Place(proof.genesis_id, proof.batch)
        runs = {} if proof.runs is UNSET else proof.runs
        return [
            self._count(here, source, tally, runs=runs.get(source, ()), at_ms=at_ms)
            for source, tally in proof.sources.items()
            if source
        ]

    def forget(self, partition: int, *, at_ms: int) -> dict[str, int]:
        """Return the sources that a partition forgets at a proof, and when each was there last.

        Those that are silent for too long, in all partitions; looked for once an hour of proofs.
        """
        here = self._partitions.setdefault(partition, _Partition())
        if at_ms < here.looked_at_ms + _LOOK_EVERY_MS:
            return {}
        here.looked_at_ms = at_ms
        silent = {
            source: last_ms
            for source in here.last_at_ms
            if (last_ms := self._last_at_ms(source)) < at_ms - self._forget_ms
        }
        for source in silent:
            del here.last_at_ms[source]
            here.windows.pop(source, None)
        self._forget_numbers(silent)
        return silent

    def _last_at_ms(self, source: str) -> int:
        return max(one.last_at_ms.get(source, 0) for one in self._partitions.values())

    def _forget_numbers(self, sources: Iterable[str]) -> None:
        """Forget the numbers of those that no partition knows."""
        known = {source for one in self._partitions.values() for source in one.last_at_ms}
        for source in set(sources) - known:
            self._numbers.pop(source, None)
            self._changes.pop(source, None)

    def place(self, partition: int) -> Place | None:
        """Return the newest proof that was counted in a partition."""
        return self._partitions.get(partition, _Partition()).place

    def view(self, *, at_ms: int) -> tuple[SourceView, ...]:
        """Return the sources at an instant, by name; past the bound the rest are one, the last."""
        for source, numbers in self._numbers.items():
            self._numbers[source] = settled(numbers, at_ms=at_ms, late_ms=self._late_ms)
        names = sorted({name for one in self._partitions.values() for name in one.last_at_ms})
        views = [self._view(name, at_ms // MINUTE_MS) for name in names]
        return bounded(views)

    def _count(
        self,
        here: _Partition,
        source: str,
        tally: SourceTally,
        *,
        runs: tuple[tuple[int, int], ...],
        at_ms: int,
    ) -> Change:
        minute = at_ms // MINUTE_MS
        windows = here.windows.setdefault(source, {})
        earlier = windows.get(minute, Window())
        window = windows[minute] = Window(
            earlier.records + tally.records, earlier.refusals + tally.refusals
        )
        for old in [one for one in windows if one < minute - SHARE_OVER]:
            del windows[old]
        here.last_at_ms[source] = max(at_ms, here.last_at_ms.get(source, 0))
        numbers = self._numbers.get(source, Numbers())
        if not runs and tally.first_sequence is not None and tally.last_sequence is not None:
            runs = ((tally.first_sequence, tally.last_sequence),)
        for first, last in runs:
            numbers = seen(numbers, first=first, last=last, at_ms=at_ms, late_ms=self._late_ms)
        self._numbers[source] = numbers
        self._changes[source] = self._changes.get(source, 0) + 1
        kept = Kept(here.last_at_ms[source], numbers, self._changes[source])
        return Change(source, kept, window)

    def _view(self, source: str, minute: int) -> SourceView:
        per_minute = records = refusals = 0
        for one in self._partitions.values():
            for at, window in one.windows.get(source, {}).items():
                if minute - SHARE_OVER < at <= minute:
                    records += window.records
                    refusals += window.refusals
                if at == minute - 1:
                    per_minute += window.records
        return SourceView(
            source=source,
            records_per_minute=per_minute,
            records=records,
            refusals=refusals,
            last_at_ms=self._last_at_ms(source),
            missed=self._numbers.get(source, Numbers()).missed,
        )


def bounded(views: Iterable[SourceView]) -> tuple[SourceView, ...]:
    """Return the first by name, and all others as one: a metric has few values of a label.

    By name and not by size: a source that falls silent must not lose its place for that.
    """
    named: list[SourceView] = []
    rest: list[SourceView] = []
    for view in views:
        (named if view.source != REST and len(named) < MOST_SOURCES else rest).append(view)
    if not rest:
        return tuple(named)
    together = SourceView(
        source=REST,
        records_per_minute=sum(view.records_per_minute for view in rest),
        records=sum(view.records for view in rest),
        refusals=sum(view.refusals for view in rest),
        last_at_ms=max(view.last_at_ms for view in rest),
        missed=sum(view.missed for view in rest),
    )
    return (*named, together)
