"""What a batch of rate read, by the batches of normalise that it came from; see `ReadSoFar`."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import sethash
from schemas.proof import Cumulative, ReadSoFar
from schemas.usage import NormalisedRecord


class _Run:
    """Records of one raw partition that lie in one batch of normalise, one after the other."""

    __slots__ = ("batch", "count", "total")

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.count = 0
        self.total = sethash.EMPTY


class ReadRuns:
    """What one batch read, whatever became of it: normalise counted it as handed on."""

    def __init__(self) -> None:
        self._runs: dict[int, list[_Run]] = {}  # by raw partition

    def add_record(self, event: NormalisedRecord) -> None:
        """Count a record as read."""
        member = sethash.event_member(
            event.identity, event.run, event.rating_key, event.content_hash
        )
        self.add(event.provenance.partition, event.batch, member)

    def add(self, raw_partition: int, batch: int, member: int) -> None:
        """Count a record as read whose member of the set hash is known."""
        self.add_many(raw_partition, batch, 1, member)

    def add_many(self, raw_partition: int, batch: int, count: int, total: int) -> None:
        """Count records of one batch as read, whose members come to ``total``."""
        runs = self._runs.get(raw_partition)
        if runs is None:
            runs = self._runs[raw_partition] = [_Run(batch)]
        run = runs[-1]
        if run.batch != batch:
            run = _Run(batch)
            runs.append(run)
        run.count += count
        run.total += total

    def after(self, before: Mapping[str, ReadSoFar]) -> dict[str, ReadSoFar]:
        """Return what was read in all of each raw partition, after what earlier proofs say."""
        read = {str(at): _after(before.get(str(at)), runs) for at, runs in self._runs.items()}
        return {**before, **read}


def _after(before: ReadSoFar | None, runs: list[_Run]) -> ReadSoFar:
    batch = before.batch if before else 0
    count = before.so_far.count if before else 0
    total = sethash.from_hex(before.so_far.set_hash) if before else sethash.EMPTY
    closed_batch = before.closed_batch if before else 0
    closed = before.closed if before else Cumulative()
    for run in runs:
        if run.batch != batch:
            # A partition holds the batches of one raw partition in order, so one after it says
            # that every earlier one is read whole, those that gave it nothing included.
            assert run.batch > batch, f"batch {run.batch} of normalise after {batch}"
            closed_batch, closed = run.batch - 1, _cumulative(count, total)
            batch = run.batch
        count += run.count
        total += run.total
    return ReadSoFar(batch, _cumulative(count, total), closed_batch, closed)


def _cumulative(count: int, total: int) -> Cumulative:
    return Cumulative(count, sethash.to_hex(total % sethash.MODULUS))
