"""When a partition's owner takes a snapshot of its state, and the steps of taking it."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import structlog

from pipeline.clock import Clock
from pipeline.metrics import StageMetrics
from pipeline.settings import Settings
from pipeline.snapshot_files import (
    Manifest,
    Snapshot,
    SnapshotDamaged,
    newest,
    partition_folder,
    write_snapshot,
)
from pipeline.state import Folded, Interrupted, StateStore, StateUnavailable
from schemas.proof import Proof

_log = structlog.get_logger(__name__)

_AGAIN_AFTER_MS = 600_000  # after one that failed: a full disk is not asked every batch
_SINCE = "since"  # when the first owner of a partition looked, while there is no snapshot


class Snapshots:
    """The snapshots of one partition, taken by its owner; none of it can stop the partition.

    A snapshot is due after so many changes of state, or when the last one is so old, and never
    while nothing changed. Taking it holds no batch back: RocksDB is asked to write what it holds in
    memory, which it does by itself; once it has, links to its files are made between two batches;
    a thread copies, reads and names them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        stage: str,
        partition: int,
        state_folder: Path,
        clock: Clock,
        metrics: StageMetrics,
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._partition = partition
        self._clock = clock
        self._metrics = metrics
        self.folder = partition_folder(
            settings.snapshot_folder(),
            installation=settings.installation,
            stage=stage,
            partition=partition,
        )
        # Beside the state, since links do not reach other file systems.
        self._checkpoint = state_folder / "checkpoints" / f"{stage}-{partition}"
        self._changes = 0  # since the last snapshot, as far as this process has seen them
        self._last: Snapshot | None = None
        self._since_ms: int | None = None  # of the last snapshot, or of the first look
        self._not_before_ms = 0
        self._flushing = False
        self._copying: asyncio.Future[Snapshot | None] | None = None
        self._stopped = threading.Event()

    def step(self, store: StateStore, proof: Proof, *, changes: int = 0) -> None:
        """Do what can be done now; the state stands at ``proof``, ``changes`` of it are new."""
        if not self._settings.snapshot_changes:
            return
        self._changes += changes
        try:
            if self._copying is not None:
                self._look_at_copy(self._copying)
            elif self._flushing:
                if not store.flushing:
                    self._flushing = False
                    self._begin(store, proof)
            elif self._is_due(store):
                store.flush_soon()
                self._flushing = True
        except (OSError, StateUnavailable, SnapshotDamaged) as error:
            self._failed(error)

    def stop(self) -> None:
        """Let a copy that is under way end soon, unfinished."""
        self._stopped.set()

    def _is_due(self, store: StateStore) -> bool:
        now_ms = self._now_ms()
        if now_ms < self._not_before_ms:
            return False
        if self._since_ms is None:
            self._since_ms = self._look()
        every = self._settings.snapshot_changes
        # A large state is copied as often as half of it changed: the cost per change stays the same.
        if self._changes >= every and self._changes >= store.keys // 2:
            return True
        if now_ms - self._since_ms < self._settings.snapshot_interval_ms:
            return False
        folded = store.folded
        return folded is not None and (
            self._last is None or folded.next_offset != self._last.next_offset
        )

    def _look(self) -> int:
        """Return when the last snapshot was taken; where there is none, when one looked first."""
        self._last = next(iter(newest(self.folder)), None)
        if self._last is not None:
            return self._last.manifest.taken_at_ms
        since = self.folder / _SINCE
        try:
            return int(since.read_text())
        except (OSError, ValueError):
            now_ms = self._now_ms()
            self.folder.mkdir(parents=True, exist_ok=True)
            since.write_text(str(now_ms))
            return now_ms

    def _begin(self, store: StateStore, proof: Proof) -> None:
        """Make the links, and have a thread make a snapshot of them."""
        folded = store.folded
        assert folded is not None, "a batch was written"
        assert folded.chain == proof.chain, "between two batches"
        shutil.rmtree(self._checkpoint, ignore_errors=True)
        store.checkpoint(self._checkpoint)
        manifest = self._manifest(folded, proof)
        self._changes = 0
        copying = asyncio.get_running_loop().run_in_executor(None, self._copy, manifest)
        copying.add_done_callback(lambda done: done.exception())  # the partition may be gone then
        self._copying = copying

    def _manifest(self, folded: Folded, proof: Proof) -> Manifest:
        return Manifest(
            format=0,
            installation=self._settings.installation,
            stage=self._stage,
            partition=self._partition,
            folded=folded,
            batch=proof.batch,
            source_next=proof.next,
            taken_at_ms=self._now_ms(),
            keys=0,
            digest="",
            files={},
        )

    def _copy(self, manifest: Manifest) -> Snapshot | None:
        try:
            return write_snapshot(
                self._checkpoint,
                self.folder,
                manifest,
                goes_on=lambda: not self._stopped.is_set(),
            )
        except Interrupted:
            return None
        finally:
            shutil.rmtree(self._checkpoint, ignore_errors=True)

    def _look_at_copy(self, copying: asyncio.Future[Snapshot | None]) -> None:
        if not copying.done():
            return
        self._copying = None
        snapshot = copying.result()
        if snapshot is None:
            return
        self._last, self._since_ms = snapshot, snapshot.manifest.taken_at_ms
        self._metrics.snapshot(self._partition, "taken")
        _log.info(
            "snapshot_taken",
            stage=self._stage,
            partition=self._partition,
            folder=str(snapshot.folder),
            keys=snapshot.manifest.keys,
        )

    def _failed(self, error: Exception) -> None:
        self._flushing = False
        self._not_before_ms = self._now_ms() + _AGAIN_AFTER_MS
        self._metrics.snapshot(self._partition, "failed")
        _log.error(
            "snapshot_failed",
            stage=self._stage,
            partition=self._partition,
            folder=str(self.folder),
            error=str(error) or repr(error),
            action="make room, or correct RATEMILL_SNAPSHOTS; it is tried again in ten minutes. "
            "Nothing is trimmed behind what is not in a snapshot",
        )

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
