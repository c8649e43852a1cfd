"""The tables that load writes, in memory: with the row lock, the compare-and-set, and the keys.

Held equal to Postgres by `tests/contract/test_loading.py`. A transaction whose process stands still
is ended after the server's idle time-out, and its process learns it when it commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from schemas.proof import Proof
from schemas.suspense import Suspended, SuspenseClass
from sinks.errors import LostCompareAndSet, SinkUnavailable
from sinks.ledger_batch import LedgerBatch, check
from sinks.load import Loaded
from sinks.progress import Progress
from sinks.proofs import _follow, settled_in
from tests.simulation.process import Process, current

_LOCK_S = 5.0
_IDLE_S = 15.0
_LOOK_S = 0.1

_Place = tuple[str, int]


class Tables:
    """Everything that is committed, and who holds which row."""

    def __init__(self, fate_of_commit: Callable[[], str] = lambda: "done") -> None:
        self.progress: dict[_Place, Progress] = {}
        self._fate_of_commit = fate_of_commit
        self.charges: dict[str, tuple[bytes, int, int]] = {}  # content, ledger partition, offset
        self.rated: list[str] = []  # charge ids, one per row
        self.requests: dict[str, str] = {}  # limit_reached id: crossing charge
        self.suspense: dict[str, Suspended] = {}
        self.duplicates: dict[str, Suspended] = {}
        self.outcomes: dict[str, str] = {}  # of records in suspense
        self.proofs: dict[tuple[str, str, int, int], str] = {}
        self.answering = asyncio.Event()
        self.answering.set()
        self._held: dict[_Place, _Transaction] = {}

    def read_progress(self, topic: str, partition: int) -> Progress:
        self._answer()
        return self.progress[topic, partition]

    def _answer(self) -> None:
        if not self.answering.is_set():
            raise SinkUnavailable("simulated: the database is not there")

    async def transact(
        self, before: Progress, after: Progress, *, apply: Callable[[], None]
    ) -> None:
        """Move one row on and apply the rest, all of it or nothing."""
        process = current()
        place = (before.topic, before.partition)
        transaction = _Transaction(process)
        await self._lock(place, transaction)
        try:
            await process.at("postgres_lock.after")
            if self.progress[place] != before:
                raise LostCompareAndSet(f"{place}: {self.progress[place]} is not {before}")
            await process.at("postgres_commit.before")
            self._answer()
            if transaction.ended:
                raise SinkUnavailable("simulated: the server ended an idle transaction")
            fate = self._fate_of_commit()
            if fate == "lost request":
                raise SinkUnavailable("simulated: the commit never arrived")
            apply()
            self.progress[place] = after
            if fate == "lost answer":
                raise SinkUnavailable("simulated: the answer to the commit was lost")
        finally:
            if self._held.get(place) is transaction:
                del self._held[place]
            transaction.forget()
        await process.at("postgres_commit.after")

    async def _lock(self, place: _Place, transaction: _Transaction) -> None:
        waited_s = 0.0
        while (holder := self._held.get(place)) is not None:
            if holder.ended:
                break
            self._answer()
            if waited_s > _LOCK_S:
                raise SinkUnavailable("simulated: the row is locked")
            await asyncio.sleep(_LOOK_S)
            waited_s += _LOOK_S
            transaction.process.check()
        self._answer()
        self._held[place] = transaction
        transaction.begin()


class _Transaction:
    """One transaction: ended by its process's death, or by standing still for too long."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ended = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self.process.on_death.append(self._end)
        self._timer = asyncio.get_running_loop().call_later(_IDLE_S, self._end)

    def _end(self) -> None:
        self.ended = True

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._end in self.process.on_death:
            self.process.on_death.remove(self._end)


async def load_ledger(tables: Tables, *, after: Progress, batches: Sequence[LedgerBatch]) -> Loaded:
    """Do what `sinks.load.load_ledger` does."""
    process = current()
    position = after
    for batch in batches:
        position = check(batch, after=position)
    await process.at("copy.before")
    await process.at("copy.after")
    repeated = 0

    def apply() -> None:
        nonlocal repeated
        for batch in batches:
            for offset, charge in batch.charges:
                content = charge.amount.encode()
                known = tables.charges.get(charge.charge_id)
                if charge.recycles is not None:
                    tables.outcomes.setdefault(charge.recycles, "recycled")
                if known is None:
                    tables.charges[charge.charge_id] = (content, after.partition, offset)
                    tables.rated.append(charge.charge_id)
                else:
                    assert known[0] == content, f"charge {charge.charge_id} with other content"
                    repeated += 1
            for _, limit in batch.limits:
                assert limit.limit_reached_id not in tables.requests
                tables.requests[limit.limit_reached_id] = limit.crossing_charge_id
            _add_proofs(tables, [(batch.proof_offset, batch.proof)])

    await tables.transact(after, position, apply=apply)
    charges = sum(len(batch.charges) for batch in batches)
    requests = sum(len(batch.limits) for batch in batches)
    return Loaded(position, charges - repeated, repeated, requests)


async def load_suspense(
    tables: Tables, *, after: Progress, records: Sequence[Suspended], next_position: int
) -> Progress:
    """Do what `sinks.suspense.load_suspense` does."""
    position = after._replace(next_position=next_position)

    def apply() -> None:
        for record in records:
            suspended = record.suspense_class is SuspenseClass.SUSPENDED
            table = tables.suspense if suspended else tables.duplicates
            table.setdefault(record.suspense_id, record)

    await tables.transact(after, position, apply=apply)
    return position


async def load_normalise_proofs(
    tables: Tables, *, after: Progress, proofs: Sequence[tuple[int, Proof]]
) -> Progress:
    """Do what `sinks.proofs.load_normalise_proofs` does."""
    position = after
    for offset, proof in proofs:
        position = _follow(position, offset, proof)

    def apply() -> None:
        _add_proofs(tables, proofs)
        for _, proof in proofs:
            for suspense_id, settled in settled_in(proof):
                tables.outcomes.setdefault(suspense_id, settled)

    await tables.transact(after, position, apply=apply)
    return position


def _add_proofs(tables: Tables, proofs: Sequence[tuple[int, Proof]]) -> None:
    for _, proof in proofs:
        key = (proof.stage, proof.source_topic, proof.source_partition, proof.batch)
        assert key not in tables.proofs, f"proof {key} twice"
        tables.proofs[key] = proof.chain


async def read_progress(
    tables: Tables, *, installation: str, topic: str, partition: int
) -> Progress:
    """Do what `sinks.progress.read_progress` does."""
    await current().at("postgres_read")
    return tables.read_progress(topic, partition)
