"""A stage without Kafka: its step over the partitions of one worker, with their RocksDB."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pipeline.batch import BatchSize, Suspects
from pipeline.clock import SystemClock, process_cpu_ns
from pipeline.settings import Settings
from pipeline.stage import StageSpec
from pipeline.state import FORMAT, Folded, StateStore
from schemas.flow import Append, Headers, SourceRecord
from schemas.proof import Proof, sealed

CLUSTER = GENESIS = "bench"


class Lane:
    """One partition: what waits, the last proof, the state."""

    def __init__(
        self, spec: StageSpec, settings: Settings, number: int, *, folder: Path | None
    ) -> None:
        """Open a lane; without a ``folder`` no state is asked for, and none is kept."""
        clock = SystemClock()
        self.number = number
        self.store = None if folder is None else StateStore(folder / str(number))
        self._spec = spec
        self._most_bytes = settings.batch_bytes
        self._size = BatchSize(
            most_records=settings.batch_records, work_ms=settings.batch_work_ms, clock=clock
        )
        self._suspects = Suspects(Path("none"), most_per_hour=0, clock=clock)
        self._waiting: deque[SourceRecord] = deque()
        self._position = 0
        self._previous = genesis(spec, settings, number)
        self.cpu_ns = 0

    def add(self, key: bytes | None, value: bytes, headers: Headers, *, at_ms: int) -> None:
        """Let one more record wait."""
        record = SourceRecord(self.number, self._position, at_ms, key, value, headers)
        self._position += 1
        self._waiting.append(record)

    def batches(self) -> Iterator[list[Append]]:
        """Yield what each batch of the waiting records appends, its proof last."""
        while self._waiting:
            started_ns = process_cpu_ns()
            appends = self._batch()
            self.cpu_ns += process_cpu_ns() - started_ns
            yield appends

    def _batch(self) -> list[Append]:
        spec, store = self._spec, self.store
        records = self._size.take(
            self._waiting, most_bytes=self._most_bytes, suspects=self._suspects
        )
        with self._size.timing(len(records)):
            prepared = spec.step.prepare(records)
            state = {} if store is None else store.get_many(prepared.state_keys)
            decided = spec.step.decide(prepared, state, previous=self._previous)
        self._previous = proof = decided.proof
        value = spec.encode_proof(proof)
        if store is not None:
            store.write(decided.changes, _folded(self._position, proof))
        last = Append(spec.proof_channel, self.number, None, value, spec.proof_headers)
        return [*decided.appends, last]


def _folded(position: int, proof: Proof) -> Folded:
    return Folded(FORMAT, CLUSTER, GENESIS, position, proof.chain)


def genesis(spec: StageSpec, settings: Settings, number: int) -> Proof:
    """Return the proof that a partition's chain starts from."""
    return sealed(
        Proof(
            stage=spec.step.stage,
            installation=settings.installation,
            genesis_id=GENESIS,
            cluster_id=CLUSTER,
            source_topic=spec.source_topic,
            source_partition=number,
            batch=0,
            first=0,
            next=0,
        )
    )
