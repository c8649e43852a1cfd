"""What a partition's state needs beside its batches: marks behind the horizon go, snapshots come."""

from __future__ import annotations

from collections.abc import Sequence

from mediation.dedup import Window
from pipeline.pruning import Pruning
from pipeline.snapshots import Snapshots
from pipeline.state import StateStore
from schemas.flow import SourceRecord
from schemas.proof import Proof


class Upkeep:
    """The upkeep of one partition's state in one session; it decides nothing and changes no
    outcome. All of it is done between batches."""

    def __init__(self, store: StateStore, *, window: Window | None, snapshots: Snapshots) -> None:
        """``window`` is that of the marks in the state; None: it holds none."""
        self._store = store
        self._pruning = None if window is None else Pruning(store, window)
        self._snapshots = snapshots

    def before_batch(self, records: Sequence[SourceRecord]) -> None:
        """Raise `Halted` where the state does not know any more what records may ask for."""
        if self._pruning is not None:
            self._pruning.check(records)

    def after_batch(self, records: Sequence[SourceRecord], *, changes: int, proof: Proof) -> None:
        """Do a bounded step; the state stands at ``proof``."""
        if self._pruning is not None:
            self._pruning.step(records, changes=changes)
        self._snapshots.step(self._store, proof, changes=changes)

    def while_idle(self, proof: Proof) -> None:
        """Do a bounded step where no record waits; the state stands at ``proof``."""
        if self._pruning is not None:
            self._pruning.step()
        self._snapshots.step(self._store, proof)
