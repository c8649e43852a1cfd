"""What the proofs say of other topics, kept small: tens of bytes for each batch."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas import sethash
from schemas.proof import Proof

_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sum:
    """A count and the set hash of what was counted."""

    count: int = 0
    total: int = sethash.EMPTY

    def __str__(self) -> str:
        return f"{self.count:,} (set hash {sethash.to_hex(self.total)})"

    def plus(self, member: int) -> Sum:
        """Return the sum with one more member."""
        return Sum(self.count + 1, sethash.add(self.total, member))

    def minus(self, other: Sum) -> Sum:
        """Return the sum without what another one counts."""
        return Sum(self.count - other.count, sethash.add(self.total, -other.total))


NOTHING = Sum()


class _Series:
    """Cumulative sums by batch, kept only where they change."""

    __slots__ = ("_batches", "_counts", "_totals")

    def __init__(self) -> None:
        self._batches = array("q")
        self._counts = array("q")
        self._totals = bytearray()

    def put(self, batch: int, sum_: Sum) -> None:
        if self._batches and sum_ == self._get(len(self._batches) - 1):
            return
        self._batches.append(batch)
        self._counts.append(sum_.count)
        self._totals += sum_.total.to_bytes(_HASH_BYTES, "big")

    def at(self, batch: int) -> Sum:
        """Return the sum as of the end of a batch."""
        index = bisect_right(self._batches, batch) - 1
        return NOTHING if index < 0 else self._get(index)

    def first_change(self, after: int) -> int | None:
        """Return the first batch after one that changed the sum."""
        index = bisect_right(self._batches, after)
        return self._batches[index] if index < len(self._batches) else None

    def _get(self, index: int) -> Sum:
        total = self._totals[index * _HASH_BYTES : (index + 1) * _HASH_BYTES]
        return Sum(self._counts[index], int.from_bytes(total, "big"))


class HandedOn:
    """What normalise handed on, by raw partition and normalised partition, as of each batch."""

    def __init__(self) -> None:
        self._series: dict[tuple[int, int], _Series] = {}
        self.settled: dict[int, int] = {}  # by raw partition: the newest batch to hold others to
        self.newest: dict[int, int] = {}  # by raw partition: the newest batch with a proof

    def put(self, proof: Proof, *, settled: bool) -> None:
        """Note one proof of normalise."""
        raw = proof.source_partition
        self.newest[raw] = proof.batch
        if settled:
            self.settled[raw] = proof.batch
        for partition, so_far in proof.handed_on.items():
            series = self._series.setdefault((raw, int(partition)), _Series())
            series.put(proof.batch, Sum(so_far.count, sethash.from_hex(so_far.set_hash)))

    def at(self, *, raw: int, partition: int, batch: int) -> Sum:
        """Return what was handed on from one to the other up to the end of a batch."""
        series = self._series.get((raw, partition))
        return NOTHING if series is None else series.at(batch)

    def first_change(self, *, raw: int, partition: int, after: int) -> int | None:
        """Return the first batch after one that handed something on."""
        series = self._series.get((raw, partition))
        return None if series is None else series.first_change(after)


@dataclass(slots=True)
class StageProofs:
    """Which batch a source position belongs to, and what each batch put into suspense."""

    topic: str  # of the source
    partition: int
    settled: int = 0  # the newest batch whose records in other topics must be there
    _next: array[int] = field(default_factory=lambda: array("q"))
    _batches: array[int] = field(default_factory=lambda: array("q"))
    _suspense: dict[int, Sum] = field(default_factory=dict)

    def put(self, proof: Proof, *, settled: bool) -> None:
        """Note one proof of the partition, in order."""
        self._next.append(proof.next)
        self._batches.append(proof.batch)
        if settled:
            self.settled = proof.batch
        sum_ = Sum(proof.suspense_count, sethash.from_hex(proof.suspense_hash))
        if sum_ != NOTHING:
            self._suspense[proof.batch] = sum_

    def batch_of(self, position: int) -> int | None:
        """Return the batch that read a source position; None where no proof covers it."""
        index = bisect_right(self._next, position)
        return self._batches[index] if index < len(self._batches) else None

    def source_range(self, batch: int) -> tuple[int, int]:
        """Return the source positions of a batch."""
        index = bisect_left(self._batches, batch)
        return (self._next[index - 1] if index else 0), self._next[index]

    def suspense(self, batch: int) -> Sum:
        """Return what a batch put into suspense."""
        return self._suspense.get(batch, NOTHING)

    def suspending(self) -> Iterator[int]:
        """Return the settled batches that put something into suspense, in order."""
        return (batch for batch in self._suspense if batch <= self.settled)
