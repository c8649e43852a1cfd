"""Catching up: the newest snapshot where the state is lost, then what the changelog holds past it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.errors import BrokenChain, Halted, WrongInstallation
from pipeline.kafka import reading
from pipeline.proofs import LastProof
from pipeline.snapshot_restore import restore_newest
from pipeline.state import FORMAT, Folded, StateStore
from schemas.flow import SourceRecord, StateChange
from schemas.proof import Proof, is_sealed

_POLL_MS = 200
_POLL_RECORDS = 2_000
_FOLD_BYTES = 8 << 20  # of the changelog, folded and written at once
_STALL_S = 30.0
_NO_CHAIN = "0" * 32


@dataclass(frozen=True, slots=True)
class Changelog:
    """The topic partition that a state is a fold of, and how to read it."""

    bootstrap: str
    partition: TopicPartition
    client_id: str
    fold: Callable[[bytes], Iterable[StateChange]]
    proof_of: Callable[[SourceRecord], Proof | None]
    # The fold of many records in order, where that is cheaper than one after the other.
    fold_many: Callable[[Sequence[bytes]], Iterable[StateChange]] | None = None

    def changes_of(self, values: Sequence[bytes]) -> Iterable[StateChange]:
        """Return what records in their order make of the state."""
        if self.fold_many is not None:
            return self.fold_many(values)
        return itertools.chain.from_iterable(map(self.fold, values))

    @property
    def name(self) -> str:
        """Return what the changelog is called in messages."""
        return f"{self.partition.topic}/{self.partition.partition}"


async def catch_up(
    store: StateStore,
    changelog: Changelog,
    *,
    upto: LastProof,
    progress: Callable[[int], None],
    snapshots: Path | None = None,
) -> None:
    """Bring the state up to the last committed proof, checking the chain of proofs on the way.

    A state that is empty, of an old format, or older than what the changelog still holds, begins
    from the newest of the ``snapshots`` that verifies; an empty one that has none, from the
    changelog's beginning where that is whole. A state of another installation is an error, not
    something to overwrite. ``progress`` is told how many changelog records were folded.
    """
    folded = store.folded
    if folded is not None:
        _check(folded, changelog, upto)
        if folded.next_offset > upto.offset:
            return
    async with reading(
        changelog.bootstrap, changelog.partition, client_id=changelog.client_id, source=True
    ) as consumer:
        begins = await consumer.beginning_offsets([changelog.partition])
        begin = int(begins[changelog.partition])
        if folded is None or folded.next_offset < begin:
            folded = await _begin_anew(store, folded, changelog, upto, snapshots, begin=begin)
        await _fold(store, folded, consumer, changelog, upto=upto, progress=progress)


async def _begin_anew(
    store: StateStore,
    folded: Folded | None,
    changelog: Changelog,
    upto: LastProof,
    snapshots: Path | None,
    *,
    begin: int,
) -> Folded:
    """Return the position of a state from which the changelog can be folded on."""
    if snapshots is not None:
        restored = await restore_newest(
            store,
            snapshots,
            name=changelog.name,
            begin=begin,
            check=lambda found: _check(found, changelog, upto),
        )
        if restored is not None:
            return restored
    if begin > 0:
        what = "is empty" if folded is None else f"ends before offset {folded.next_offset}"
        raise Halted(
            f"{changelog.name}: the state of this partition {what}, the changelog begins at offset "
            f"{begin}, and no snapshot in {snapshots} reaches to it: what lies between is not "
            "known here, and nothing is guessed. Operator action: copy the snapshots of this "
            "partition to that folder, from a backup or from the machine that owned it, or set "
            "RATEMILL_SNAPSHOTS to where they are; it tries again by itself."
        )
    store.clear()
    proof = upto.proof
    return Folded(FORMAT, proof.cluster_id, proof.genesis_id, 0, _NO_CHAIN)


async def _fold(
    store: StateStore,
    folded: Folded,
    consumer: AIOKafkaConsumer,
    changelog: Changelog,
    *,
    upto: LastProof,
    progress: Callable[[int], None],
) -> None:
    partition, name = changelog.partition, changelog.name
    position, chain, done = folded.next_offset, folded.chain, 0
    values: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _STALL_S
    consumer.seek(partition, position)
    while position <= upto.offset:
        fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
        with _no_collection():
            for raw in fetched.get(partition, ()):
                if raw.offset > upto.offset:
                    break
                proof = changelog.proof_of(raw)
                if proof is not None:
                    chain = _next_chain(chain, proof, name=name, offset=raw.offset)
                values.append(raw.value)
                size += len(raw.value)
                position = raw.offset + 1
                done += 1
                if proof is not None and size >= _FOLD_BYTES:
                    store.write(changelog.changes_of(values), _folded(upto.proof, position, chain))
                    values, size = [], 0
        if fetched:
            deadline = loop.time() + _STALL_S
        progress(done)
        if loop.time() > deadline:
            raise Halted(
                f"{name}: the changelog gave nothing past offset {position} for "
                f"{_STALL_S:.0f} s. Operator action: check the broker; it tries again."
            )
        # Folding is work on the event loop: let the group's heartbeat run in between.
        await asyncio.sleep(0)
    if chain != upto.proof.chain:
        raise BrokenChain(
            f"{name}: the chain folded so far does not end at the last proof. Operator action: run "
            "`ratemill verify`; then delete the state folder of this partition, it is rebuilt."
        )
    store.write(changelog.changes_of(values), _folded(upto.proof, position, chain))


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Hold Python's search for cycles off: a fold makes many objects and no cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(folded: Folded, changelog: Changelog, upto: LastProof) -> None:
    """Raise where a state, or a snapshot of one, is none that the changelog leads to."""
    proof, name = upto.proof, changelog.name
    if (folded.cluster_id, folded.genesis_id) != (proof.cluster_id, proof.genesis_id):
        raise WrongInstallation(
            f"The state of {name} was built on cluster {folded.cluster_id}, genesis "
            f"{folded.genesis_id}; the broker has cluster {proof.cluster_id}, genesis "
            f"{proof.genesis_id}. Operator action: check RATEMILL_KAFKA_BOOTSTRAP; if the broker "
            "was emptied on purpose, delete the data folder's state and snapshots and start again."
        )
    if folded.next_offset > upto.offset + 1 or (
        folded.next_offset == upto.offset + 1 and folded.chain != proof.chain
    ):
        raise BrokenChain(
            f"The state of {name} holds records up to {folded.next_offset}, which the broker does "
            f"not have (last proof at {upto.offset}). Operator action: the broker lost data; run "
            "`ratemill verify` and restore the topic before anything is started."
        )


def _next_chain(chain: str, proof: Proof, *, name: str, offset: int) -> str:
    if proof.previous != chain or not is_sealed(proof):
        raise BrokenChain(
            f"{name}: the proof at offset {offset} does not follow the one before it. Operator "
            "action: run `ratemill verify`, which names the range; do not delete anything before."
        )
    return proof.chain


def _folded(proof: Proof, position: int, chain: str) -> Folded:
    return Folded(FORMAT, proof.cluster_id, proof.genesis_id, position, chain)
