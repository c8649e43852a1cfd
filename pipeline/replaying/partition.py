"""One partition of the ledger in step with the events before it, rated once more batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiokafka import ConsumerRecord

from counters.state import changes_of_many
from pipeline.errors import Halted
from pipeline.replaying.report import Partition, Window
from pipeline.replaying.versions import NotReadable, PastVersions
from pipeline.state import FORMAT, Folded, StateStore
from pipeline.verify.reading import PartitionReader
from schemas import ledger
from schemas.flow import Channel, SourceRecord
from schemas.proof import Proof, proof_from_json, proof_to_json
from schemas.refusal import RefusalReason

OnRead = Callable[[int], None]
"""Told how many records of the ledger were read."""

_FOLD_RECORDS = 20_000  # of batches that are not asked for, folded and written at once


class PartitionReplay:
    """Follows a partition; the state is always what the ledger says, never what came out here."""

    def __init__(
        self, number: int, store: StateStore, versions: PastVersions, window: Window
    ) -> None:
        self.found = Partition(number)
        self._store = store
        self._versions = versions
        self._window = window
        self._previous: Proof | None = None
        self._batch: list[bytes] = []  # since the last proof
        self._behind: list[bytes] = []  # whole batches that are not in the state yet

    async def run(
        self, ledger_reader: PartitionReader, events: PartitionReader, on_read: OnRead
    ) -> Partition:
        """Return what the window came to. `Halted` where the ledger's beginning is trimmed: what
        counters stood at is not known then."""
        if ledger_reader.begin:
            raise Halted(
                f"The ledger of partition {self.found.number} begins at offset "
                f"{ledger_reader.begin:,}: what was counted before is not known here, so nothing "
                "can be rated once more. Operator action: replay before `ratemill retention` trims "
                "it, or on a copy of the topics that is whole."
            )
        async for chunk in ledger_reader.chunks():
            for record in chunk:
                if not await self._take(record, events):
                    return self.found
            on_read(len(chunk))
        return self.found

    async def _take(self, record: ConsumerRecord, events: PartitionReader) -> bool:
        """Take one record of the ledger; False where the window is over."""
        self._batch.append(record.value)
        if dict(record.headers).get(ledger.KIND_HEADER) != ledger.KIND_PROOF:
            return True
        proof = proof_from_json(record.value)
        if self._window.ends_before(record.timestamp):
            return False
        if self._previous is not None and self._window.has(record.timestamp):
            self._fold(proof)
            await self._again(self._previous, proof, events)
        self._previous = proof
        self._behind += self._batch
        self._batch = []
        if len(self._behind) >= _FOLD_RECORDS:
            self._fold(proof)
        return True

    def _fold(self, proof: Proof) -> None:
        """Bring the state up to all whole batches."""
        folded = Folded(FORMAT, proof.cluster_id, proof.genesis_id, 0, proof.previous)
        self._store.write(changes_of_many(self._behind), folded)
        self._behind = []

    async def _again(self, previous: Proof, proof: Proof, events: PartitionReader) -> None:
        if RefusalReason.INTERNAL_ERROR in proof.refusals:
            self.found.leave_out("a failure of ours gave up on a record")
            return
        if proof.first < events.begin:
            self.found.leave_out("its events are trimmed")
            return
        records = [
            _source(record)
            async for chunk in events.chunks(below=proof.next)
            for record in chunk
            if record.offset >= proof.first
        ]
        try:
            step = self._versions.step(proof.versions)
        except NotReadable as missing:
            self.found.leave_out(f"{missing} is not on its topic, or not for this release")
            return
        batch = step.prepare(records)
        decided = step.decide(batch, self._store.get_many(batch.state_keys), previous=previous)
        replayed = [each.value for each in decided.appends if each.channel is Channel.LEDGER]
        self.found.compare(proof, self._batch, [*replayed, proof_to_json(decided.proof)])


def _source(record: ConsumerRecord) -> SourceRecord:
    headers: Sequence[tuple[str, bytes]] = record.headers
    return SourceRecord(
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(headers),
    )
