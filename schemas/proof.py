"""The proof that ends each batch: what was read, what became of it, and what came before."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET, UnsetType

from schemas.decimals import DecimalText

NORMALISE = "normalise"
RATE = "rate"


class Cumulative(msgspec.Struct, frozen=True, array_like=True):
    """How many events so far, and the set hash of them (32 hex digits)."""

    count: int = 0
    set_hash: str = "0" * 32


class ReadSoFar(msgspec.Struct, frozen=True, array_like=True):
    """What rate has read of one raw partition, in one normalised partition.

    ``batch`` is the newest batch of normalise seen (``so_far`` may hold part of it); ``closed`` is
    the total up to the newest batch known to be read whole, ``closed_batch``, because one after
    it was seen.
    """

    batch: int
    so_far: Cumulative
    closed_batch: int
    closed: Cumulative


class SourceTally(msgspec.Struct, frozen=True, array_like=True):
    """Records, refusals and sequence numbers of one source in one batch."""

    records: int
    refusals: int
    first_sequence: int | None = None
    last_sequence: int | None = None


class Versions(msgspec.Struct, frozen=True):
    """The versions that a batch was decided under: offsets of the versions' topics, or -1 where
    the stage uses none; mappings by name."""

    catalogue: int = -1
    reference: int = -1
    mappings: dict[str, str] = {}


class Proof(msgspec.Struct, frozen=True, tag_field="kind", tag="proof", kw_only=True):
    """One batch of one source partition. Batch 0 is the genesis, written with the topics.

    `first` and `next` are source positions, half-open; offsets have holes where transaction
    markers lie, so `records` counts and is not their difference.
    """

    stage: str
    installation: str
    genesis_id: str
    cluster_id: str
    source_topic: str
    source_partition: int
    batch: int
    first: int
    next: int
    records: int = 0
    items: int = 0
    outcomes: dict[str, int] = {}
    refusals: dict[str, int] = {}  # suspended items by reason
    handed_on: dict[str, Cumulative] = {}  # normalise: by output partition
    read: dict[str, ReadSoFar] = {}  # rate: by raw partition
    charges: dict[str, DecimalText] = {}  # rate: sum by currency, of this batch
    quantities: dict[str, DecimalText] = {}  # rate: sum of billed quantity by unit, of this batch
    ledger_records: int = 0  # rate: ledger records of this batch, this proof not counted
    set_hash: str = "0" * 32  # rate: of the charges of this batch, `sethash.charge_member`
    suspense_count: int = 0  # records of this batch in the suspense topic, duplicates included
    suspense_hash: str = "0" * 32  # of their ids
    sources: dict[str, SourceTally] = {}
    versions: Versions = Versions()
    changes: bytes = b""  # normalise: the changes of its dedup state, `mediation/dedup.py`
    previous: str = "0" * 32
    chain: str = ""
    # Not on the wire where there are none: the chain is over what is, and old proofs have none.
    settled: dict[str, int] | UnsetType = UNSET  # normalise: suspense ids, recycled or written off
    recycled: dict[str, int] | UnsetType = UNSET  # of `outcomes`, those of what came back
    # normalise: the sequence numbers of a source as runs (first, last), rising, where a batch holds
    # several; see `mediation/runs.py`.
    runs: dict[str, tuple[tuple[int, int], ...]] | UnsetType = UNSET


_canonical = msgspec.msgpack.Encoder(order="sorted")
_json = msgspec.json.Encoder()
_json_decoder = msgspec.json.Decoder(Proof)
_msgpack_decoder = msgspec.msgpack.Decoder(Proof)


def chain_of(proof: Proof) -> str:
    """Return the 32 hex digits that chain this proof to the one before it."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(bytes.fromhex(proof.previous))
    digest.update(_canonical.encode(msgspec.structs.replace(proof, chain="")))
    return digest.hexdigest()


def sealed(proof: Proof) -> Proof:
    """Return the proof with its chain filled in."""
    return msgspec.structs.replace(proof, chain=chain_of(proof))


def is_sealed(proof: Proof) -> bool:
    """Return whether the chain of a proof is that of its content."""
    return proof.chain == chain_of(proof)


def proof_to_json(proof: Proof) -> bytes:
    """Return the form in which a proof lies in the ledger."""
    return _json.encode(proof)


def proof_from_json(value: bytes) -> Proof:
    """Return the proof of a ledger record."""
    return _json_decoder.decode(value)


def proof_to_msgpack(proof: Proof) -> bytes:
    """Return the form in which normalise's proofs lie in their topic: `changes` are bytes."""
    return _canonical.encode(proof)


def proof_from_msgpack(value: bytes) -> Proof:
    """Return the proof of a record of normalise's proofs topic."""
    return _msgpack_decoder.decode(value)
