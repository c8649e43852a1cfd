"""What load does with the records of each topic it reads: gathered, then written in one go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from schemas.flow import SourceRecord
from schemas.proof import Proof, proof_from_msgpack
from schemas.suspense import Suspended
from schemas.suspense import from_wire as suspended_from_wire
from sinks.connection import Pool
from sinks.ledger_batch import LedgerBatch, LedgerBatches
from sinks.load import load_ledger
from sinks.progress import Progress
from sinks.proofs import load_normalise_proofs
from sinks.suspense import load_suspense

_log = structlog.get_logger(__name__)

Rows = dict[str, int]
"""Rows written, by table."""


class Gathering(Protocol):
    """Records of one partition that wait to be written. Thrown away at any doubt."""

    @property
    def ready(self) -> bool:
        """Return whether there is something whole to write."""
        ...

    def add(self, record: SourceRecord) -> None:
        """Take one more record, in order."""
        ...

    async def write(self, after: Progress) -> tuple[Progress, Rows]:
        """Write what is whole, in one transaction that moves the position on from ``after``."""
        ...


Gather = Callable[[Pool, Progress], Gathering]


class LedgerGathering:
    """Batches of the ledger: whole once their proof is there."""

    def __init__(self, pool: Pool, progress: Progress, *, on_request: Callable[[], None]) -> None:
        self._pool = pool
        self._cut = LedgerBatches(progress.name)
        self._batches: list[LedgerBatch] = []
        self._on_request = on_request

    @property
    def ready(self) -> bool:
        return bool(self._batches)

    def add(self, record: SourceRecord) -> None:
        batch = self._cut.add(record.offset, record.value)
        if batch is not None:
            self._batches.append(batch)

    async def write(self, after: Progress) -> tuple[Progress, Rows]:
        batches, self._batches = self._batches, []
        loaded = await load_ledger(self._pool, after=after, batches=batches)
        if loaded.requests:
            self._on_request()
        if loaded.repeated:
            # Harmless here, the guard held; but the ledger must never hold a charge twice.
            _log.error(
                "charges_repeated",
                partition=after.name,
                count=loaded.repeated,
                action="run `ratemill verify` and keep its report",
            )
        rows = {
            "rated_usage": loaded.charges,
            "invoice_requests": loaded.requests,
            "repeated_charges": loaded.repeated,
            "proofs": len(batches),
        }
        return loaded.progress, rows


class SuspenseGathering:
    """Refused records and duplicates: each is whole by itself."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._records: list[Suspended] = []
        self._next = 0

    @property
    def ready(self) -> bool:
        return bool(self._records)

    def add(self, record: SourceRecord) -> None:
        self._records.append(suspended_from_wire(record.value))
        self._next = record.offset + 1

    async def write(self, after: Progress) -> tuple[Progress, Rows]:
        records, self._records = self._records, []
        progress = await load_suspense(
            self._pool, after=after, records=records, next_position=self._next
        )
        return progress, {"suspense": len(records)}


class ProofGathering:
    """Proofs of normalise."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._proofs: list[tuple[int, Proof]] = []

    @property
    def ready(self) -> bool:
        return bool(self._proofs)

    def add(self, record: SourceRecord) -> None:
        self._proofs.append((record.offset, proof_from_msgpack(record.value)))

    async def write(self, after: Progress) -> tuple[Progress, Rows]:
        proofs, self._proofs = self._proofs, []
        progress = await load_normalise_proofs(self._pool, after=after, proofs=proofs)
        return progress, {"proofs": len(proofs)}
