"""The sums of one batch of normalise, added to item by item and then made into its proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import UNSET

from mediation.runs import add_to_runs
from native import compiled
from schemas import sethash
from schemas.outcome import NormaliseOutcome, Settled
from schemas.proof import Cumulative, Proof, SourceTally, Versions, sealed
from schemas.refusal import RefusalReason

_native = compiled("deciding")


class NormaliseTally:
    """Counts outcomes, refusals, sources; carries on what was handed to each partition."""

    def __init__(self, previous: Proof) -> None:
        self._previous = previous
        self._records = 0
        self._outcomes: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._source_items: Counter[str] = Counter()
        self._source_refusals: Counter[str] = Counter()
        self._sequences: dict[str, tuple[int, int]] = {}
        self._runs: dict[str, list[tuple[int, int]]] = {}
        self._handed_on: dict[int, tuple[int, int]] = {}
        self._suspense_count = 0
        self._settled: Counter[str] = Counter()
        self._recycled: Counter[str] = Counter()
        self._suspense_hash = sethash.EMPTY

    def record(self, source: str, *, items: int, sequence: int | None) -> None:
        """Count a raw record and its items."""
        self._records += 1
        if not source:
            return
        self._source_items[source] += items
        if sequence is not None:
            first, _ = self._sequences.get(source, (sequence, sequence))
            self._sequences[source] = first, sequence
            add_to_runs(self._runs.setdefault(source, []), sequence)

    def outcome(self, outcome: NormaliseOutcome, items: int = 1) -> None:
        """Count the one outcome of an item, or of several with the same."""
        if items:
            self._outcomes[outcome.value] += items

    def settled(self, settled: Settled) -> None:
        """Count a record in suspense that waits no longer."""
        self._settled[settled.value] += 1

    def came_back(self, outcome: NormaliseOutcome) -> None:
        """Count an outcome, that was counted, once more apart: of an item that came back."""
        self._recycled[outcome.value] += 1

    def refused(self, reason: RefusalReason, source: str, *, whole: int = 1) -> None:
        """Count why an item was suspended. ``whole``: items of the block that could not be read, which
        is one in suspense; of its source they all came and were all refused."""
        self._refusals[reason.value] += 1
        if source:
            self._source_items[source] += whole - 1
            self._source_refusals[source] += whole

    def no_usage(self, source: str) -> None:
        """Count an item that was recorded as none of its source: the end of a file says nothing of
        which share of the usage was refused."""
        if source:
            self._source_items[source] -= 1

    def in_suspense(self, suspense_id: str) -> None:
        """Count a record of the suspense topic, a duplicate's included."""
        self._suspense_count += 1
        member = sethash.member(bytes.fromhex(suspense_id))
        self._suspense_hash = sethash.add(self._suspense_hash, member)

    def handed_on(self, partition: int, member: int) -> None:
        """Count an event or a command that rate will read, `sethash.event_member`."""
        count, total = self._so_far(partition)
        self._handed_on[partition] = count + 1, sethash.add(total, member)

    def all_handed_on(self, partition: int, digests: Sequence[bytes]) -> None:
        """Count events that rate will read, by the digests of `sethash.event_digest`."""
        count, total = self._so_far(partition)
        if _native is not None and type(digests) is list:
            total = sethash.add(total, _native.sum_of(digests))
        else:
            total = sethash.add_digests(total, digests)
        self._handed_on[partition] = count + len(digests), total

    def _so_far(self, partition: int) -> tuple[int, int]:
        so_far = self._handed_on.get(partition)
        if so_far is None:
            earlier = self._previous.handed_on.get(str(partition), Cumulative())
            so_far = earlier.count, sethash.from_hex(earlier.set_hash)
        return so_far

    def proof(self, *, next_offset: int, versions: Versions, changes: bytes) -> Proof:
        """Return the sealed proof of the batch."""
        previous = self._previous
        handed_on = {
            str(partition): Cumulative(count, sethash.to_hex(total))
            for partition, (count, total) in self._handed_on.items()
        }
        return sealed(
            Proof(
                stage=previous.stage,
                installation=previous.installation,
                genesis_id=previous.genesis_id,
                cluster_id=previous.cluster_id,
                source_topic=previous.source_topic,
                source_partition=previous.source_partition,
                batch=previous.batch + 1,
                first=previous.next,
                next=next_offset,
                records=self._records,
                items=self._outcomes.total(),
                outcomes=dict(self._outcomes),
                refusals=dict(self._refusals),
                handed_on=previous.handed_on | handed_on,
                suspense_count=self._suspense_count,
                suspense_hash=sethash.to_hex(self._suspense_hash),
                sources={source: self._source(source) for source in self._source_items},
                versions=versions,
                changes=changes,
                previous=previous.chain,
                settled=dict(self._settled) or UNSET,
                recycled=dict(self._recycled) or UNSET,
                runs={source: tuple(runs) for source, runs in self._runs.items() if len(runs) > 1}
                or UNSET,
            )
        )

    def _source(self, source: str) -> SourceTally:
        first, last = self._sequences.get(source, (None, None))
        return SourceTally(
            records=self._source_items[source],
            refusals=self._source_refusals[source],
            first_sequence=first,
            last_sequence=last,
        )
