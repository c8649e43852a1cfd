"""Restore: RocksDB folders that are gone, folded again from the changelog of an installation."""

from __future__ import annotations

from pathlib import Path

from aiokafka import TopicPartition

from pipeline.bench.result import Figures
from pipeline.bench.task import Task
from pipeline.clock import SystemClock, process_cpu_ns
from pipeline.proofs import read_last_proof
from pipeline.restore import Changelog, catch_up
from pipeline.settings import Settings
from pipeline.stage import StageSpec
from pipeline.stages import normalise_stage, rate_stage
from pipeline.state import StateStore
from schemas.flow import SourceRecord
from schemas.proof import Proof


async def restore(task: Task, settings: Settings) -> Figures:
    """Return how fast the state of normalise and of rate comes back, partition after partition."""
    bootstrap = settings.kafka_bootstrap
    assert bootstrap is not None
    folder = Path(task.scratch)
    figures: Figures = {}
    for name, spec, partitions, counted in (
        (
            "normalise",
            normalise_stage(settings, bootstrap=bootstrap).spec,
            settings.raw_partitions,
            "keys",
        ),
        (
            "rate",
            rate_stage(settings, bootstrap=bootstrap).spec,
            settings.rating_partitions,
            "ledger_records",
        ),
    ):
        restored = _Restored(spec, bootstrap, folder / name)
        for number in range(partitions):
            await restored.add(number)
        count = restored.keys if counted == "keys" else restored.records
        figures |= {
            f"restore_{name}_{counted}_per_s": count / restored.took_s,
            f"restore_{name}_us_per_{counted.removesuffix('s')}": restored.cpu_s * 1e6 / count,
            f"restore_{name}_{counted}": count,
            f"restore_{name}_s": restored.took_s,
        }
    return figures


class _Restored:
    """The partitions of a stage that were restored so far."""

    def __init__(self, spec: StageSpec, bootstrap: str, folder: Path) -> None:
        self._spec = spec
        self._bootstrap = bootstrap
        self._folder = folder
        self.took_s = self.cpu_s = 0.0
        self.records = self.keys = 0

    async def add(self, number: int) -> None:
        """Restore one more partition, into a folder that is empty."""
        spec, clock = self._spec, SystemClock()
        partition = TopicPartition(spec.changelog_topic, number)
        last = await read_last_proof(
            self._bootstrap, partition, decode=spec.decode_proof, client_id="ratemill.bench"
        )
        done = [0]
        store = StateStore(self._folder / str(number))
        try:
            started_ns, cpu_ns = clock.monotonic_ns(), process_cpu_ns()
            await catch_up(
                store,
                Changelog(
                    bootstrap=self._bootstrap,
                    partition=partition,
                    client_id="ratemill.bench",
                    fold=spec.step.fold,
                    proof_of=self._proof_of,
                ),
                upto=last,
                progress=done.append,
            )
            self.took_s += (clock.monotonic_ns() - started_ns) / 1e9
            self.cpu_s += (process_cpu_ns() - cpu_ns) / 1e9
            self.records += done[-1]
            self.keys += sum(1 for _ in store.items())
        finally:
            store.close()

    def _proof_of(self, record: SourceRecord) -> Proof | None:
        return self._spec.decode_proof(record.value) if self._spec.is_proof(record) else None
