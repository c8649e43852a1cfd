"""The table of proofs, and the load of normalise's own topic of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from mediation.changes import SETTLED_KEY, unpack
from mediation.settling import settled_from_bytes
from schemas.proof import NORMALISE, Proof, is_sealed
from sinks.connection import Connection, Pool
from sinks.errors import LedgerMismatch, classified
from sinks.progress import Progress, move_on

_encode = msgspec.json.Encoder().encode


async def insert_proofs(connection: Connection, proofs: Sequence[tuple[int, Proof]]) -> None:
    """Add proofs with the offsets at which they lie."""
    await connection.executemany(
        "INSERT INTO proofs (stage, source_topic, source_partition, batch, first_position, "
        "next_position, records, items, outcomes, refusals, charges, ledger_records, set_hash, "
        "suspense_count, suspense_hash, previous, chain, document, proof_offset) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        [_row(proof, offset) for offset, proof in proofs],
    )


def _row(proof: Proof, offset: int) -> tuple[object, ...]:
    return (
        proof.stage,
        proof.source_topic,
        proof.source_partition,
        proof.batch,
        proof.first,
        proof.next,
        proof.records,
        proof.items,
        _encode(proof.outcomes).decode(),
        _encode(proof.refusals).decode(),
        _encode(proof.charges).decode(),
        proof.ledger_records,
        proof.set_hash,
        proof.suspense_count,
        proof.suspense_hash,
        proof.previous,
        proof.chain,
        # The changes of dedup state are as large as all the rest, and of use to normalise alone.
        _encode(msgspec.structs.replace(proof, changes=b"")).decode(),
        offset,
    )


async def load_normalise_proofs(
    pool: Pool, *, after: Progress, proofs: Sequence[tuple[int, Proof]]
) -> Progress:
    """Load the proofs that follow ``after``, each with its offset, and return the position then.

    One transaction, begun by the compare-and-set. `LedgerMismatch` where one does not follow.
    """
    assert proofs
    position = after
    for offset, proof in proofs:
        position = _follow(position, offset, proof)
    with classified():
        async with pool.acquire() as connection, connection.transaction():
            await move_on(connection, after, position)
            await insert_proofs(connection, proofs)
            await _settle(connection, [proof for _, proof in proofs])
    return position


def settled_in(proof: Proof) -> list[tuple[str, str]]:
    """Return the suspense ids that a proof of normalise settles, each with what became of it."""
    if proof.settled is UNSET:
        return []
    return [
        (key[1:].hex(), settled_from_bytes(value).settled.value)
        for key, value in unpack(proof.changes)
        if key[:1] == SETTLED_KEY and value is not None
    ]


async def _settle(connection: Connection, proofs: Sequence[Proof]) -> None:
    # Sorted, as the load of the ledger adds them: two of them then never wait for each other.
    settled = sorted(each for proof in proofs for each in settled_in(proof))
    if settled:
        await connection.executemany(
            "INSERT INTO suspense_outcomes (suspense_id, outcome) VALUES ($1, $2) "
            "ON CONFLICT DO NOTHING",
            settled,
        )


def _follow(after: Progress, offset: int, proof: Proof) -> Progress:
    """Return the position after one more proof."""
    expected = (
        ("stage", proof.stage, NORMALISE),
        ("installation", proof.installation, after.installation),
        ("genesis", proof.genesis_id, after.genesis_id),
        ("partition", proof.source_partition, after.partition),
        ("batch number", proof.batch, after.batch + 1),
        ("chain of the batch before", proof.previous, after.chain),
        ("first source position", proof.first, after.source_next),
        ("its own chain", is_sealed(proof), True),
    )
    for what, said, found in expected:
        if said != found:
            raise LedgerMismatch(
                f"{after.name} offset {offset}, batch {proof.batch}: {what}: the proof says "
                f"{said}, found {found}. Nothing of it was loaded. Operator action: run `ratemill "
                "verify`; check that RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN belong "
                "together."
            )
    return after._replace(
        next_position=offset + 1, batch=proof.batch, chain=proof.chain, source_next=proof.next
    )
